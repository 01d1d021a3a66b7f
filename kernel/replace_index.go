package kernel

import (
	"regexp"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// guardedTable is a table as its guards see it.
type guardedTable struct {
	name    string
	columns []string
	row     []string // what names a row: the rowid, or the columns of the primary key
	rowid   bool
	unique  []uniqueIndex
}

// uniqueIndex is a key that no two rows share.
type uniqueIndex struct {
	name, sql string // sql is "" where the table itself declares it
	parts     []indexPart
	where     string
}

// indexPart is a column, or an expression.
type indexPart struct{ column, expression, collation string }

// readGuarded reads the named tables and their unique indexes, by name.
func readGuarded(app core.App, db dbx.Builder, names map[string]bool) (tables []*guardedTable, err error) {
	if len(names) == 0 {
		return nil, nil
	}
	var columns []struct {
		Table   string `db:"tbl"`
		Without bool   `db:"wr"`
		Name    string `db:"name"`
		Key     int    `db:"part"`
	}
	err = db.NewQuery(`SELECT l.name AS tbl, l.wr AS wr, c.name AS name, c.pk AS part FROM pragma_table_list l JOIN pragma_table_info(l.name) c
		WHERE l.schema = 'main' AND l.type = 'table' ORDER BY l.name, c.cid`).All(&columns)
	if err != nil {
		return nil, err
	}
	byName := map[string]*guardedTable{}
	for _, c := range columns {
		if !names[c.Table] {
			continue
		}
		t := byName[c.Table]
		if t == nil {
			t = &guardedTable{name: c.Table, rowid: !c.Without}
			if t.rowid {
				t.row = []string{"_rowid_"}
			}
			byName[c.Table], tables = t, append(tables, t)
		}
		t.columns = append(t.columns, c.Name)
		if c.Key > 0 && !t.rowid {
			t.row = append(t.row, sqlName(c.Name))
		}
	}
	var parts []struct {
		Table     string `db:"tbl"`
		Index     string `db:"idx"`
		SQL       string `db:"sql"`
		At        int    `db:"seqno"`
		Column    string `db:"name"`
		Collation string `db:"coll"`
	}
	err = db.NewQuery(`SELECT m.name AS tbl, l.name AS idx, coalesce(i.sql, '') AS sql, x.seqno AS seqno, coalesce(x.name, '') AS name, coalesce(x.coll, 'BINARY') AS coll
		FROM sqlite_master m JOIN pragma_index_list(m.name) l JOIN pragma_index_xinfo(l.name) x LEFT JOIN sqlite_master i ON i.type = 'index' AND i.name = l.name
		WHERE m.type = 'table' AND l."unique" AND x.key ORDER BY m.name, l.name, x.seqno`).All(&parts)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		t := byName[p.Table]
		if t == nil {
			continue
		}
		if p.At == 0 {
			t.unique = append(t.unique, uniqueIndex{name: p.Index, sql: p.SQL})
		}
		u := &t.unique[len(t.unique)-1]
		u.parts = append(u.parts, indexPart{column: p.Column, collation: p.Collation})
	}
	for _, t := range tables {
		t.unique = slices.DeleteFunc(t.unique, func(u uniqueIndex) bool { return !t.understood(app, db, u) })
	}
	return tables, nil
}

// understood completes an index that has more than columns, from its text, and tries whether
// SQLite understands it as well: a trigger that it does not would refuse every write.
func (t *guardedTable) understood(app core.App, db dbx.Builder, u uniqueIndex) bool {
	if u.sql == "" {
		return true
	}
	list, where := indexText(u.sql)
	i := slices.IndexFunc(t.unique, func(o uniqueIndex) bool { return o.name == u.name })
	t.unique[i].where = where
	if where == "" && !slices.ContainsFunc(u.parts, func(p indexPart) bool { return p.column == "" }) {
		return true
	}
	try := "EXPLAIN SELECT 1 FROM " + sqlName(t.name) + " WHERE true"
	if where != "" {
		try += " AND (" + where + ")"
	}
	right := len(list) == len(u.parts)
	for n := range u.parts {
		if right && u.parts[n].column == "" {
			t.unique[i].parts[n].expression = list[n]
			try += " AND (" + list[n] + ") IS NOT NULL"
		}
	}
	if right {
		_, err := db.NewQuery(try).Execute()
		right = err == nil
	}
	if !right {
		app.Logger().Warn("REPLACE is not guarded by an index that cannot be read", "table", t.name, "index", u.name)
	}
	return right
}

var partEnd = regexp.MustCompile("(?is)(\\s+COLLATE\\s+[\"`\\[]?\\w+[\"`\\]]?)?(\\s+(ASC|DESC))?\\s*$")

// indexText returns what stands between the parentheses of CREATE INDEX, without collation and
// order, and what stands behind WHERE.
func indexText(sql string) (list []string, where string) {
	depth, from := 0, 0
	sql = withoutComments(sql)
	for i := 0; i < len(sql); i++ {
		switch c := sql[i]; {
		case strings.IndexByte("'\"`[", c) >= 0:
			i = quoteEnd(sql, i) - 1
		case c == '(':
			if depth++; depth == 1 {
				from = i + 1
			}
		case c == ',' && depth == 1, c == ')' && depth == 1:
			part := sql[from:i]
			list, from = append(list, strings.TrimSpace(part[:partEnd.FindStringIndex(part)[0]])), i+1
			if c == ',' {
				continue
			}
			rest := strings.TrimSpace(sql[i+1:])
			if len(rest) > 5 && strings.EqualFold(rest[:5], "WHERE") {
				where = strings.TrimSpace(rest[5:])
			}
			return list, where
		case c == ')':
			depth--
		}
	}
	return nil, ""
}

// quoteEnd returns where the text or name that begins at i ends. A doubled quote within it is
// two that follow each other, which comes to the same.
func quoteEnd(sql string, i int) int {
	end := sql[i]
	if end == '[' {
		end = ']'
	}
	if n := strings.IndexByte(sql[i+1:], end); n >= 0 {
		return i + n + 2
	}
	return len(sql)
}

func withoutComments(sql string) string {
	var b strings.Builder
	for i := 0; i < len(sql); {
		next := i + 1
		switch rest := sql[i:]; {
		case strings.IndexByte("'\"`[", sql[i]) >= 0:
			next = quoteEnd(sql, i)
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "/*"):
			end := "\n"
			if rest[0] == '/' {
				end = "*/"
			}
			i = len(sql)
			if n := strings.Index(rest[2:], end); n >= 0 {
				i = len(sql) - len(rest) + 2 + n + len(end)
			}
			b.WriteByte(' ')
			continue
		}
		b.WriteString(sql[i:next])
		i = next
	}
	return b.String()
}
