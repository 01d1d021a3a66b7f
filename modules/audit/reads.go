package audit

import (
	"net/http"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// bindEnrich notes every record that an answer shows: lists, views, expands, answers to
// writes, routes of modules.
func (t *trail) bindEnrich(k *kernel.Kernel) {
	k.App.OnRecordEnrich().Bind(&hook.Handler[*core.RecordEnrichEvent]{Id: "audit: what is shown is recorded", Func: func(e *core.RecordEnrichEvent) error {
		if e.RequestInfo == nil || e.RequestInfo.Context == core.RequestInfoContextRealtime || slices.Contains(withoutPatients, e.Record.Collection().Name) {
			return e.Next()
		}
		if found, ok := t.byHeader.Load(e.RequestInfo.Headers[headerKey]); ok {
			found.(*asked).saw(t.about.item(k.App, e.Record))
		}
		return e.Next()
	}})
	k.App.OnFileDownloadRequest().Bind(&hook.Handler[*core.FileDownloadRequestEvent]{Id: "audit: files are recorded", Priority: -2, Func: func(e *core.FileDownloadRequestEvent) error {
		a := t.askedBy(e.RequestEvent)
		if a == nil {
			return e.Next()
		}
		// The token says who it is: PocketBase leaves e.Auth as the header has it.
		if account, err := e.App.FindAuthRecordByToken(e.Request.URL.Query().Get("token"), core.TokenTypeFile); err == nil {
			a.be(account)
		}
		a.does("read-file")
		a.saw(t.about.item(k.App, e.Record))
		return e.Next()
	}})
}

func (a *asked) saw(i item) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.items = append(a.items, i)
}

func (a *asked) does(action string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.action = action
}

// be says who asks where PocketBase's e.Auth does not.
func (a *asked) be(account *core.Record) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.actor, a.role = named(account)
}

// askedBy finds what is collected of a request, nil outside of the API.
func (t *trail) askedBy(e *core.RequestEvent) *asked {
	found, ok := t.byHeader.Load(e.Request.Header.Get(header))
	if !ok {
		return nil
	}
	return found.(*asked)
}

// unwatchedRoutes are those that show nothing of patients. A route that is not named here
// leaves an entry for each successful GET, whatever it shows.
var unwatchedRoutes = []string{
	"GET /api/clinic", "GET /api/auth/me", "GET /api/auth/sessions", "GET /api/auth/setup", "GET /api/health", "GET /api/openapi.json",
	"GET /api/docs", "GET /api/inventory", "GET /api/video/settings",
}

// backupRoute hands out everything that the clinic has.
const backupRoute = "GET /api/backups/{key}"

// superuserRoutes are PocketBase's own that show how the clinic is set up, or its logs.
var superuserRoutes = []string{"/api/settings", "/api/logs", "/api/backups", "/api/crons", "/api/collections/meta"}

// watched reports whether a successful GET leaves an entry though no record was seen: a
// module's route that puts its answer together itself, or a superuser's look at the set-up.
func (t *trail) watched(a *asked) bool {
	r := a.event.Request
	if a.event.HasSuperuserAuth() {
		path := r.URL.Path
		return path == "/api/collections" || slices.ContainsFunc(superuserRoutes, func(p string) bool { return strings.HasPrefix(path, p) })
	}
	if a.event.Auth == nil {
		return false
	}
	if c := r.PathValue("collection"); c != "" { // an empty list says something, too
		found, err := t.k.App.FindCachedCollectionByNameOrId(c)
		return err == nil && !slices.Contains(withoutPatients, found.Name)
	}
	if !t.routes[r.Pattern] {
		return false
	}
	return !slices.ContainsFunc(unwatchedRoutes, func(p string) bool { return strings.HasPrefix(r.Pattern, p) })
}

// named returns the record that a module's route is about, which its answer may show
// without PocketBase's help; nothing when it was seen.
func (t *trail) named(r *http.Request, seen []item) []item {
	id := r.PathValue("id")
	collection := t.records[r.Pattern]
	if collection == "" {
		collection = r.PathValue("collection")
	}
	if collection == "" && strings.Contains(r.Pattern, " /api/patients/{id}/") {
		collection = patientsCollection // of a route that loads the record itself
	}
	if id == "" || collection == "" || slices.ContainsFunc(seen, func(i item) bool { return i.id == id }) {
		return nil
	}
	c, err := t.k.App.FindCachedCollectionByNameOrId(collection)
	if err != nil || slices.Contains(withoutPatients, c.Name) {
		return nil
	}
	rec, err := t.k.App.FindRecordById(c, id)
	if err != nil {
		return nil // it was asked for and is not there
	}
	return []item{t.about.item(t.k.App, rec)}
}
