package hooks

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/polyclinic-os/polyclinic/kernel"
)

var errBody = kernel.Bad("body", "invalid_json", "The body must be one JSON object.")

// bindJSON refuses a body that is not one JSON object, ahead of every handler: Go's decoder
// stops after the first value, so what follows it would be dropped without a word.
func bindJSON(k *kernel.Kernel) {
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "platform.json", Func: func(se *core.ServeEvent) error {
		se.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "platform.json", Priority: kernel.PriorityGuard, Func: func(e *core.RequestEvent) error {
			media, _, err := mime.ParseMediaType(e.Request.Header.Get("Content-Type"))
			if err != nil || media != "application/json" || e.Request.Method == http.MethodGet || !strings.HasPrefix(e.Request.URL.Path, "/api/") {
				return e.Next()
			}
			e.Request.Header.Set("Content-Type", media) // PocketBase compares it letter by letter
			raw, err := io.ReadAll(e.Request.Body)
			if err != nil {
				return k.APIError(kernel.ErrTooLarge)
			}
			if r, ok := e.Request.Body.(router.Rereader); ok {
				r.Reread()
			}
			if raw = bytes.TrimSpace(raw); len(raw) > 0 && !oneObject(raw) {
				return k.APIError(errBody)
			}
			return e.Next()
		}})
		return se.Next()
	}})
}

// oneObject reports whether raw is one JSON object in UTF-8, which RFC 8259 demands: Go's
// decoder would put another sign in the place of what is not.
func oneObject(raw []byte) bool { return raw[0] == '{' && json.Valid(raw) && utf8.Valid(raw) }
