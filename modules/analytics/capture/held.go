package capture

import (
	"context"
	"database/sql"
	"slices"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
)

// withheld returns the condition, on an id in the place of %s, that the id is a patient's
// whose rows stay; "" when there are none.
func (s *Source) withheld(ctx context.Context, tx *sql.Tx) (string, error) {
	for _, t := range s.tables {
		if !t.Patients || t.Withheld == "" {
			continue
		}
		_, name, err := find(ctx, tx, t.Name)
		if err == sql.ErrNoRows {
			continue
		}
		if err != nil {
			return "", err
		}
		have, err := columnsOf(ctx, tx, name)
		if err != nil || !have[t.Withheld] {
			return "", err
		}
		return "EXISTS (SELECT 1 FROM " + quote(name) + " AS held WHERE held.id = %s AND held." + quote(t.Withheld) + " != '')", nil
	}
	return "", nil
}

// markHeld has the tables that name patients read in full again: who was withheld meanwhile
// may have gone unnoticed. mended are those that are marked already.
func markHeld(tx core.App, places []place, mended []string) ([]string, error) {
	for _, p := range places {
		names := slices.ContainsFunc(p.table.Columns, func(c analyticsapi.Column) bool { return c.Patient })
		if !names || slices.Contains(mended, p.table.Name) {
			continue
		}
		if err := Mark(tx, Untriggered, p.table.Name); err != nil {
			return nil, err
		}
		mended = append(mended, p.table.Name)
	}
	return mended, nil
}

// ofPatients calls fn for the id of every row of a table that names one of the patients, by
// their own ids as JSON.
func (v *View) ofPatients(st stored, patients string, fn func(id any)) error {
	for _, field := range st.patients {
		rows, err := v.tx.QueryContext(v.ctx, "SELECT id FROM "+st.quoted+" WHERE "+field+" IN (SELECT value FROM json_each(?))", patients)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id any
			if err := rows.Scan(&id); err != nil {
				return err
			}
			fn(id)
		}
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return nil
}
