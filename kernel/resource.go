package kernel

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
	"github.com/pocketbase/pocketbase/tools/search"
)

// Resource serves one collection under a documented path. The request runs along
// PocketBase's own collection API: same rules, hooks, filter, sort, expand and
// realtime. Only the path, the status codes and the caps of API.md are added.
type Resource struct {
	Path       string            // "/api/patients"
	Collection string            // "patients"
	Noun       string            // "patient", for summaries
	Verbs      []Verb            // which of the five are documented; nil means all
	Search     []string          // text fields that ?q= looks in, see SearchColumn; "patientId.name" looks in what a relation leads to
	Sort       string            // order of a list without ?sort=, default "-created"
	Inputs     map[string]string // what a create reads besides fields, and its meaning, for OpenAPI
	ListBy     string            // relation field: the list is GET Path/{ListBy}, or Path itself where it names {id}
	Errors     []*Error          // the domain errors its hooks return, for OpenAPI

	// Of lists beside the collection's own, such as /api/billing/{id}/payments:
	Allow   Policy                                           // who may list here; zero: whom Access.List lets
	Deleted bool                                             // softly deleted records are in it
	Rows    func(q *dbx.SelectQuery, l Listing)              // narrows or replaces the rows that are listed
	Finish  func(app core.App, records []*core.Record) error // adds to the records of an answer
}

// Has reports whether the verb is documented.
func (r Resource) Has(v Verb) bool { return r.Verbs == nil || slices.Contains(r.Verbs, v) }

// Methods of the documented paths, by verb.
var methods = map[Verb]string{List: http.MethodGet, View: http.MethodGet, Create: http.MethodPost, Update: http.MethodPut, Delete: http.MethodDelete}

// Pattern returns method and path of a verb, e.g. "PUT /api/patients/{id}".
func (r Resource) Pattern(v Verb) string {
	path := r.Path
	switch {
	case strings.Contains(path, "{"):
	case v == List && r.ListBy != "":
		path += "/{" + r.ListBy + "}"
	case v != List && v != Create:
		path += "/{id}"
	}
	return methods[v] + " " + path
}

// maxPerPage caps ?perPage= on documented paths (API.md, section 1).
const maxPerPage = 200

// documented is what the outer handler learned about a request on a documented path.
type documented struct {
	resource Resource
	access   Access
	verb     Verb
	id       string   // of the record, or of ListBy's parent
	words    []string // of ?q=, where the texts that it looks in may be held in memory
}

type documentedKey struct{}

var reID = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// documentedOf returns nil when the request did not come by a documented path.
func documentedOf(r *http.Request) *documented {
	d, _ := r.Context().Value(documentedKey{}).(*documented)
	return d
}

// facade hands requests on documented paths to PocketBase's router under the
// collection's path, and every other request unchanged.
//
// PocketBase puts a body of its own into the request it gets, and closes the real one. It
// gets a copy: the server looks at its own request for a rest of the body on the wire, and
// would read that rest as the next request, perhaps another user's behind a proxy.
func (k *Kernel) facade(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in := r.WithContext(r.Context())
		if d := k.match(r); d != nil && k.mux.documents(r) {
			in = d.rewrite(r)
		}
		defer func() {
			if in.MultipartForm != nil {
				_ = in.MultipartForm.RemoveAll() // temporary files; the server looks for them in its own request
			}
		}()
		next.ServeHTTP(w, in)
	})
}

// match finds the documented verb, nil when the request is for none. It knows no other routes,
// see mux.documents.
func (k *Kernel) match(r *http.Request) *documented {
	path := strings.TrimSuffix(r.URL.Path, "/")
	res, ok := k.byPath[path]
	id := ""
	if !ok {
		dir, last, _ := cutLast(path)
		if res, ok = k.byPath[dir]; ok {
			id = last
		} else {
			var key string
			key, id = below(path)
			res, ok = k.byPath[key]
		}
		switch {
		case !ok:
			return nil
		case !reID.MatchString(id):
			return nil // no record has such an id, and the path is none of ours
		}
	}
	for _, v := range Verbs {
		if !res.Has(v) || methods[v] != documentedMethod(r.Method) {
			continue
		}
		withID := v == View || v == Update || v == Delete || (v == List && res.ListBy != "")
		if withID != (id != "") {
			continue
		}
		if k.strict.Load() {
			res.Allow = res.Allow.strictly()
		}
		return &documented{resource: res, access: k.accessNow(res.Collection), verb: v, id: id}
	}
	return nil
}

// documentedMethod lets PATCH and HEAD pass as what they mean.
func documentedMethod(m string) string {
	switch m {
	case http.MethodPatch:
		return http.MethodPut
	case http.MethodHead:
		return http.MethodGet
	}
	return m
}

func cutLast(path string) (dir, last string, ok bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}

func (d *documented) rewrite(r *http.Request) *http.Request {
	out := r.Clone(context.WithValue(r.Context(), documentedKey{}, d))
	out.URL.Path = "/api/collections/" + d.resource.Collection + "/records"
	out.URL.RawPath = ""
	if d.verb == Update {
		out.Method = http.MethodPatch
	}
	if d.verb != List {
		if d.id != "" {
			out.URL.Path += "/" + d.id
		}
		return out
	}
	q := out.URL.Query()
	if n, err := strconv.Atoi(q.Get("perPage")); (err == nil && n > maxPerPage) || errors.Is(err, strconv.ErrRange) {
		q.Set("perPage", strconv.Itoa(maxPerPage))
	}
	if q.Get("sort") == "" {
		q.Set("sort", d.sort())
	}
	out.URL.RawQuery = q.Encode()
	return out
}

