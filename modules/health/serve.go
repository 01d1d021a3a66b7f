package health

import (
	"net/http"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/reach"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// outermost is ahead of what answers errors, so that every path's pass through it.
const outermost = -8500

// bind answers /api/health in PocketBase's place, and says on every path, the dashboard's and
// batch too, when it was the disk: PocketBase answers 400 as if the client were wrong.
func bind(k *kernel.Kernel) error {
	w := of(k.App)
	k.App.OnMailerSend().Bind(&hook.Handler[*core.MailerEvent]{Id: "health.mail", Priority: outermost, Func: func(e *core.MailerEvent) error {
		err := e.Next()
		w.noteMail(err)
		return err
	}})
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "health.serve", Func: func(se *core.ServeEvent) error {
		se.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "health.storage", Priority: outermost, Func: func(e *core.RequestEvent) error {
			w.noteWhence(e.Request)
			err := e.Next()
			if full := kernel.StorageError(err); full != nil {
				w.forget()
				return k.APIError(full)
			}
			return err
		}})
		se.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "health.answer", Priority: kernel.PriorityGuard + 2, Func: func(e *core.RequestEvent) error {
			if strings.TrimSuffix(e.Request.URL.Path, "/") != "/api/health" || e.Request.Method != http.MethodGet && e.Request.Method != http.MethodHead {
				return e.Next()
			}
			return w.answer(k, e)
		}})
		return se.Next()
	}})
	return nil
}

// answer is PocketBase's shape. Data is level for everybody; code when the server is not
// ready; findings for administrators.
type answer struct {
	Code    int            `json:"code"`
	Message string         `json:"message"`
	Data    map[string]any `json:"data"`
}

func (w *watch) answer(k *kernel.Kernel, e *core.RequestEvent) error {
	storage, findings := w.state(k)
	a := answer{Code: http.StatusOK, Message: "API is healthy.", Data: map[string]any{"level": level(storage, findings)}}
	if storage != nil {
		a.Code, a.Message = http.StatusServiceUnavailable, storage.Text
		a.Data["code"] = storage.Code
	}
	if e.HasSuperuserAuth() { // what PocketBase's dashboard reads
		a.Data["canBackup"] = !e.App.Store().Has(core.StoreKeyActiveBackup)
		a.Data["realIP"] = e.RealIP()
		a.Data["possibleProxyHeader"] = proxyHeader(e)
	}
	if e.HasSuperuserAuth() || e.Auth != nil && authapi.Admin.Has(e.Auth) {
		a.Data["findings"] = findings
	}
	return e.JSON(a.Code, a)
}

// proxyHeader returns the first header of a proxy that the request has, declared ones first,
// "" when it has none.
func proxyHeader(e *core.RequestEvent) string {
	for _, name := range e.App.Settings().TrustedProxy.Headers {
		if e.Request.Header.Get(name) != "" {
			return name
		}
	}
	return reach.ProxyHeader(e.Request)
}

// noteWhence remembers that requests come through a proxy, or from other machines at all. The
// first makes the next question be looked into.
func (w *watch) noteWhence(r *http.Request) {
	byOthers := reach.ByOthers(r) && !w.byOthers.Swap(true)
	proxied := reach.ProxyHeader(r) != "" && !w.proxied.Swap(true)
	if byOthers || proxied {
		w.forget()
	}
}

// level returns the worst: "ok", or one of the levels of findings.
func level(storage *kernel.Error, findings []kernel.Finding) string {
	if storage != nil {
		return string(kernel.Alarm)
	}
	for _, l := range []kernel.Level{kernel.Alarm, kernel.Risk, kernel.Note} {
		if slices.ContainsFunc(findings, func(f kernel.Finding) bool { return f.Level == l }) {
			return string(l)
		}
	}
	return "ok"
}
