package kernel

import (
	"slices"
	"strings"
	"unicode"
)

// guards returns the two triggers of the table.
func (t *guardedTable) guards() []guard {
	var inserted, updated, taken, others []string
	if t.rowid {
		// Where the statement names no rowid, NEW has -1.
		same := "_rowid_ = NEW._rowid_"
		inserted = append(inserted, "NEW._rowid_ != -1 AND "+t.exists(same))
		updated = append(updated, "NEW._rowid_ != OLD._rowid_ AND "+t.exists(same))
		taken = append(taken, t.rows(same+" AND NEW._rowid_ != -1"))
		others = append(others, t.rows(same+" AND NEW._rowid_ != OLD._rowid_"))
	}
	another := " AND " + t.rowOf("") + " IS NOT " + t.rowOf("OLD.")
	for _, u := range t.unique {
		same, covered := t.same(u), t.covers(u)
		inserted = append(inserted, covered+t.exists(same))
		updated = append(updated, t.changes(u)+" AND "+covered+t.exists(same+another))
		taken = append(taken, t.rows(covered+u.there()+same))
		others = append(others, t.rows(covered+u.there()+same+another))
	}
	return []guard{
		t.guard("insert", "INSERT", inserted, taken),
		t.guard("update", "UPDATE", updated, others),
	}
}

// guard asks in its WHEN, which every write pays for, only whether a row is in the way.
func (t *guardedTable) guard(suffix, event string, when, rows []string) guard {
	name := guardPrefix + t.name + "_" + suffix
	return guard{name, t.name, "CREATE TRIGGER " + sqlName(name) + " BEFORE " + event + " ON " + sqlName(t.name) +
		"\nWHEN " + strings.Join(when, "\n  OR ") + `
BEGIN
  INSERT OR IGNORE INTO _replaced VALUES (1, 0);
  UPDATE _replaced SET replacing = 0 WHERE replacing;
  INSERT OR IGNORE INTO _replaced VALUES (1, 1);
  DELETE FROM ` + sqlName(t.name) + ` WHERE (SELECT replacing FROM _replaced) AND ` + t.rowOf("") + ` IN (
    ` + strings.Join(rows, "\n    UNION ALL ") + `);
END`}
}

func (t *guardedTable) exists(where string) string {
	return "EXISTS (SELECT 1 FROM " + sqlName(t.name) + " WHERE " + where + ")"
}

func (t *guardedTable) rows(where string) string {
	return "SELECT " + strings.Join(t.row, ", ") + " FROM " + sqlName(t.name) + " WHERE " + where
}

func (t *guardedTable) rowOf(of string) string {
	return "(" + of + strings.Join(t.row, ", "+of) + ")"
}

// same is true of the rows that have NEW's key. It is written so that SQLite looks into the
// index.
func (t *guardedTable) same(u uniqueIndex) string {
	var all []string
	for _, p := range u.parts {
		collate := " COLLATE " + sqlName(p.collation)
		if p.expression == "" {
			all = append(all, sqlName(p.column)+" = NEW."+sqlName(p.column)+collate)
			continue
		}
		all = append(all, "("+p.expression+") = (SELECT "+p.expression+" FROM "+t.newRow(p.expression)+")"+collate)
	}
	if u.where != "" {
		all = append(all, "("+u.where+")")
	}
	return strings.Join(all, " AND ")
}

// covers is "" but for a partial index: then NEW must be in it, and it ends with AND.
func (t *guardedTable) covers(u uniqueIndex) string {
	if u.where == "" {
		return ""
	}
	return "EXISTS (SELECT 1 FROM " + t.newRow(u.where) + " WHERE " + u.where + ") AND "
}

// newRow lets an expression of an index find NEW's values under the names of the columns. They
// have no affinity there: a number that an index compares with a text is not understood.
func (t *guardedTable) newRow(expression string) string {
	var all []string
	for _, c := range t.named(expression) {
		all = append(all, "NEW."+sqlName(c)+" AS "+sqlName(c))
	}
	return "(SELECT " + strings.Join(all, ", ") + ") AS " + sqlName(t.name)
}

// named returns the columns that an expression may speak of, in the order of the table.
func (t *guardedTable) named(expression string) (out []string) {
	words := strings.FieldsFunc(strings.ToLower(expression), func(r rune) bool { return !inWord(r) })
	for _, c := range t.columns {
		odd := strings.ContainsFunc(c, func(r rune) bool { return !inWord(r) })
		if odd || slices.Contains(words, strings.ToLower(c)) {
			out = append(out, c)
		}
	}
	if out == nil {
		return t.columns[:1] // for the list to have something
	}
	return out
}

func inWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// changes is true when an update may move the row within the index: PocketBase sets every
// column, most of them to what they were.
func (t *guardedTable) changes(u uniqueIndex) string {
	var names, all []string
	for _, p := range u.parts {
		if p.expression == "" {
			names = append(names, p.column)
		} else {
			names = append(names, t.named(p.expression)...)
		}
	}
	if u.where != "" {
		names = append(names, t.named(u.where)...)
	}
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		all = append(all, "NEW."+sqlName(n)+" COLLATE BINARY IS NOT OLD."+sqlName(n))
	}
	return "(" + strings.Join(all, " OR ") + ")"
}

// there asks whether the index is as the guard knows it, and ends with AND: one that somebody
// dropped keeps no row away from another.
func (u uniqueIndex) there() string {
	if u.sql == "" {
		return ""
	}
	return "EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = " + sqlText(u.name) + " AND sql = " + sqlText(u.sql) + ") AND "
}

// sqlName makes an identifier of SQLite's, sqlText a literal.
func sqlName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
func sqlText(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