func (d *documented) sort() string {
	if d.resource.Sort != "" {
		return d.resource.Sort
	}
	return "-created"
}

// narrow adds the plain text search and the parent to the client's own filter. It runs
// after the guard has looked at what the client sent.
func (d *documented) narrow(r *http.Request) {
	if d.verb != List {
		return
	}
	q := r.URL.Query()
	var parts []string
	if f := q.Get("filter"); f != "" {
		parts = append(parts, "("+storedForm(f)+")")
	}
	// A % of the client's would be a wildcard.
	text := strings.ReplaceAll(q.Get("q"), "%", " ")
	if strings.TrimSpace(text) == "" && q.Get("q") != "" {
		parts = append(parts, "id = ''")
	}
	if words := strings.Fields(text); len(words) > 0 && len(d.resource.Search) > 0 {
		words = words[:min(len(words), 5)]
		for _, w := range words {
			parts = append(parts, d.resource.searchTerm(w))
		}
		if d.access.TextsInMemory && !slices.ContainsFunc(d.resource.Search, func(f string) bool { return strings.Contains(f, ".") }) {
			d.words = words
			q.Set("sort", settled(q.Get("sort")))
		}
	}
	if len(parts) == 0 {
		return
	}
	q.Set("filter", strings.Join(parts, " && "))
	r.URL.RawQuery = q.Encode()
}

// settled adds to an order what decides between equals: a search may find its rows in another
// order than the next page's does. In the order of an index this is what SQLite does by itself.
func settled(sort string) string {
	keys := strings.Split(sort, ",")
	if len(keys) >= search.DefaultSortExprLimit {
		return sort
	}
	if strings.HasPrefix(strings.TrimSpace(keys[len(keys)-1]), "-") {
		return sort + ",-@rowid"
	}
	return sort + ",@rowid"
}

// quote returns s as a string literal of PocketBase's filter language.
func quote(s string) string {
	return "'" + strings.ReplaceAll(strings.ReplaceAll(s, `\`, ``), `'`, `\'`) + "'"
}

// reachedKey marks, on the request event, that the create passed its rule.
const reachedKey = "polyclinic.reached"

// serveDocumented gives a request on a documented path the codes of API.md around
// PocketBase's handler: 401 and 403 ahead of it, 201 for a create, and 403 instead of
// PocketBase's 400 or 404 where the caller sees the record but may not change it.
func (k *Kernel) serveDocumented(e *core.RequestEvent) error {
	d := documentedOf(e.Request)
	if d == nil {
		return e.Next()
	}
	e.Response = &instantWriter{e.Response}
	policy := d.resource.Policy(d.access, d.verb)
	if !policy.Admits(e.Auth) {
		if e.Auth == nil {
			return k.APIError(ErrSignIn)
		}
		return k.APIError(ErrForbidden)
	}
	if d.verb == List && d.resource.ListBy != "" {
		if err := k.parentVisible(e, d); err != nil {
			return k.APIError(err)
		}
	}
	d.narrow(e.Request)
	if d.verb == Create {
		e.Response = &createdWriter{e.Response}
	}
	err := e.Next()
	if err == nil {
		return nil
	}
	api, _ := k.toAPI(err)
	switch {
	case d.verb == Create && api.Status == http.StatusBadRequest && len(api.Data) == 0 && e.Get(reachedKey) == nil && strings.HasPrefix(api.Message, "Failed to create"):
		return k.APIError(ErrForbidden)
	case (d.verb == Update || d.verb == Delete) && api.Status == http.StatusNotFound && k.visible(e, d.resource.Collection, d.id):
		return k.APIError(ErrForbidden)
	case api.Status == http.StatusNotFound && len(api.Data) == 0:
		return k.APIError(ErrNotFound)
	}
	return api
}

// visible reports whether the caller may view the record.
func (k *Kernel) visible(e *core.RequestEvent, collection, id string) bool {
	return k.passes(e, collection, id, k.accessNow(collection).Compiled(View))
}

// passes reports whether the record is there and the rule lets the caller have it.
func (k *Kernel) passes(e *core.RequestEvent, collection, id string, rule *string) bool {
	rec, err := e.App.FindRecordById(collection, id)
	if err != nil {
		return false
	}
	info, err := e.RequestInfo()
	if err != nil {
		return false
	}
	ok, err := e.App.CanAccessRecord(rec, info, rule)
	return err == nil && ok
}

// createdWriter turns PocketBase's 200 into the 201 of API.md.
type createdWriter struct{ http.ResponseWriter }

func (w *createdWriter) WriteHeader(status int) {
	if status == http.StatusOK {
		status = http.StatusCreated
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *createdWriter) Write(b []byte) (int, error) {
	if t, ok := w.ResponseWriter.(router.WriteTracker); ok && !t.Written() {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets PocketBase and http.ResponseController reach the writer below.
func (w *createdWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
