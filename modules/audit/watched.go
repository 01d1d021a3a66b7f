package audit

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// quietRoutes show nothing of patients. Every other GET leaves an entry when it succeeds,
// whatever it shows and wherever it lies: of modules, of PocketBase, of a clinic's scripts.
var quietRoutes = []string{
	"GET /api/clinic", "GET /api/auth/me", "GET /api/auth/sessions", "GET /api/auth/setup", "GET /api/inventory/alerts",
	"GET /api/openapi.json", "GET /api/docs", "GET /api/docs/{path...}",
	"GET /api/health", "GET /api/oauth2-redirect", "GET /api/collections/{collection}/auth-methods",
}

// backupRoute hands out everything that the clinic has.
const backupRoute = "GET /api/backups/{key}"

const fileRoute = "GET /api/files/{collection}/{recordId}/{filename}"

// isDashboard reports whether a route is of the files that PocketBase's dashboard is made of.
func isDashboard(pattern string) bool {
	return pattern == "GET /_/{path...}" || pattern == "GET /_/extensions.js" || strings.HasPrefix(pattern, "GET /_/extensions/")
}

// watched reports whether a successful GET leaves an entry though no record was seen.
func (t *trail) watched(a *asked) bool {
	r := a.event.Request
	c := r.PathValue("collection")
	switch {
	case slices.Contains(quietRoutes, r.Pattern):
		return false
	case c != "" && strings.HasPrefix(r.Pattern, "GET /api/collections/"): // an empty list says something, too
		found, err := t.k.App.FindCachedCollectionByNameOrId(c)
		return a.event.Auth != nil && err == nil && !slices.Contains(withoutPatients, found.Name)
	case t.routes[r.Pattern]:
		return a.event.Auth != nil // a module shows a guest nothing that it does not tell us of
	}
	return t.crowd.admits(a, "read")
}

// isScript reports whether a route is a clinic's own, which reads records behind our back.
func (t *trail) isScript(pattern string) bool {
	return !slices.Contains(quietRoutes, pattern) && t.k.OfScript(pattern)
}

// named returns the record that a module's route is about, which its answer may show
// without PocketBase's help; nothing when it was seen.
func (t *trail) named(r *http.Request, seen []item) []item {
	if t.isScript(r.Pattern) {
		return t.inScript(r)
	}
	id := cmp.Or(r.PathValue("id"), r.PathValue("recordId")) // the latter of a file
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
	return t.stored(collection, id)
}

// listedBelow returns the record whose list was asked for, such as a patient's records.
func (t *trail) listedBelow(r *http.Request) []item {
	collection, id := t.k.ListedBelow(r)
	if id == "" {
		return nil
	}
	return t.stored(collection, id)
}

// stored is a record that is asked for, nothing when it holds nothing of patients.
func (t *trail) stored(collection, id string) []item {
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

// reWildcard matches the parts of a route that each request fills in.
var reWildcard = regexp.MustCompile(`\{(\w+)(?:\.\.\.)?\}`)

// inScript returns the patients whose ids are in the path of a script's route: it reads
// records behind our back, and what it calls the part of the path is its own affair.
func (t *trail) inScript(r *http.Request) (list []item) {
	for _, name := range reWildcard.FindAllStringSubmatch(r.Pattern, -1) {
		id := r.PathValue(name[1])
		if len(id) != core.DefaultIdLength {
			continue
		}
		if rec, err := t.k.App.FindRecordById(patientsCollection, id); err == nil {
			list = append(list, t.about.item(t.k.App, rec))
		}
	}
	return list
}
