package kernel

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// mux is the router's table with the documented paths in it, so that it is the router which
// says whose a path is: /api/inventory/alerts is a route's and /api/patients/mine a script's,
// where a script has it, and every other id is the resource's.
type mux struct {
	table      *http.ServeMux
	documented map[string]bool // patterns of the resources
}

// place puts the documented paths of a resource among the routes. Requests for a record do not
// arrive there: the facade has sent them elsewhere.
func (k *Kernel) place(se *core.ServeEvent, r Resource) {
	for _, v := range Verbs {
		if !r.Has(v) {
			continue
		}
		patterns := []string{r.Pattern(v)}
		if v == Update {
			_, path, _ := strings.Cut(patterns[0], " ")
			patterns = append(patterns, http.MethodPatch+" "+path)
		}
		for _, p := range patterns {
			method, path, _ := strings.Cut(p, " ")
			se.Router.Route(method, path, func(*core.RequestEvent) error { return k.APIError(ErrNotFound) })
			k.mux.documented[p] = true
		}
	}
}

// bindMux takes the table as the router has built it. A path that is there twice, as when a
// script adds one of the product's, ends the start in words.
func (k *Kernel) bindMux() {
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "kernel.mux", Priority: 9999, Func: func(se *core.ServeEvent) (err error) {
		defer func() {
			if cause := recover(); cause != nil {
				twice := rePathTwice.FindStringSubmatch(fmt.Sprint(cause))
				if twice == nil {
					panic(cause)
				}
				err = fmt.Errorf("a route of a script (pb_hooks) or a module cannot be added: %s takes requests of %s, which is there already. Choose another path", twice[1], twice[2])
			}
		}()
		if err := se.Next(); err != nil {
			return err
		}
		table, ok := se.Server.Handler.(*http.ServeMux)
		if !ok {
			return errors.New("the router has another table of routes than this version of PocketBase has")
		}
		k.mux.table = table
		return nil
	}})
}

// rePathTwice finds the two paths in what net/http panics with.
var rePathTwice = regexp.MustCompile(`^pattern "([^"]+)" .* conflicts with pattern "([^"]+)"`)

// documents reports whether a request is for a resource, and not for a route whose path says
// more. A / at the end is no part of a path.
func (m mux) documents(r *http.Request) bool {
	if strings.HasSuffix(r.URL.Path, "/") {
		url := *r.URL
		url.Path, url.RawPath = strings.TrimSuffix(url.Path, "/"), strings.TrimSuffix(url.RawPath, "/")
		r = &http.Request{Method: r.Method, Host: r.Host, URL: &url}
	}
	_, pattern := m.table.Handler(r)
	return m.documented[pattern]
}
