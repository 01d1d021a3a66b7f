package kernel

import (
	"slices"
	"strings"
)

// reserved are the first parts of PocketBase's own paths below /api.
var reserved = []string{"backups", "batch", "collections", "crons", "files", "health", "logs", "oauth2-redirect", "realtime", "settings", "sql"}

// OfScript reports whether a route is neither a module's nor PocketBase's: one of a clinic's
// own scripts.
func (k *Kernel) OfScript(pattern string) bool {
	_, path, _ := strings.Cut(pattern, "/")
	below, inAPI := strings.CutPrefix(path, "api/")
	first, _, _ := strings.Cut(below, "/")
	_, ours := k.routes[pattern]
	return path != "" && !ours && !k.mux.documented[pattern] && !(inAPI && slices.Contains(reserved, first))
}
