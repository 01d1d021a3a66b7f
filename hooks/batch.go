package hooks

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/polyclinic-os/polyclinic/kernel"
)

var reBatchURL = regexp.MustCompile(`^/api/collections/([^/?]+)/records`)

var errNoRequest = kernel.ErrBadInput.At("requests")

// bindBatch holds batch to what the single requests are held to. Its inner requests pass
// no middleware, and their own headers would override the client's address: of those only
// If-Match is theirs, and they do not get the batch's.
func bindBatch(k *kernel.Kernel) {
	bindEmptyRequests(k)
	k.App.OnBatchRequest().Bind(&hook.Handler[*core.BatchRequestEvent]{Id: "platform.batch", Priority: first, Func: func(e *core.BatchRequestEvent) error {
		if e.Auth == nil {
			return k.APIError(kernel.ErrSignIn)
		}
		for _, r := range e.Batch {
			r.Headers = map[string]string{"If-Match": ifMatch(r.Headers)}
			u, err := url.Parse(r.URL)
			if err != nil {
				return k.APIError(errNoRequest)
			}
			m := reBatchURL.FindStringSubmatch(u.Path)
			if m == nil || e.HasSuperuserAuth() {
				continue
			}
			if err := guardCollection(k, e.App, m[1], u.Query()); err != nil {
				return k.APIError(err)
			}
		}
		return conflict(e.Next())
	}})
}

// ifMatch returns the version that an inner request was made from, "" for none.
func ifMatch(headers map[string]string) string {
	for name, v := range headers {
		if strings.EqualFold(name, "If-Match") {
			return v
		}
	}
	return ""
}

// bindEmptyRequests refuses a batch with null in the place of a request: PocketBase reaches
// into it ahead of the hook, and answers 500.
func bindEmptyRequests(k *kernel.Kernel) {
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "platform.batch", Func: func(se *core.ServeEvent) error {
		se.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "platform.batch", Priority: kernel.PriorityGuard, Func: func(e *core.RequestEvent) error {
			if e.Request.Pattern != "POST /api/batch" {
				return e.Next()
			}
			var form struct {
				Requests []*core.InternalRequest `form:"requests" json:"requests"`
			}
			if err := e.BindBody(&form); err != nil || slices.Contains(form.Requests, nil) {
				return k.APIError(errNoRequest)
			}
			return e.Next()
		}})
		return se.Next()
	}})
}

// conflict answers a batch that failed over a conflict with 409, as every other path does,
// and not with PocketBase's 400. What it says of the requests stays as it is.
func conflict(err error) error {
	outer, ok := errors.AsType[*router.ApiError](err)
	if !ok || outer.Status != http.StatusBadRequest {
		return err
	}
	requests, _ := outer.Data["requests"].(map[string]any)
	for _, failed := range requests {
		failed, _ := failed.(map[string]any)
		if inner, ok := failed["response"].(*router.ApiError); ok && inner.Status == http.StatusConflict {
			outer.Status = http.StatusConflict
		}
	}
	return outer
}
