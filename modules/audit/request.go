package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/auditapi"
	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
)

// priority of the middleware: inside of the one that gives a request its id, outside of all
// that may refuse.
const priority = -8900

// header carries the request's id to OnRecordEnrich, which sees the headers and not the
// request. What a client sends under this name is overwritten.
const header = "X-Audit-Request"

// headerKey is the header as PocketBase names it in RequestInfo.
const headerKey = "x_audit_request"

// errNoTrail refuses what cannot be recorded.
var errNoTrail = kernel.Fail(http.StatusServiceUnavailable, "audit_unavailable", "The audit trail cannot be written: nothing is shown or changed until it can.")

func (t *trail) bindRequests(k *kernel.Kernel) {
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "audit: every request is recorded", Func: func(se *core.ServeEvent) error {
		se.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "audit: every request is recorded", Priority: priority, Func: t.follow})
		return se.Next()
	}})
	k.App.OnBatchRequest().Bind(&hook.Handler[*core.BatchRequestEvent]{Id: "audit: what a batch does is recorded", Priority: 1000, Func: func(e *core.BatchRequestEvent) error {
		if a := t.askedBy(e.RequestEvent); a != nil {
			a.batch = e.Batch
		}
		for _, r := range e.Batch {
			for name := range r.Headers {
				if strings.EqualFold(name, header) {
					delete(r.Headers, name) // the client put it there
				}
			}
			if r.Headers == nil {
				r.Headers = map[string]string{}
			}
			r.Headers[header] = e.Request.Header.Get(header)
		}
		return e.Next()
	}})
	t.bindEnrich(k)
}

// follow collects what a request does, and writes its entry before the first byte of the
// answer leaves.
func (t *trail) follow(e *core.RequestEvent) error {
	e.Request.Header.Del(header)
	if isDashboard(e.Request.Pattern) {
		return e.Next()
	}
	a := &asked{id: e.Response.Header().Get("X-Request-Id"), event: e}
	if a.id == "" {
		a.id = random(10)
	}
	if e.Request.Method == http.MethodGet && strings.TrimSuffix(e.Request.URL.Path, "/") == "/api/realtime" {
		return e.Next() // it never ends; its messages have entries of their own
	}
	secret := random(16) // the id is in the answer's header, this is not
	t.byHeader.Store(secret, a)
	defer t.byHeader.Delete(secret)
	e.Request.Header.Set(header, secret)
	auditapi.SetMarker(e, a)
	t.name(a)
	outer, app := e.Response, e.App
	g := &gate{ResponseWriter: outer, enter: func(status int) error { return t.answering(a, status) }}
	e.Response, e.App = g, askedApp{app, a, &t.writers}
	defer func() { e.App = app }()
	err := e.Next()
	if g.failed {
		return nil // it is answered
	}
	if err != nil && !g.Written() {
		t.failed(a, err)
		if failed := t.answering(a, t.k.StatusOf(err)); failed != nil {
			return t.k.APIError(errNoTrail)
		}
	}
	return err
}

// name gives the request an action of its own where method and path would say too little.
func (t *trail) name(a *asked) {
	switch e := a.event; {
	case slices.Contains(signOuts, e.Request.Pattern):
		a.action = "sign-out"
	case e.Request.Pattern == backupRoute:
		a.action = "export"
		if t.byFileToken(a) {
			a.saw(item{collection: "backups", id: e.Request.PathValue("key")})
		}
	case e.Request.Pattern == fileRoute:
		t.byFileToken(a)
	}
}

// byFileToken says who it is by the token in the address, where e.Auth does not, and reports
// whether there is one that is good.
func (t *trail) byFileToken(a *asked) bool {
	account, err := a.event.App.FindAuthRecordByToken(a.event.Request.URL.Query().Get("token"), core.TokenTypeFile)
	if err != nil {
		return false
	}
	a.be(account)
	return true
}

// answering writes the request's entry, if it is to have one, for an answer of that status.
func (t *trail) answering(a *asked, status int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.entered {
		return nil
	}
	entry, wanted, err := t.entryOf(a, status)
	if err == nil && wanted {
		err = t.enter(entry)
	}
	if err != nil {
		t.k.App.Logger().Error("no entry, no answer", "request", a.id, "error", err)
		return errNoTrail
	}
	a.entered = true
	return nil
}

