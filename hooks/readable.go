package hooks

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/polyclinic-os/polyclinic/kernel"
)

var (
	errBody  = kernel.Bad("body", "invalid_json", "The body must be one JSON object.")
	errForm  = kernel.Bad("body", "invalid_form", "The form could not be read.")
	errMedia = kernel.Bad("body", "unknown_content_type", "The body must be JSON or a form, and Content-Type must say which.")
)

const (
	mediaJSON   = "application/json"
	mediaForm   = "application/x-www-form-urlencoded"
	mediaUpload = "multipart/form-data"
)

// bindReadable refuses a body that cannot be read, ahead of every handler and whatever the
// method. PocketBase reads it late, for access rules and answers as well, and a failure there
// would look like ours. Forms wait until it is known who is calling and how often: an upload
// is large.
func bindReadable(k *kernel.Kernel) {
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "platform.readable", Func: func(se *core.ServeEvent) error {
		check := func(id string, priority int, read func(*core.RequestEvent) error) {
			se.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: id, Priority: priority, Func: func(e *core.RequestEvent) error {
				if e.Request.ContentLength == 0 || !strings.HasPrefix(e.Request.URL.Path, "/api/") {
					return e.Next()
				}
				if err := read(e); err != nil {
					return k.APIError(err)
				}
				return e.Next()
			}})
		}
		check("platform.json", kernel.PriorityGuard, func(e *core.RequestEvent) error { return readableJSON(e, k.OfScript(e.Request.Pattern)) })
		check("platform.forms", apis.DefaultRateLimitMiddlewarePriority+100, readableForm)
		return se.Next()
	}})
}

// readableJSON takes whatever is no form. Go's decoder stops after the first value, so what
// follows it would be dropped without a word; and it knows no JSON in a body of spaces. What a
// clinic's own script is sent besides, such as text, is the script's to read.
func readableJSON(e *core.RequestEvent, ofScript bool) error {
	media := mediaOf(e)
	if media == mediaForm || media == mediaUpload {
		return nil
	}
	raw, err := io.ReadAll(e.Request.Body)
	if err != nil {
		return kernel.ErrTooLarge
	}
	reread(e)
	switch raw = bytes.TrimSpace(raw); {
	case len(raw) == 0:
		e.Request.ContentLength = 0 // sent in chunks, or blank: to PocketBase, too, it is no body
	case media != mediaJSON && ofScript:
	case media != mediaJSON:
		return errMedia
	case !oneObject(raw):
		return errBody
	}
	return nil
}

func readableForm(e *core.RequestEvent) error {
	media := mediaOf(e)
	if media != mediaForm && media != mediaUpload {
		return nil
	}
	body := map[string]any{}
	if err := e.BindBody(&body); err != nil || body == nil { // the latter: null in @jsonPayload
		return errForm
	}
	reread(e)
	return nil
}

// mediaOf returns the type that the body has by its header, "" for none that PocketBase reads,
// and writes it as PocketBase compares it: letter by letter.
func mediaOf(e *core.RequestEvent) string {
	media, parameters, err := mime.ParseMediaType(e.Request.Header.Get("Content-Type"))
	switch {
	case err != nil:
		return ""
	case media == mediaJSON, media == mediaForm:
		e.Request.Header.Set("Content-Type", media)
	case media == mediaUpload:
		e.Request.Header.Set("Content-Type", mime.FormatMediaType(media, parameters))
	default:
		return ""
	}
	return media
}

func reread(e *core.RequestEvent) {
	if r, ok := e.Request.Body.(router.Rereader); ok {
		r.Reread()
	}
}

// oneObject reports whether raw is one JSON object that PocketBase can hold, which has no room
// for 1e999, in UTF-8, which RFC 8259 demands: Go's decoder would put another sign in the place
// of what is not.
func oneObject(raw []byte) bool {
	var object map[string]any
	return raw[0] == '{' && utf8.Valid(raw) && json.Unmarshal(raw, &object) == nil
}
