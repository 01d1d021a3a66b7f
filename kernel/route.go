package kernel

import (
	"net/http"
	"reflect"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/search"
)

// Route is one verb that plain CRUD cannot express.
type Route struct {
	Method, Path string
	Allow        Policy
	Record       string   // collection of {id}: loaded, checked against Allow, given as Call.Record
	Deleted      bool     // {id} may be a softly deleted record
	Status       int      // of a success, default 200
	Returns      string   // collection of the record that is answered, for OpenAPI; "" when Out says it all
	Summary      string   // imperative sentence for OpenAPI
	Errors       []*Error // the domain errors it may return, for OpenAPI
	NoTx         bool     // run outside a transaction: for handlers that call the network
	Form         bool     // the body may be a form of an HTML page, too: fields of In with a form tag
	Secret       string   // field of the answer that is not kept: a repeat with the same Idempotency-Key finds it empty
	Raw          string   // media type of an answer that the handler writes itself, such as application/pdf; beside Out where the caller chooses

	in, out reflect.Type
	records []int // fields of out that hold a record
	run     func(*Call) (any, error)
}

// Pattern returns method and path, e.g. "POST /api/billing/{id}/void".
func (r Route) Pattern() string { return r.Method + " " + r.Path }

// Call is one request on its way through a handler.
type Call struct {
	*core.RequestEvent
	App    core.App     // transactional unless GET or NoTx
	Record *core.Record // the record named by {id}, when Route.Record is set
	K      *Kernel
}

// Nothing is the In of a route without input and the Out of one that answers 204.
type Nothing struct{}

// Op gives a route its handler. In is decoded from path, query and JSON body and
// validated; Out is written as JSON after the transaction commits. An Out of
// *core.Record, and a field of that type, is enriched like PocketBase's own answers;
// Nothing answers 204.
func Op[In, Out any](r Route, fn func(*Call, In) (Out, error)) Route {
	r.in, r.out = reflect.TypeFor[In](), reflect.TypeFor[Out]()
	r.records = recordFields(r.out)
	r.run = func(c *Call) (any, error) {
		var in In
		if err := decode(c, r, &in); err != nil {
			return nil, err
		}
		return fn(c, in)
	}
	return r
}

func (k *Kernel) serve(r Route) func(*core.RequestEvent) error {
	usual, strict := k.ruleOf(r, r.Allow), k.ruleOf(r, r.Allow.strictly())
	return func(e *core.RequestEvent) error {
		e.Response = &instantWriter{e.Response}
		c := &Call{RequestEvent: e, App: e.App, K: k}
		var out any
		work := func(app core.App) (err error) {
			c.App = app
			outer := e.App
			e.App = app
			defer func() { e.App = outer }()
			rule := usual
			if k.strict.Load() {
				rule = strict
			}
			if c.Record, err = k.permit(app, e, r, rule); err != nil {
				return err
			}
			out, err = r.run(c)
			return err
		}
		var err error
		if r.Method == http.MethodGet || r.NoTx {
			err = work(e.App)
		} else {
			err = e.App.RunInTransaction(work)
		}
		if err != nil {
			api, fault := k.toAPI(err)
			if fault {
				e.App.Logger().Error("request failed", "method", r.Method, "route", r.Path, "error", err)
			}
			return api
		}
		return afterCommit(e.App, func() error {
			err := k.answer(e, r, out)
			if err == nil || e.Written() {
				return err // the latter: the client is gone
			}
			e.App.Logger().Error("answer failed", "method", r.Method, "route", r.Path, "error", err)
			return k.APIError(err) // PocketBase takes a bare error for the client's
		})
	}
}

// ruleOf compiles what a route asks of its record.
func (k *Kernel) ruleOf(r Route, allow Policy) *string {
	rule := allow.Compiled()
	if a := k.access[r.Record]; a.SoftDelete != "" && !r.Deleted && rule != nil && *rule != "" {
		alive := *rule + " && " + a.SoftDelete + " = ''"
		return &alive
	}
	return rule
}

// recordFields returns the fields of a struct that hold one record each.
func recordFields(t reflect.Type) (list []int) {
	if t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() && f.Type == reflect.TypeFor[*core.Record]() {
			list = append(list, i)
		}
	}
	return list
}

func (k *Kernel) answer(e *core.RequestEvent, r Route, out any) error {
	if e.Written() {
		return nil // the handler wrote the answer, see Raw
	}
	status := r.Status
	if status == 0 {
		status = http.StatusOK
	}
	for _, i := range r.records {
		if v, _ := reflect.ValueOf(out).Field(i).Interface().(*core.Record); v != nil {
			if err := apis.EnrichRecord(e, v); err != nil {
				return err
			}
		}
	}
	switch v := out.(type) {
	case Nothing:
		return e.NoContent(http.StatusNoContent)
	case *core.Record:
		if err := apis.EnrichRecord(e, v); err != nil {
			return err
		}
	case interface{ result() *search.Result }:
		out = v.result()
	}
	return e.JSON(status, out)
}

// afterCommit runs fn at once, or when the transaction that app belongs to has committed.
func afterCommit(app core.App, fn func() error) error {
	info := app.TxInfo()
	if info == nil {
		return fn()
	}
	info.OnComplete(func(txErr error) error {
		if txErr != nil {
			return nil
		}
		return fn()
	})
	return nil
}

// AfterCommit runs fn once what was written in tx is durable; never if it is rolled back.
// fn must not use tx.
func AfterCommit(tx core.App, fn func()) {
	_ = afterCommit(tx, func() error { fn(); return nil }) // fn has no error to report
}

// permit answers 401, 403, 404 or 409 or returns the record the route is about.
func (k *Kernel) permit(app core.App, e *core.RequestEvent, r Route, rule *string) (*core.Record, error) {
	rec, err := k.reach(app, e, r, rule)
	if rec == nil || err != nil {
		return nil, err
	}
	return rec, k.fresh(e, rec)
}

// reach answers 401, 403 or 404 or returns the record the route is about.
func (k *Kernel) reach(app core.App, e *core.RequestEvent, r Route, rule *string) (*core.Record, error) {
	if !r.Allow.Admits(e.Auth) {
		if e.Auth == nil {
			return nil, ErrSignIn
		}
		return nil, ErrForbidden
	}
	if r.Record == "" {
		return nil, nil
	}
	rec, err := app.FindRecordById(r.Record, e.Request.PathValue("id"))
	if err != nil {
		return nil, ErrNotFound
	}
	info, err := e.RequestInfo()
	if err != nil {
		return nil, ErrBadInput
	}
	ok, err := app.CanAccessRecord(rec, info, rule)
	if err != nil {
		return nil, err
	}
	if !ok {
		if r.Method != http.MethodGet && k.visible(e, r.Record, rec.Id) {
			return nil, ErrForbidden
		}
		return nil, ErrNotFound // the caller may not learn that it exists
	}
	return rec, nil
}

// fresh refuses a stale If-Match on a route that changes a record.
func (k *Kernel) fresh(e *core.RequestEvent, rec *core.Record) error {
	if e.Request.Method == http.MethodGet {
		return nil
	}
	return CheckStale(e.Request.Header.Get("If-Match"), rec.GetString("updated"))
}