// entryOf decides whether an answer needs an entry besides those of its writes, and makes it.
func (t *trail) entryOf(a *asked, status int) (entry chain.Entry, wanted bool, err error) {
	r := a.event.Request
	entry = a.who()
	entry.Target, entry.Action = t.target(r), a.action
	seen := a.items
	if status >= http.StatusBadRequest {
		if !t.refused(a, status) {
			return entry, false, nil
		}
		entry.Outcome, entry.Status = "refused", status
		if status >= http.StatusInternalServerError {
			entry.Outcome = "failed"
		}
		if a.action == "" {
			seen = nil // it was not shown
		}
	}
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if entry.Action == "" {
		entry.Action = "read"
		if !reads {
			entry.Action = "do"
		}
	}
	unwritten := slices.DeleteFunc(slices.Clone(seen), func(i item) bool { return a.written[i.String()] })
	switch {
	case status >= http.StatusBadRequest, a.action != "", len(unwritten) > 0:
	case reads:
		wanted = t.watched(a)
		if !wanted {
			return entry, false, nil
		}
	case len(a.written) > 0 && !t.isScript(r.Pattern):
		return entry, false, nil // its writes have entries
	case isPreflight(r), !t.crowd.admits(a, "do"):
		return entry, false, nil
	}
	if status == http.StatusUnauthorized && a.signedIn {
		a.marks = append(a.marks, "second-factor-asked")
	}
	items := append(unwritten, t.named(r, unwritten)...)
	if status >= http.StatusBadRequest {
		items = append(items, t.listedBelow(r)...)
	}
	return entry, true, t.complete(a, &entry, items, status)
}

// isPreflight reports whether a browser asks what it may ask.
func isPreflight(r *http.Request) bool { return r.Method == http.MethodOptions && r.Pattern == "/" }

// complete adds what was seen, and what it takes queries to find out.
func (t *trail) complete(a *asked, entry *chain.Entry, items []item, status int) error {
	var err error
	if entry.Patients, err = t.about.patients(t.k.App, items); err != nil {
		return err
	}
	if status >= http.StatusBadRequest {
		tried, err := t.triedWith(a)
		if err != nil {
			return err
		}
		entry.Patients = append(entry.Patients, tried...)
		items = append(items, a.wants...)
	}
	entry.Patients = unique(append(entry.Patients, a.patients...))
	for _, i := range items {
		if i.id == "" {
			continue
		}
		entry.Items = append(entry.Items, i.String())
	}
	entry.Items = unique(entry.Items)
	entry.Query = t.hashed(a.event.Request)
	entry.Marks = slices.Clone(a.marks)
	if auth := a.event.Auth; status < http.StatusBadRequest && isPerson(auth) {
		due, err := t.marksDue(t.k.App, auth, entry.Patients)
		if err != nil {
			return err
		}
		mark(entry, due)
	}
	entry.Marks = unique(entry.Marks)
	return nil
}

// isPerson reports whether an account is one of the clinic's people, to whom marks apply.
func isPerson(account *core.Record) bool { return account != nil && !account.IsSuperuser() }

// marksDue asks the modules which marks are due when the account is shown something of the patients.
func (t *trail) marksDue(app core.App, account *core.Record, patients []string) (map[string][]string, error) {
	if len(patients) == 0 {
		return nil, nil
	}
	all := map[string][]string{}
	for _, look := range kernel.All[auditapi.Reading](t.k) {
		marks, err := look(app, account, patients)
		if err != nil {
			return nil, err
		}
		for name, about := range marks {
			all[name] = append(all[name], about...)
		}
	}
	return all, nil
}

// mark puts marks on an entry. One that is not about every patient says about whom: a list
// shows some who are under the reader's care beside some who are not.
func mark(entry *chain.Entry, marks map[string][]string) {
	for name, about := range marks {
		if len(about) == 0 || slices.Contains(entry.Marks, name) {
			continue
		}
		entry.Marks = append(entry.Marks, name)
		if len(about) < len(entry.Patients) {
			if entry.Marked == nil {
				entry.Marked = chain.Marked{}
			}
			entry.Marked[name] = about
		}
	}
}

// unique sorts a list and takes out what is in it twice.
func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// hashed returns a keyed hash of the text that somebody searched for: a reviewer who
// suspects a search can look whether it was made, and nobody can read what was typed.
func (t *trail) hashed(r *http.Request) string {
	q := r.URL.Query()
	text := q.Get("q") + "\x00" + q.Get("filter")
	if len(text) == 1 {
		return ""
	}
	m := hmac.New(sha256.New, []byte(t.state.Key))
	m.Write([]byte(text))
	return hex.EncodeToString(m.Sum(nil)[:16])
}

// target is what was asked for: the route, never the path with its ids. Who asks for a
// collection that is none may have typed anything.
func (t *trail) target(r *http.Request) string {
	pattern := r.Pattern
	if c, err := t.k.App.FindCachedCollectionByNameOrId(r.PathValue("collection")); err == nil {
		pattern = strings.Replace(pattern, "{collection}", c.Name, 1)
	}
	if pattern == "" || pattern == "/" {
		return r.Method + " (none)"
	}
	if !strings.HasPrefix(pattern, r.Method) && !strings.Contains(pattern, " ") {
		return r.Method + " " + pattern
	}
	return pattern
}
