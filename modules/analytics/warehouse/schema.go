package warehouse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
)

// typeOf is a kind's type in PostgreSQL, as the catalogue writes it.
func typeOf(k analyticsapi.Kind) string {
	if k == analyticsapi.JSON {
		return "jsonb"
	}
	return strings.TrimSuffix(arrayOf(k).sql, "[]")
}

// table is one table of the schema, ours or a module's.
type table struct {
	name, doc string
	columns   []columnDDL
	key       string
}

type columnDDL struct{ name, kind, rest, doc string }

// definition is the column as CREATE TABLE and ALTER TABLE take it. Texts order by their
// bytes: as in SQLite, on every machine, and faster.
func (c columnDDL) definition() string {
	kind := c.kind
	if kind == "text" {
		kind = `text COLLATE "C"`
	}
	if kind == "timestamptz" {
		kind = "timestamp with time zone"
	}
	return strings.TrimSpace(quote(c.name) + " " + kind + " " + c.rest)
}

// layout is every table that must be there.
func layout(tables []analyticsapi.Table, history bool) []table {
	out := []table{
		{"sync_site", "Where each site stands: written in the transaction that writes its rows.", []columnDDL{
			{"site_id", "text", "NOT NULL", "The site, POLYCLINIC_SITE_ID."},
			{"epoch", "text", "NOT NULL", "Drawn anew when the site starts over."},
			{"seq", "bigint", "NOT NULL", "The last change of the site that is here."},
			{"tok", "text", "NOT NULL", "Drawn anew with every transaction; who does not know it may not write."},
			{"snap", "text", "NOT NULL DEFAULT ''", "The cursor of a first copy under way."},
			{"holder", "text", "NOT NULL DEFAULT ''", "The process that wrote last."},
			{"shipped_at", "timestamptz", "", "When changes arrived last."},
			{"lease_until", "timestamptz", "", "Until when no other process may take the site over."},
			{"versions", "boolean", "", "Every present row has its version in the history."},
			{"pseudonyms", "text", "", "A mark of the key that patients' pseudonyms are made with, empty where ids leave as they are."},
		}, "site_id"},
		{"sync_reject", "Values that could not be taken over, each with its reason.", []columnDDL{
			{"site_id", "text", "NOT NULL", "The site."},
			{"tbl", "text", "NOT NULL", "The table."},
			{"id", "text", "NOT NULL", "The row."},
			{"col", "text", "NOT NULL", "The column, empty where the whole row was refused."},
			{"reason", "text", "NOT NULL", "Why, without the value."},
			{"at", "timestamptz", "NOT NULL", "When."},
		}, "site_id, tbl, id, col"},
		{"sync_filled", "Which columns each site's rows were written with: one that was dropped and made again has another number.", []columnDDL{
			{"site_id", "text", "NOT NULL", "The site."},
			{"tbl", "text", "NOT NULL", "The table."},
			{"columns", "text", "NOT NULL", "Its columns' names and numbers in the catalogue."},
		}, "site_id, tbl"},
		{"sync_anchor", "Hashes of entries of the sites' audit trails: a trail that was written anew, or cut off, does not agree with them. Nothing here is ever changed.", []columnDDL{
			{"site_id", "text", "NOT NULL", "The site."},
			{"seq", "bigint", "NOT NULL", "The number of the entry."},
			{"hash", "text", "NOT NULL", "Its SHA-256, in hexadecimal digits."},
			{"at", "timestamptz", "NOT NULL", "When it was kept."},
		}, "site_id, seq, hash"},
	}
	for _, t := range tables {
		columns := []columnDDL{
			{"site_id", "text", "NOT NULL", "The site that the row is of."},
			{"id", "text", "NOT NULL", "The row's id at its site."},
		}
		for _, c := range t.Columns {
			columns = append(columns, columnDDL{c.Name, typeOf(c.Kind), "", docOf(c)})
		}
		columns = append(columns, columnDDL{"extra", "jsonb", "", "The clinic's own fields, if it lets them out."},
			columnDDL{"h", "bigint", "NOT NULL", "The hash of the row, which verify compares."})
		out = append(out, table{t.Name, t.Doc, columns, "site_id, id"})
		if history {
			versions := slices.DeleteFunc(slices.Clone(columns), func(c columnDDL) bool { return !kept(t, c.name) })
			versions[len(versions)-1].doc = "Always 0: a hash would tell of what versions leave out."
			versions = append(versions, columnDDL{"valid_from", "timestamptz", "NOT NULL", "When this version arrived."},
				columnDDL{"deleted", "boolean", "NOT NULL", "The row was deleted then."})
			out = append(out, table{historyName(t), "Every version of the rows of " + t.Name + ".", versions, "site_id, id, valid_from"})
		}
	}
	return out
}

