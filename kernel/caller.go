package kernel

import (
	"net/http"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// CompiledFor is Compiled with the grants of other roles left out: the same answer for
// this account. A list runs with it because SQLite cannot use an index for one grant of
// many, and joins for each row what only another role's rule asks about.
func (a Access) CompiledFor(v Verb, account *core.Record) *string {
	p := a.policy(v)
	if account == nil || account.IsSuperuser() || p.Public || p.SignedIn {
		return a.Compiled(v)
	}
	var rules []string
	for _, g := range p.Grants {
		switch {
		case !g.Role.Has(account):
		case g.Rule.Filter == "":
			return a.alive(v, activeAccount)
		case !slices.Contains(rules, g.Rule.Filter):
			rules = append(rules, g.Rule.Filter)
		}
	}
	if len(rules) == 0 {
		return a.Compiled(v)
	}
	return a.alive(v, activeAccount+" && (("+strings.Join(rules, ") || (")+"))")
}

// alive adds to a rule that the record is not softly deleted.
func (a Access) alive(v Verb, rule string) *string {
	if a.SoftDelete != "" && v != Create {
		rule += " && " + a.SoftDelete + " = ''"
	}
	return &rule
}

// kept is the rule of who sees all that is not softly deleted.
func (a Access) kept() *string {
	rule := ""
	if a.SoftDelete != "" {
		rule = a.SoftDelete + " = ''"
	}
	return &rule
}

// callersApp is the app as one list request sees it: the rules of our collections say what
// they say for the caller, and a documented list has the rows that it is of.
type callersApp struct {
	core.App
	k       *Kernel
	account *core.Record
	d       *documented // nil on the collection's own path
	listed  bool        // the list's query was made; what hooks ask for is theirs
}

// FindCachedCollectionByNameOrId returns a copy that only this request has.
func (a *callersApp) FindCachedCollectionByNameOrId(ref string) (*core.Collection, error) {
	c, err := a.App.FindCachedCollectionByNameOrId(ref)
	if err != nil {
		return nil, err
	}
	access, owned := a.k.AccessOf(c.Name)
	if !owned || a.k.Off(c.Name) {
		return c, nil
	}
	own := *c
	own.ListRule = a.rule(access)
	if a.seesAll(access) {
		own.ListRule = access.kept()
	}
	return &own, nil
}

func (a *callersApp) rule(access Access) *string {
	if a.d != nil && a.d.resource.Collection == access.Collection {
		access = a.d.resource.table(access)
	}
	return access.CompiledFor(List, a.account)
}

// RecordQuery narrows the first query, which is the list's own.
func (a *callersApp) RecordQuery(ref any) *dbx.SelectQuery {
	q := a.App.RecordQuery(ref)
	c, ok := ref.(*core.Collection)
	if a.d == nil || a.listed || !ok || c.Name != a.d.resource.Collection {
		return q
	}
	a.listed = true
	a.d.rows(q, c, a.account)
	a.k.narrowByTexts(a.App, q, c, a.d.words)
	return q
}

// listForCaller binds the look-ups above to lists.
func (k *Kernel) listForCaller() *hook.Handler[*core.RequestEvent] {
	return &hook.Handler[*core.RequestEvent]{Id: "kernel.caller", Priority: priorityDocumented + 1, Func: func(e *core.RequestEvent) error {
		d := documentedOf(e.Request)
		if (e.Auth == nil && d == nil) || documentedMethod(e.Request.Method) != http.MethodGet || e.Request.PathValue("collection") == "" || e.Request.PathValue("id") != "" {
			return e.Next()
		}
		outer := e.App
		app := &callersApp{App: outer, k: k, account: e.Auth, d: d}
		app.useCount(e)
		e.App = app
		defer func() { e.App = outer }()
		return e.Next()
	}}
}
