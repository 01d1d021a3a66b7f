package hooks

import (
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ganigeorgiev/fexpr"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/picker"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// Caps of what one query may ask for.
const (
	maxQueryText   = 2000
	maxFilterTerms = 30
	maxExpands     = 8
	maxExpandDepth = 3
)

// bindGuard lets a client's filter, sort and expand name only what Access declares. It is
// a middleware because OnRecordsListRequest fires after the query ran, and it stops
// relation paths because a filter on somebody else's record is an oracle.
func bindGuard(k *kernel.Kernel) {
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "platform.guard", Func: func(se *core.ServeEvent) error {
		se.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "platform.guard", Priority: kernel.PriorityGuard, Func: func(e *core.RequestEvent) error {
			ref := e.Request.PathValue("collection")
			if !strings.HasPrefix(e.Request.URL.Path, "/api/") || e.HasSuperuserAuth() {
				return e.Next()
			}
			if err := guardParameters(e.Request.URL.Query()); err != nil {
				return k.APIError(err)
			}
			if ref == "" {
				return e.Next()
			}
			if err := guardCollection(k, e.App, ref, e.Request.URL.Query()); err != nil {
				return k.APIError(err)
			}
			// A token that is no longer good is told so: to PocketBase it is a guest's, who is
			// shown an empty hospital. Signing in again may carry the old one.
			if e.Auth == nil && e.Request.Header.Get("Authorization") != "" && strings.Contains(e.Request.URL.Path, "/records") {
				return k.APIError(kernel.ErrSignIn)
			}
			return e.Next()
		}})
		return se.Next()
	}})
}

func guardCollection(k *kernel.Kernel, app core.App, ref string, q url.Values) error {
	c, err := app.FindCachedCollectionByNameOrId(ref)
	if err != nil {
		return nil // PocketBase answers 404
	}
	if k.Off(c.Name) {
		return kernel.ErrNotFound
	}
	return guardQuery(k, c, q)
}

// guardParameters looks at what every route may be asked with, and names what is wrong;
// PocketBase answers a malformed "fields" with 200 and nothing.
func guardParameters(q url.Values) error {
	for _, p := range []string{"filter", "sort", "expand", "fields", "q"} {
		if len(q.Get(p)) > maxQueryText || len(q[p]) > 1 || strings.ContainsRune(q.Get(p), 0) {
			return kernel.ErrQuery.At(p)
		}
	}
	for _, p := range []string{"page", "perPage"} {
		if v := q.Get(p); v != "" && !reWhole.MatchString(v) {
			return kernel.Bad(p, "validation_invalid_number", "Must be a whole number.")
		}
	}
	if v := q.Get("skipTotal"); v != "" {
		if _, err := strconv.ParseBool(v); err != nil {
			return kernel.Bad("skipTotal", "validation_invalid_type", "Must be true or false.")
		}
	}
	if fields := q.Get("fields"); fields != "" {
		if _, err := picker.Pick(map[string]any{}, fields); err != nil {
			return kernel.Bad("fields", "validation_invalid_fields", "The fields could not be read.")
		}
	}
	if !expandAllowed(q.Get("expand")) {
		return kernel.ErrQuery.At("expand")
	}
	return nil
}

// reWhole matches what a page or its size may be.
var reWhole = regexp.MustCompile(`^\d{1,9}$`)

// guardQuery returns ErrQuery, blaming the parameter, unless the query is allowed.
func guardQuery(k *kernel.Kernel, c *core.Collection, q url.Values) error {
	if err := guardParameters(q); err != nil {
		return err
	}
	a, owned := k.AccessOf(c.Name)
	allowed := func(field string) bool {
		if !owned || strings.HasPrefix(field, "x_") {
			f := c.Fields.GetByName(field)
			return f != nil && !f.GetHidden()
		}
		return slices.Contains(a.Queryable, field) || slices.Contains([]string{"id", "created", "updated"}, field)
	}
	if err := checkFilter(q.Get("filter"), allowed); err != nil {
		return err
	}
	for s := range strings.SplitSeq(q.Get("sort"), ",") {
		s = strings.TrimLeft(strings.TrimSpace(s), "+-")
		if s != "" && s != "@random" && s != "@rowid" && !allowed(s) {
			return kernel.ErrQuery.At("sort")
		}
	}
	return nil
}

// macros of PocketBase that stand for instants, and so reveal nothing.
var reMacro = regexp.MustCompile(`^@(now|yesterday|tomorrow|second|minute|hour|weekday|day|month|year|todayStart|todayEnd|monthStart|monthEnd|yearStart|yearEnd)$`)

// checkFilter refuses, besides what may not be named, a filter that reads otherwise in
// brackets: the documented paths put brackets around it, and "a) || (b" and "a // ) || (b"
// would then name something that was not looked at here.
func checkFilter(filter string, allowed func(string) bool) error {
	if strings.TrimSpace(filter) == "" {
		return nil
	}
	groups, err := fexpr.Parse(filter)
	inBrackets, errInBrackets := fexpr.Parse("(" + filter + ")")
	if err != nil || errInBrackets != nil || len(inBrackets) != 1 || !reflect.DeepEqual(inBrackets[0].Item, groups) {
		return kernel.Bad("filter", "validation_invalid_filter", "The filter could not be read.")
	}
	terms := 0
	if !groupsAllowed(groups, allowed, &terms) {
		return kernel.ErrQuery.At("filter")
	}
	return nil
}

func groupsAllowed(groups []fexpr.ExprGroup, allowed func(string) bool, terms *int) bool {
	for _, g := range groups {
		switch item := g.Item.(type) {
		case fexpr.Expr:
			if *terms++; *terms > maxFilterTerms || !tokenAllowed(item.Left, allowed) || !tokenAllowed(item.Right, allowed) {
				return false
			}
		case fexpr.ExprGroup:
			if !groupsAllowed([]fexpr.ExprGroup{item}, allowed, terms) {
				return false
			}
		case []fexpr.ExprGroup:
			if !groupsAllowed(item, allowed, terms) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

func tokenAllowed(t fexpr.Token, allowed func(string) bool) bool {
	switch t.Type {
	case fexpr.TokenText, fexpr.TokenNumber:
		return true
	case fexpr.TokenIdentifier:
		switch t.Literal {
		case "true", "false", "null":
			return true
		}
		field, modifier, _ := strings.Cut(t.Literal, ":")
		if modifier != "" && !slices.Contains([]string{"lower", "length", "each"}, modifier) {
			return false
		}
		return reMacro.MatchString(t.Literal) || allowed(field)
	}
	return false // functions and whatever a later PocketBase adds
}

// expandAllowed takes forward relations only: each record that is expanded passes its own
// view rule, but a back-relation can name a collection of thousands.
func expandAllowed(expand string) bool {
	if expand == "" {
		return true
	}
	paths := strings.Split(expand, ",")
	return len(paths) <= maxExpands && !slices.ContainsFunc(paths, func(p string) bool {
		return strings.Contains(p, "_via_") || strings.Contains(p, "@") || strings.Count(p, ".") >= maxExpandDepth
	})
}
