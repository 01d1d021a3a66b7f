package kernel

import (
	"fmt"
	"math"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// The number of rows of a collection is kept by triggers where Access.Counted says so:
// PocketBase's own COUNT(DISTINCT) walks the whole table for every page of a list.

// countTriggers returns the triggers that keep the count of a collection, by name. alive
// counts what is not softly deleted.
func (a Access) countTriggers() map[string]string {
	alive := func(row string) string {
		if a.SoftDelete == "" {
			return "1"
		}
		return "(COALESCE(" + row + "." + a.SoftDelete + ", '') = '')"
	}
	set := func(total, alive string) string {
		return fmt.Sprintf("BEGIN UPDATE row_counts SET total = total %s, alive = alive %s WHERE collection = '%s'; END", total, alive, a.Collection)
	}
	out := map[string]string{}
	add := func(name, when, do string) {
		name = a.Collection + "_counted_" + name
		out[name] = "CREATE TRIGGER " + name + " AFTER " + when + " ON " + a.Collection + " " + do
	}
	add("insert", "INSERT", set("+ 1", "+ "+alive("NEW")))
	add("delete", "DELETE", set("- 1", "- "+alive("OLD")))
	if a.SoftDelete != "" {
		add("update", "UPDATE OF "+a.SoftDelete, "WHEN "+alive("NEW")+" != "+alive("OLD")+" "+set("+ 0", "+ "+alive("NEW")+" - "+alive("OLD")))
	}
	return out
}

// keepCounts sets up the triggers of every counted collection, and counts once where they
// were not yet, or not as they are now.
func (k *Kernel) keepCounts(tx core.App) error {
	for _, m := range k.Modules {
		for _, a := range m.Access {
			if !a.Counted {
				continue
			}
			if err := a.keepCount(tx); err != nil {
				return fmt.Errorf("count of %s: %w", a.Collection, err)
			}
		}
	}
	return nil
}

func (a Access) keepCount(tx core.App) error {
	want := a.countTriggers()
	var have []struct {
		Name string `db:"name"`
		SQL  string `db:"sql"`
	}
	db := tx.NonconcurrentDB()
	err := db.Select("name", "sql").From("sqlite_master").
		Where(dbx.NewExp("type = 'trigger' AND name GLOB {:name}", dbx.Params{"name": a.Collection + "_counted_*"})).All(&have)
	if err != nil {
		return err
	}
	same := 0
	for _, h := range have {
		if want[h.Name] == h.SQL {
			same++
		}
	}
	var rows int
	if err := db.Select("COUNT(*)").From("row_counts").Where(dbx.HashExp{"collection": a.Collection}).Row(&rows); err != nil {
		return err
	}
	if same == len(want) && len(have) == len(want) && rows == 1 {
		return nil
	}
	var steps []string
	for _, h := range have {
		steps = append(steps, "DROP TRIGGER "+h.Name)
	}
	for _, name := range sortedKeys(want) {
		steps = append(steps, want[name])
	}
	alive := "COUNT(*)"
	if a.SoftDelete != "" {
		alive = "COUNT(CASE WHEN COALESCE(" + a.SoftDelete + ", '') = '' THEN 1 END)"
	}
	steps = append(steps, fmt.Sprintf("INSERT OR REPLACE INTO row_counts (collection, total, alive) SELECT '%s', COUNT(*), %s FROM %s", a.Collection, alive, a.Collection))
	for _, sql := range steps {
		if _, err := db.NewQuery(sql).Execute(); err != nil {
			return err
		}
	}
	return nil
}

// RowCount returns how many rows a counted collection has, those that are softly deleted
// included or not.
func RowCount(app core.App, collection string, deleted bool) (n int, err error) {
	column := "alive"
	if deleted {
		column = "total"
	}
	err = app.DB().Select(column).From("row_counts").Where(dbx.HashExp{"collection": collection}).Row(&n)
	return n, err
}

// countKey marks, on the request event, a list whose total is the kept count.
const countKey = "polyclinic.count"

// useCount spares PocketBase the counting where the caller sees every row and asks for all.
func (a *callersApp) useCount(e *core.RequestEvent) {
	q := e.Request.URL.Query()
	if q.Get("filter") != "" || q.Get("q") != "" || q.Get("skipTotal") != "" || a.account == nil {
		return
	}
	if a.d != nil && (a.d.resource.ListBy != "" || a.d.resource.Rows != nil || a.d.resource.Deleted) {
		return
	}
	c, err := a.App.FindCachedCollectionByNameOrId(e.Request.PathValue("collection"))
	if err != nil || c.IsView() {
		return
	}
	access, _ := a.k.AccessOf(c.Name)
	if !access.Counted || a.k.Off(c.Name) || !a.seesAll(access) {
		return
	}
	q.Set("skipTotal", "true")
	e.Request.URL.RawQuery = q.Encode()
	e.Set(countKey, c.Name)
}

// seesAll reports whether the caller's list rule comes down to: whoever is active sees what
// is not deleted.
func (a *callersApp) seesAll(access Access) bool {
	if a.account.IsSuperuser() {
		return true
	}
	rule, all := a.rule(access), access.alive(List, activeAccount)
	return rule != nil && *rule == *all && a.account.Collection().Name == AccountsCollection && a.account.GetString("status") == "active"
}

// bindCounts puts the kept count into the answer.
func (k *Kernel) bindCounts() {
	k.App.OnRecordsListRequest().Bind(&hook.Handler[*core.RecordsListRequestEvent]{Id: "kernel.counts", Priority: -901, Func: func(e *core.RecordsListRequestEvent) error {
		if e.Get(countKey) != e.Collection.Name {
			return e.Next()
		}
		n, err := RowCount(e.App, e.Collection.Name, e.HasSuperuserAuth())
		if err != nil {
			return err
		}
		e.Result.TotalItems, e.Result.TotalPages = n, int(math.Ceil(float64(n)/float64(e.Result.PerPage)))
		return e.Next()
	}})
}
