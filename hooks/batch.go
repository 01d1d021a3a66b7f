package hooks

import (
	"net/url"
	"regexp"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
)

var reBatchURL = regexp.MustCompile(`^/api/collections/([^/?]+)/records`)

// bindBatch holds batch to what the single requests are held to. Its inner requests pass
// no middleware, and their own headers would override the client's address.
func bindBatch(k *kernel.Kernel) {
	k.App.OnBatchRequest().Bind(&hook.Handler[*core.BatchRequestEvent]{Id: "platform.batch", Priority: first, Func: func(e *core.BatchRequestEvent) error {
		if e.Auth == nil {
			return k.APIError(kernel.ErrSignIn)
		}
		for _, r := range e.Batch {
			r.Headers = nil
			u, err := url.Parse(r.URL)
			if err != nil {
				return k.APIError(kernel.ErrBadInput.At("requests"))
			}
			m := reBatchURL.FindStringSubmatch(u.Path)
			if m == nil || e.HasSuperuserAuth() {
				continue
			}
			if err := guardCollection(k, e.App, m[1], u.Query()); err != nil {
				return k.APIError(err)
			}
		}
		return e.Next()
	}})
}