func docOf(c analyticsapi.Column) string {
	if c.Kind == analyticsapi.Money {
		return c.Doc + " In minor units of the site's currency."
	}
	return c.Doc
}

func (t table) create() string {
	var columns []string
	for _, c := range t.columns {
		columns = append(columns, c.definition())
	}
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (%s, PRIMARY KEY (%s))", qualified(t.name), strings.Join(columns, ", "), t.key)
}

func (t table) add(c columnDDL) string {
	return "ALTER TABLE " + qualified(t.name) + " ADD COLUMN IF NOT EXISTS " + c.definition()
}

func (t table) comment() string {
	return "COMMENT ON TABLE " + qualified(t.name) + " IS " + literal(t.doc)
}

func (t table) commentOn(c columnDDL) string {
	return "COMMENT ON COLUMN " + qualified(t.name) + "." + quote(c.name) + " IS " + literal(c.doc)
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

const createSchemaSQL = "CREATE SCHEMA IF NOT EXISTS " + Schema

// DDL returns every statement that makes the schema, for somebody who may run it where the
// sync's own role may not. Running them again does no harm, nor does running them on a
// schema that an older version made: columns that came later are added.
func DDL(tables []analyticsapi.Table, history bool) []string {
	out := []string{createSchemaSQL}
	for _, t := range layout(tables, history) {
		out = append(out, t.create())
		for _, c := range t.columns {
			if c.rest == "" {
				out = append(out, t.add(c))
			}
		}
		out = append(out, t.comment())
		for _, c := range t.columns {
			out = append(out, t.commentOn(c))
		}
		if name, ok := strings.CutSuffix(t.name, "_history"); ok {
			out = append(out, versionsView(name, t))
		}
	}
	return out
}

// Distribute returns the statements that spread the tables over a Citus cluster, to be run
// once after DDL and before the first row. Everything of a site lies together.
func Distribute(tables []analyticsapi.Table, history bool) (out []string) {
	for i, t := range layout(tables, history) {
		together := ", colocate_with => '" + Schema + ".sync_site'"
		if i == 0 {
			together = ""
		}
		out = append(out, "SELECT create_distributed_table("+literal(Schema+"."+t.name)+", 'site_id'"+together+")")
	}
	return out
}

// versionsView shows until when each version was the present one.
func versionsView(name string, t table) string {
	var columns []string
	for _, c := range t.columns {
		if c.name != "deleted" && c.name != "h" {
			columns = append(columns, quote(c.name))
		}
	}
	list := strings.Join(columns, ", ")
	return fmt.Sprintf("CREATE OR REPLACE VIEW %s AS SELECT %s, valid_to FROM ("+
		"SELECT %s, deleted, lead(valid_from) OVER (PARTITION BY site_id, id ORDER BY valid_from) AS valid_to FROM %s) v WHERE NOT deleted",
		qualified(name+"_versions"), list, list, qualified(t.name))
}

// catalogueSQL reads the columns that are there. information_schema would leave out what
// the role has no right to.
const catalogueSQL = `SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_class c ` +
	`JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid ` +
	`WHERE n.nspname = 'polyclinic' AND c.relkind IN ('r', 'p', 'v') AND a.attnum > 0 AND NOT a.attisdropped`

const schemaThereSQL = `SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = 'polyclinic'`

// EnsureSchema makes what is not there yet: the schema, tables, and columns that were
// declared later. It drops and changes nothing, and where all is there it needs no right.
// Several sites may do it at once. It returns ErrRights where something is missing and the
// role may not make it, and ErrSchema where a column has another type.
func (w *Warehouse) EnsureSchema(ctx context.Context, tables []analyticsapi.Table) error {
	var err error
	for range 2 * conflicts {
		var missing [][]string
		if missing, err = w.missing(ctx, tables); err != nil || len(missing) == 0 {
			return err
		}
		for _, together := range missing {
			if err = w.Define(ctx, together); err != nil {
				break
			}
		}
		if err != nil && !raced(err) {
			return err
		}
	}
	return err
}

// raced reports whether another site made the same at the same time: PostgreSQL then
// answers with a conflict in its own catalogue.
func raced(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.conflict || slices.Contains([]string{"23505", "42P07", "42P06", "42701", "42710", "XX000"}, e.State))
}

