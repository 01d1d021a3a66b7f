package capture

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/pocketbase/dbx"
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

// NotePatient has every row that names a patient shipped again: whether it may say whose it
// is has changed, and the row has not. Without capture it does nothing.
func NotePatient(tx core.App, tables []analyticsapi.Table, id string) error {
	present, err := Present(tx)
	if err != nil || !present {
		return err
	}
	known, err := readNoted(tx.DB())
	if err != nil {
		return err
	}
	places, err := locate(tx.DB(), tables, known)
	if err != nil {
		return err
	}
	for _, p := range places {
		for _, c := range p.table.Columns {
			if !c.Patient || p.id == "" {
				continue
			}
			var there bool
			if err := tx.DB().NewQuery(`SELECT count(*) > 0 FROM pragma_table_info({:table}) WHERE name = {:field}`).Bind(dbx.Params{"table": p.name, "field": c.Field}).Row(&there); err != nil {
				return fmt.Errorf("analytics capture: %w", err)
			}
			if !there {
				continue
			}
			note := "INSERT INTO " + logTable + " (tbl, pk) SELECT {:collection}, id FROM " + quote(p.name) + " WHERE " + quote(c.Field) + " = {:id}"
			if err := execute(tx, note, dbx.Params{"collection": p.id, "id": id}); err != nil {
				return err
			}
		}
	}
	return nil
}
