package hooks

import (
	"net/http"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// How many large forms are taken at once. PocketBase holds each in memory, and twice where it
// looks at it twice: 32 MB that are sent take up to 80 until they are answered, and a client may
// take five minutes to send them.
const (
	maxUploads        = 16
	maxUploadsAccount = 4
)

var errUploads = kernel.Fail(http.StatusTooManyRequests, "too_many_uploads", "Too many uploads at once.")

// bindUploads takes large forms from whoever is signed in alone, and a few at once.
func bindUploads(k *kernel.Kernel) {
	open := newCounter(maxUploads, maxUploadsAccount)
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "platform.uploads", Func: func(se *core.ServeEvent) error {
		se.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "platform.uploads", Priority: kernel.PriorityGuard, Func: func(e *core.RequestEvent) error {
			body, bounded := e.Request.Body.(*boundedBody)
			large := e.Request.ContentLength > maxJSON || e.Request.ContentLength < 0
			if !bounded || body.limit <= maxJSON || !large {
				return e.Next()
			}
			if e.Auth == nil {
				if e.Request.ContentLength > maxJSON {
					return k.APIError(kernel.ErrTooLarge)
				}
				body.limit = maxJSON
				return e.Next()
			}
			release, ok := open.take(e.Auth.Id)
			if !ok {
				return k.APIError(errUploads)
			}
			defer release()
			return e.Next()
		}})
		return se.Next()
	}})
}
