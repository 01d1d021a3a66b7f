package kernel

import (
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// SearchColumn is the field that ?q= looks in: what Resource.Search names, folded. SQLite
// compares only ASCII letters without regard to case, and none without regard to accents.
//
// It is a plain field that nobody is shown and no query may name, and not a hidden one:
// only so does PocketBase look into a related record with the caller's own list rule.
const SearchColumn = "searchText"

// foldVersion is to be raised when Fold changes: stored columns are then made anew.
const foldVersion = 1

// searched returns, by collection, the fields of its own that are searched.
func (k *Kernel) searched() map[string][]string {
	out := map[string][]string{}
	for _, m := range k.Modules {
		for _, r := range m.Resources {
			for _, field := range r.Search {
				if !strings.Contains(field, ".") && !slices.Contains(out[r.Collection], field) {
					out[r.Collection] = append(out[r.Collection], field)
				}
			}
		}
	}
	return out
}

// searchTerm is the filter for one word of ?q=. Search names fields of the collection, and
// by relation those of another, such as "patientId.name": there, all that is searched is.
func (r Resource) searchTerm(word string) string {
	word = quote(Fold(word))
	var any []string
	for _, field := range r.Search {
		column := SearchColumn
		if relation, _, related := strings.Cut(field, "."); related {
			column = relation + "." + SearchColumn
		}
		if term := column + " ~ " + word; !slices.Contains(any, term) {
			any = append(any, term)
		}
	}
	return "(" + strings.Join(any, " || ") + ")"
}

// searchField returns the column's field. Its id tells what is in the column, so that a
// column of other fields, or folded otherwise, is replaced.
func searchField(fields []string) *core.TextField {
	sum := crc32.ChecksumIEEE([]byte(fmt.Sprint(foldVersion, fields)))
	return &core.TextField{Id: fmt.Sprintf("search%08x", sum), Name: SearchColumn, Max: 1 << 20}
}

// setSearch reports whether the collection lacked its column, as it is to be now.
func setSearch(c *core.Collection, fields []string) (changed bool) {
	if len(fields) == 0 || c.IsView() {
		return false
	}
	want := searchField(fields)
	if have := c.Fields.GetByName(SearchColumn); have != nil {
		if have.GetId() == want.Id {
			return false
		}
		c.Fields.RemoveById(have.GetId())
	}
	c.Fields.Add(want)
	return true
}

// searchText is what the column of a record is to be.
func searchText(r *core.Record, fields []string) string {
	parts := make([]string, len(fields))
	for i, f := range fields {
		parts[i] = r.GetString(f)
		if several, ok := r.GetRaw(f).([]string); ok {
			parts[i] = strings.Join(several, " ")
		}
	}
	return Fold(strings.Join(parts, "\n"))
}

// fillSearch writes the column of every row that is there. SQLite itself folds the rows
// that are ASCII, which are most.
func fillSearch(tx core.App, c *core.Collection, fields []string) error {
	return Quietly(tx, c.Name, func() error { return refold(tx, c.Name, fields, "true", nil) })
}

// RefreshSearch brings what ?q= looks in up to date for rows that were changed by SQL.
// where is a condition on the collection's own columns.
func RefreshSearch(tx core.App, collection, where string, params dbx.Params) error {
	fields := Of(tx).searched()[collection]
	c, err := tx.FindCollectionByNameOrId(collection)
	if err != nil || len(fields) == 0 || c.Fields.GetByName(SearchColumn) == nil {
		return err
	}
	if t := Of(tx).texts[collection]; t != nil {
		AfterCommit(tx, t.forget)
	}
	return refold(tx, collection, fields, where, params)
}

// Quietly runs fn while the collection has no triggers: for writes that are no change of a
// record, such as a column that follows from others, and those that the law demands in
// spite of them, such as an erasure. It must be in the transaction tx.
func Quietly(tx core.App, collection string, fn func() error) error {
	db := tx.NonconcurrentDB()
	var triggers []struct {
		Name string `db:"name"`
		SQL  string `db:"sql"`
	}
	err := db.Select("name", "sql").From("sqlite_master").Where(dbx.HashExp{"type": "trigger", "tbl_name": collection}).All(&triggers)
	if err != nil {
		return err
	}
	for _, t := range triggers {
		if _, err := db.NewQuery("DROP TRIGGER [" + t.Name + "]").Execute(); err != nil {
			return err
		}
	}
	if err := fn(); err != nil {
		return err
	}
	for _, t := range triggers {
		if _, err := db.NewQuery(t.SQL).Execute(); err != nil {
			return err
		}
	}
	return nil
}

func refold(tx core.App, collection string, fields []string, where string, params dbx.Params) error {
	db := tx.NonconcurrentDB()
	all := "[" + strings.Join(fields, "] || char(10) || [") + "]"
	if _, err := db.NewQuery("UPDATE [" + collection + "] SET [" + SearchColumn + "] = lower(" + all + ") WHERE " + where).Bind(params).Execute(); err != nil {
		return err
	}
	for last := int64(0); ; {
		var rows []struct {
			Row  int64  `db:"row"`
			Text string `db:"text"`
		}
		bind := dbx.Params{"last": last}
		maps.Copy(bind, params)
		err := db.NewQuery("SELECT _rowid_ AS row, [" + SearchColumn + "] AS text FROM [" + collection + "] WHERE _rowid_ > {:last} AND (" + where + ") AND length([" + SearchColumn +
			"]) != length(CAST([" + SearchColumn + "] AS BLOB)) ORDER BY _rowid_ LIMIT 500").Bind(bind).All(&rows)
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, r := range rows {
			last = r.Row
			if _, err := db.Update(collection, dbx.Params{SearchColumn: Fold(r.Text)}, dbx.HashExp{"_rowid_": r.Row}).Execute(); err != nil {
				return err
			}
		}
	}
}

// bindSearch keeps the column and shows it to nobody.
func (k *Kernel) bindSearch() {
	searched := k.searched()
	names := make([]string, 0, len(searched))
	for name := range searched {
		names = append(names, name)
	}
	if len(names) == 0 {
		return // no tag would mean every collection
	}
	keep := func(e *core.RecordEvent) error {
		if e.Record.Collection().Fields.GetByName(SearchColumn) != nil { // not before the first start
			e.Record.Set(SearchColumn, searchText(e.Record, searched[e.Record.Collection().Name]))
		}
		return e.Next()
	}
	k.App.OnRecordCreateExecute(names...).Bind(&hook.Handler[*core.RecordEvent]{Id: "kernel.search.create", Func: keep})
	k.App.OnRecordUpdateExecute(names...).Bind(&hook.Handler[*core.RecordEvent]{Id: "kernel.search.update", Func: keep})
	k.App.OnRecordEnrich(names...).Bind(&hook.Handler[*core.RecordEnrichEvent]{Id: "kernel.search.hide", Func: func(e *core.RecordEnrichEvent) error {
		e.Record.Hide(SearchColumn)
		return e.Next()
	}})
}
