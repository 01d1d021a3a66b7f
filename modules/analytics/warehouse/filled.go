package warehouse

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
)

// A column that was dropped and made again is empty in the rows that are there, and their hashes
// do not tell. PostgreSQL gives it another number than it had, whoever makes it: sync_filled
// keeps with which numbers a site's rows were written.

const (
	filledSQL = `SELECT tbl, columns FROM polyclinic.sync_filled WHERE site_id = $1`

	fillSQL = `INSERT INTO polyclinic.sync_filled (site_id, tbl, columns) VALUES ($1, $2, $3) ON CONFLICT (site_id, tbl) DO UPDATE SET columns = excluded.columns`

	numbersSQL = `SELECT c.relname, a.attname, a.attnum FROM pg_catalog.pg_class c ` +
		`JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid ` +
		`WHERE n.nspname = 'polyclinic' AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped`
)

// numbers are the columns' numbers in the catalogue, by table and name.
type numbers map[string]map[string]int

func readNumbers(r result) (numbers, error) {
	all := numbers{}
	for i := range r.rows {
		table := r.text(i, 0)
		if all[table] == nil {
			all[table] = map[string]int{}
		}
		n, err := strconv.Atoi(r.text(i, 2))
		if err != nil {
			return nil, err
		}
		all[table][r.text(i, 1)] = n
	}
	return all, nil
}

// columns writes a table's columns with their numbers. No declared name has a blank.
func (n numbers) columns(t table) string {
	var list []string
	for _, c := range t.columns {
		list = append(list, c.name+" "+strconv.Itoa(n[t.name][c.name]))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// remade reports whether a column of columns has another number now, or is not there.
func (n numbers) remade(name, columns string) bool {
	return slices.ContainsFunc(strings.Split(columns, ", "), func(c string) bool {
		column, number, _ := strings.Cut(c, " ")
		return strconv.Itoa(n[name][column]) != number
	})
}

// Unfilled is a table, or the versions of one, whose columns are not noted as they are.
type Unfilled struct {
	Table  analyticsapi.Table
	Remade bool // a column was dropped and made again since the site's rows were written
	Name   string

	columns string
}

// Unfilled returns the tables whose columns are not those that the site's rows were written
// with: Remade, or only more of them.
func (w *Warehouse) Unfilled(ctx context.Context, tables []analyticsapi.Table) (list []Unfilled, err error) {
	results, err := w.send(ctx, call{sql: filledSQL, args: []arg{text(w.site)}}, call{sql: numbersSQL})
	if err != nil {
		return nil, err
	}
	there, err := readNumbers(results[1])
	if err != nil {
		return nil, err
	}
	noted := map[string]string{}
	for i := range results[0].rows {
		noted[results[0].text(i, 0)] = results[0].text(i, 1)
	}
	for _, t := range layout(tables, w.History) {
		of := slices.IndexFunc(tables, func(d analyticsapi.Table) bool { return d.Name == t.name || historyName(d) == t.name })
		if of < 0 {
			continue // the sync's own
		}
		was, known := noted[t.name]
		if now := there.columns(t); now != was {
			list = append(list, Unfilled{tables[of], known && there.remade(t.name, was), t.name, now})
		}
	}
	return list, nil
}

// Stale makes the hashes of the site's rows of a table wrong, so that a full reading writes every
// one anew. at is where the site stands; it returns ErrFenced if that is elsewhere.
func (w *Warehouse) Stale(ctx context.Context, at Position, t analyticsapi.Table) error {
	return w.walk(ctx, at, t.Name, func(after, upto bool) string { return staleSQL(t, after, upto) })
}

func staleSQL(t analyticsapi.Table, after, upto bool) string {
	return fmt.Sprintf("UPDATE %s SET h = 0%s AND h <> 0", qualified(t.Name), inRange(after, upto))
}

// Fill notes the columns that the site's rows are written with from now on.
func (w *Warehouse) Fill(ctx context.Context, at Position, u Unfilled) error {
	return w.fencedStep(ctx, at, call{sql: fillSQL, args: []arg{text(w.site), text(u.Name), text(u.columns)}})
}
