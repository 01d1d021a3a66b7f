package warehouse

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
)

const (
	pseudonymsSQL = `UPDATE polyclinic.sync_site SET pseudonyms = $4 WHERE site_id = $1 AND epoch = $2 AND tok = $3`

	// Versions may be there of a time when they were kept.
	historiesSQL = `SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ` +
		`WHERE n.nspname = 'polyclinic' AND c.relkind IN ('r', 'p') AND c.relname LIKE '%\_history'`

	forgetRejectsSQL = `DELETE FROM polyclinic.sync_reject WHERE site_id = $1 AND tbl = $2`
)

// Repseudonymise takes every patient's id out of what the site has, versions and what was
// set aside included: ids that were made with another key, or with none, beside those of
// this key would say whose the pseudonyms are. Patients' rows and their versions go, in
// other rows the id becomes NULL until they are shipped anew; the caller has every table
// read in full. At last it notes the key, by its mark. at is where the site stands; it
// returns ErrFenced if that is elsewhere.
func (w *Warehouse) Repseudonymise(ctx context.Context, at Position, tables []analyticsapi.Table, key string) error {
	results, err := w.send(ctx, call{sql: historiesSQL})
	if err != nil {
		return err
	}
	var histories []string
	for i := range results[0].rows {
		histories = append(histories, results[0].text(i, 0))
	}
	for _, t := range tables {
		places := []string{t.Name}
		if slices.Contains(histories, historyName(t)) {
			places = append(places, historyName(t))
		}
		for _, name := range places {
			sql := nobodySQL(t, name)
			if sql == nil {
				continue
			}
			if err := w.walk(ctx, at, name, sql); err != nil {
				return err
			}
		}
		if t.Patients {
			if err := w.fencedStep(ctx, at, call{sql: forgetRejectsSQL, args: []arg{text(w.site), text(t.Name)}}); err != nil {
				return err
			}
		}
	}
	return w.note(ctx, call{sql: pseudonymsSQL, args: []arg{text(w.site), text(at.Epoch), text(at.Token), text(key)}})
}

// nobodySQL takes patients' ids out of a range of a table or of its versions, nil if it has
// none. The hash goes with them: it was made of the id too.
func nobodySQL(t analyticsapi.Table, name string) func(after, upto bool) string {
	if t.Patients {
		return func(after, upto bool) string { return "DELETE FROM " + qualified(name) + inRange(after, upto) }
	}
	sets, some := []string{"h = 0"}, []string{}
	for _, c := range t.Columns {
		if c.Patient {
			sets = append(sets, quote(c.Name)+" = NULL")
			some = append(some, quote(c.Name)+" IS NOT NULL")
		}
	}
	if len(some) == 0 {
		return nil
	}
	return func(after, upto bool) string {
		return fmt.Sprintf("UPDATE %s SET %s%s AND (%s)", qualified(name), strings.Join(sets, ", "), inRange(after, upto), strings.Join(some, " OR "))
	}
}
