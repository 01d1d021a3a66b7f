package hooks

import (
	"net/http"
	"strings"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// Policies of what a browser may do with an answer. A page that needs more sets its own.
const (
	dataPolicy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
	pagePolicy = "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)

// bindHeaders gives every answer its security headers, redirects and refusals of the router
// included, and lets in no page of another server that the clinic did not name.
func bindHeaders(k *kernel.Kernel) {
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "platform.headers", Func: func(se *core.ServeEvent) error {
		// In the place of PocketBase's own, which admits everybody unless --origins says other.
		se.Router.Bind(apis.CORS(apis.CORSConfig{
			AllowOriginFunc: func(origin string) (bool, error) { return originAllowed(k, origin), nil },
			AllowMethods:    []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodPost, http.MethodDelete},
			ExposeHeaders:   []string{"Retry-After", "X-Request-Id", "Idempotency-Replayed", "Content-Disposition", "Analytics-Behind"},
		}))
		if err := se.Next(); err != nil {
			return err
		}
		next := se.Server.Handler
		se.Server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			setHeaders(w.Header(), r)
			next.ServeHTTP(w, r)
		})
		return nil
	}})
}

func setHeaders(h http.Header, r *http.Request) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(self), microphone=(self), geolocation=()")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	// Browsers ignore it unless the answer came by TLS, so a forged header does no harm.
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	switch p := r.URL.Path; {
	case strings.HasPrefix(p, "/api/files/"), strings.HasPrefix(p, "/_/"):
		// PocketBase has policies of its own for files and for the dashboard.
	case strings.HasPrefix(p, "/api/"):
		h.Set("Content-Security-Policy", dataPolicy)
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
	default:
		h.Set("Content-Security-Policy", pagePolicy)
	}
}

// originAllowed reports whether the clinic named the page's server. Pages of this server
// itself need no permission.
func originAllowed(k *kernel.Kernel, origin string) bool {
	rules, err := kernel.One[kernel.WebRules](k)
	if err != nil {
		return false
	}
	allowed, err := rules.AllowedOrigins(k.App)
	if err != nil {
		k.App.Logger().Error("allowed origins not read", "error", err)
		return false
	}
	for _, a := range allowed {
		if strings.EqualFold(a, origin) {
			return true
		}
	}
	return false
}
