package kernel

import (
	"net/http"

	"github.com/pocketbase/pocketbase/core"
)

// RateClass is a kind of request that is counted for itself.
type RateClass string

// The classes of requests.
const (
	SignInRate RateClass = "signIn" // whatever checks a password, a code or a link
	WriteRate  RateClass = "write"
	ReadRate   RateClass = "read"
	ExportRate RateClass = "export" // documents and tables that are written for one request
)

// WebRules is what the clinic decides about requests from the web. One module provides it.
type WebRules interface {
	// AllowedOrigins are the pages of other servers that a browser may let in.
	AllowedOrigins(app core.App) ([]string, error)
	// PerMinute is how many requests of the class one caller may send.
	PerMinute(app core.App, class RateClass) (int, error)
}

// Exports reports whether a route pattern such as "GET /api/billing/{id}/pdf" answers a
// document instead of JSON.
func (k *Kernel) Exports(pattern string) bool { return k.exports[pattern] }

// isExport reports whether a route writes a document, and nothing else: where the caller chooses, the
// parameter format says it. A page for people is none.
func isExport(r Route) bool {
	return r.Method == http.MethodGet && r.Raw != "" && r.Raw != "text/html" && r.out == nothingType
}
