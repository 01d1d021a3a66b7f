package kernel

import (
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// AccountsCollection is the one auth collection whose members are the clinic's people.
const AccountsCollection = "users"

// activeAccount is what every compiled rule asks first: a disabled account loses
// its rights on the next request, and on realtime, whatever token it holds.
const activeAccount = "@request.auth.collectionName = '" + AccountsCollection + "' && @request.auth.status = 'active'"

// Role is one kind of caller. Two roles are the same when their names are.
type Role struct {
	Name   string                          // what the access matrix prints: "doctor", "cashier"
	Within string                          // a wider role whose grants this one has too, "" when none
	Filter string                          // PocketBase filter on @request.auth that holds for the role
	Has    func(account *core.Record) bool // the same test on a loaded account
}

// Rule is a named PocketBase filter over one collection, e.g.
// {"own", "patientId.userId = @request.auth.id"}. The name is what the access matrix prints,
// "any" when there is none. Strict, where it is set, takes the place of Filter while strict
// access is on, see StrictSwitch.
type Rule struct{ Name, Filter, Strict string }

// Grant lets a role act, on any record or only on those the rule selects.
type Grant struct {
	Role Role
	Rule Rule // zero: any record
}

// When narrows the role to the records rule selects.
func (r Role) When(rule Rule) Grant { return Grant{r, rule} }

// Always grants the role every record.
func (r Role) Always() Grant { return Grant{r, Rule{}} }

// Policy says who may do one thing. The zero value locks it for everyone but superusers.
type Policy struct {
	Public   bool // no sign-in needed
	SignedIn bool // any active account
	Rule     Rule // narrows SignedIn to the records the rule selects
	Grants   []Grant
}

// Allow builds a policy from grants.
func Allow(g ...Grant) Policy { return Policy{Grants: g} }

// Public needs no sign-in.
func Public() Policy { return Policy{Public: true} }

// SignedIn lets every active account act.
func SignedIn() Policy { return Policy{SignedIn: true} }

// SignedInWhen lets every active account act on the records rule selects.
func SignedInWhen(rule Rule) Policy { return Policy{SignedIn: true, Rule: rule} }

// Access is the policy table of one collection.
type Access struct {
	Collection                         string
	Doc                                string // one sentence for the docs
	List, View, Create, Update, Delete Policy
	ServerSet                          []string            // fields that no client may set; only code does
	CreateOnly                         []string            // fields that a client may set once, at creation
	Queryable                          []string            // fields that a filter or sort may name, besides id, created, updated
	Writable                           map[string][]string // by role name: the only fields that the role may change
	SoftDelete                         string              // date field that a delete sets instead of removing the row
	Counters                           []string            // number fields that clients may count up and down: {"seats-": 1}
	Counted                            bool                // the number of rows is kept, for lists of callers who see all
	TextsInMemory                      bool                // what ?q= looks in is held in memory, about 100 bytes a row: for long tables with short texts
}

func (a Access) policy(v Verb) Policy {
	switch v {
	case List:
		return a.List
	case View:
		return a.View
	case Create:
		return a.Create
	case Update:
		return a.Update
	}
	return a.Delete
}

// Compiled returns the PocketBase rule of one verb. nil means superusers only; a
// pointer to "" would mean everyone, so only Public yields it.
func (a Access) Compiled(v Verb) *string {
	rule := a.policy(v).Compiled()
	if rule == nil || a.SoftDelete == "" || v == Create {
		return rule
	}
	alive := a.SoftDelete + " = ''"
	if *rule != "" {
		alive = *rule + " && " + alive
	}
	return &alive
}

// Compiled returns the policy as a PocketBase rule, see Access.Compiled.
func (p Policy) Compiled() *string {
	var out string
	switch {
	case p.Public:
	case p.SignedIn:
		out = activeAccount
		if p.Rule.Filter != "" {
			out += " && (" + p.Rule.Filter + ")"
		}
	case len(p.Grants) == 0:
		return nil
	default:
		var parts []string
		for _, g := range p.Grants {
			s := g.Role.Filter
			if g.Rule.Filter != "" {
				s = "(" + s + " && (" + g.Rule.Filter + "))"
			}
			parts = append(parts, s)
		}
		out = activeAccount + " && (" + strings.Join(parts, " || ") + ")"
	}
	return &out
}

// Locked reports whether only superusers pass.
func (p Policy) Locked() bool { return !p.Public && !p.SignedIn && len(p.Grants) == 0 }

// Admits reports whether the account has a grant at all, on whichever record.
// account is nil for a guest.
func (p Policy) Admits(account *core.Record) bool {
	switch {
	case p.Public:
		return true
	case account == nil:
		return false
	case account.IsSuperuser(), p.SignedIn:
		return true
	}
	return slices.ContainsFunc(p.Grants, func(g Grant) bool { return g.Role.Has(account) })
}

// Cell is what the matrix prints for a role: "any", rule names, "public" or "-".
func (p Policy) Cell(r Role) string {
	if p.Public {
		return "public"
	}
	if p.SignedIn {
		if p.Rule.Name != "" {
			return p.Rule.Name
		}
		return "any"
	}
	var names []string
	for _, g := range p.Grants {
		if g.Role.Name != r.Name && g.Role.Name != r.Within {
			continue
		}
		if g.Rule.Name == "" {
			return "any"
		}
		names = append(names, g.Rule.Name)
	}
	if len(names) == 0 {
		return "-"
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), "+")
}
