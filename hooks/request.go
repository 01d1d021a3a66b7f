package hooks

import (
	"regexp"
	"strings"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// bindRequest gives every request an id, which the client gets back, and keeps filters,
// tokens, ids of records and names of files out of the request log, which goes into every
// backup: it has routes in the place of URLs. Whose record it was is in the audit trail.
func bindRequest(k *kernel.Kernel) {
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "platform.request", Func: func(se *core.ServeEvent) error {
		se.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "platform.request", Priority: -9000, Func: func(e *core.RequestEvent) error {
			h := e.Response.Header()
			h.Set("X-Request-Id", security.RandomString(20))
			if strings.HasPrefix(e.Request.URL.Path, "/api/") && !strings.HasPrefix(e.Request.URL.Path, "/api/docs") {
				h.Set("Cache-Control", "no-store") // patients' data stays out of caches
			}
			e.Set(apis.RequestEventKeyLogMeta, map[string]any{routeKey: routeOf(e)})
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

// routeKey is where the log is told of a request's route, until redact.
const routeKey = "route"

// routeOf returns the pattern that a request's path fits, with the collection's name, which
// is nobody's secret, in its place.
func routeOf(e *core.RequestEvent) string {
	_, route, _ := strings.Cut(e.Request.Pattern, " ")
	if ref := e.Request.PathValue("collection"); ref != "" {
		if c, err := e.App.FindCachedCollectionByNameOrId(ref); err == nil {
			route = strings.Replace(route, "{collection}", c.Name, 1)
		}
	}
	return route
}

// reThumb matches PocketBase's word of a picture that it could make none smaller of: with the
// file's name, and beside it the record's id.
var reThumb = regexp.MustCompile(`^(Fallback to original - failed to create thumb) .*$`)

// reMail matches an e-mail address: mail servers say whose they refuse.
var reMail = regexp.MustCompile(`[^\s<>"'(),:;]+@[^\s<>"'(),:;]+`)

// mailed stands in the place of an address.
const mailed = "(address)"

func redact(l *core.Log) {
	l.Message, _, _ = strings.Cut(l.Message, "?")
	if l.Data["type"] == "request" {
		route := "/" // of one that was refused ahead of all routes
		if meta, ok := l.Data["meta"].(map[string]any); ok {
			if of, ok := meta[routeKey].(string); ok && of != "" {
				route = of
			}
			delete(l.Data, "meta")
		}
		method, _, _ := strings.Cut(l.Message, " ")
		l.Message, l.Data["url"] = method+" "+route, route
	}
	l.Message = reMail.ReplaceAllString(reThumb.ReplaceAllString(l.Message, "$1"), mailed)
	for key, v := range l.Data {
		if text, ok := v.(string); ok {
			l.Data[key] = reMail.ReplaceAllString(text, mailed)
		}
	}
	for _, key := range []string{"referer", "details", "original", "thumb"} {
		delete(l.Data, key)
	}
}
