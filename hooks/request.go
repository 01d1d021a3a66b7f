package hooks

import (
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// bindRequest gives every request an id, which the client gets back, and keeps filters,
// tokens and ids of records in URLs out of the request log, which goes into every backup.
func bindRequest(k *kernel.Kernel) {
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "platform.request", Func: func(se *core.ServeEvent) error {
		se.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "platform.request", Priority: -9000, Func: func(e *core.RequestEvent) error {
			h := e.Response.Header()
			h.Set("X-Request-Id", security.RandomString(20))
			if strings.HasPrefix(e.Request.URL.Path, "/api/") && !strings.HasPrefix(e.Request.URL.Path, "/api/docs") {
				h.Set("Cache-Control", "no-store") // patients' data stays out of caches
			}
			return e.Next()
		}})
		return se.Next()
	}})
	k.App.OnModelCreate(core.LogsTableName).Bind(&hook.Handler[*core.ModelEvent]{Id: "platform.log", Func: func(e *core.ModelEvent) error {
		if l, ok := e.Model.(*core.Log); ok {
			redact(l)
		}
		return e.Next()
	}})
}

func redact(l *core.Log) {
	l.Message, _, _ = strings.Cut(l.Message, "?")
	if url, ok := l.Data["url"].(string); ok {
		l.Data["url"], _, _ = strings.Cut(url, "?")
	}
	delete(l.Data, "referer")
	delete(l.Data, "details")
}