// missing returns the statements for what is not there, those of a table together.
func (w *Warehouse) missing(ctx context.Context, tables []analyticsapi.Table) (out [][]string, err error) {
	results, err := w.send(ctx, call{sql: catalogueSQL}, call{sql: schemaThereSQL})
	if err != nil {
		return nil, err
	}
	there := map[string]map[string]string{}
	for i := range results[0].rows {
		name := results[0].text(i, 0)
		if there[name] == nil {
			there[name] = map[string]string{}
		}
		there[name][results[0].text(i, 1)] = results[0].text(i, 2)
	}
	if results[1].text(0, 0) == "0" {
		out = append(out, []string{createSchemaSQL})
	}
	for _, t := range layout(tables, w.History) {
		statements, err := t.missing(there[t.name])
		if err != nil {
			return nil, err
		}
		name, versioned := strings.CutSuffix(t.name, "_history")
		if versioned && (len(statements) > 0 || there[name+"_versions"] == nil) {
			// A column in the middle of a view cannot be added to it.
			statements = append(statements, "DROP VIEW IF EXISTS "+qualified(name+"_versions"), versionsView(name, t))
		}
		if len(statements) > 0 {
			out = append(out, statements)
		}
	}
	return out, nil
}

func (t table) missing(there map[string]string) (statements []string, err error) {
	if there == nil {
		statements = append(statements, t.create(), t.comment())
	}
	for _, c := range t.columns {
		is, ok := there[c.name]
		want := strings.Replace(c.kind, "timestamptz", "timestamp with time zone", 1)
		switch {
		case there == nil:
			statements = append(statements, t.commentOn(c))
		case !ok:
			statements = append(statements, t.add(c), t.commentOn(c))
		case is != want && !(want == "text" && strings.HasPrefix(is, "character varying")):
			return nil, &Error{Kind: ErrSchema, Text: fmt.Sprintf("the warehouse's column %s.%s.%s is of type %s and must be %s: "+
				"rename or drop it there; the sync then makes it and `polyclinic analytics backfill` fills it", Schema, t.name, c.name, is, want)}
		}
	}
	return statements, nil
}

// Define runs DDL, such as that of the views, in one transaction. Comments on views are left
// out for CockroachDB, which has none.
func (w *Warehouse) Define(ctx context.Context, statements []string) error {
	calls := []call{{sql: beginSQL}}
	for _, sql := range statements {
		if w.mute && strings.HasPrefix(sql, "COMMENT ON VIEW") {
			continue
		}
		calls = append(calls, call{sql: sql})
	}
	if _, err := w.send(ctx, append(calls, call{sql: commitSQL})...); err != nil {
		w.rollback(ctx)
		return err
	}
	return nil
}
