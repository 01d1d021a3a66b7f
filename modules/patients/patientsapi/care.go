package patientsapi

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// The collection "care" says who cares for whom: one row for each reason, kept by database
// triggers of the modules that know of one, and one for each broken glass.
//
// A patient is under the care of the doctor whom they are assigned to, of each doctor who
// has or had an appointment with them that was not cancelled, and of each who wrote a
// record of theirs.
const (
	CareAssigned    = "assigned"
	CareAppointment = "appointment"
	CareRecord      = "record"
	CareGlass       = "glass" // ends: somebody broke the glass
)

// Lasting is the column "until" of every reason but the last.
const Lasting = "9999-12-31 23:59:59.999Z"

// InCare returns the filter of rules for the patients that the caller cares for, broken
// glass included. path leads from the record to its patient: "" on the register itself,
// "patientId." on what has a relation of that name.
func InCare(path string) string {
	return path + "care_via_patientId.accountId ?= @request.auth.id && " + path + "care_via_patientId.until ?> @now"
}

// InLastingCare is InCare without broken glass: for what makes a bond of its own, such as
// a booking, which would turn an hour into for ever.
func InLastingCare(path string) string {
	return path + "care_via_patientId.accountId ?= @request.auth.id && " + path + "care_via_patientId.until ?= '" + Lasting + "'"
}

// OutsideCare returns those of the patients who are not under the care of the doctor with
// this account, in the order given. A patient who was opened by breaking the glass is
// outside. It asks one index, once.
func OutsideCare(app core.App, doctorAccount string, patientIDs []string) ([]string, error) {
	if len(patientIDs) == 0 {
		return nil, nil
	}
	list, err := json.Marshal(patientIDs)
	if err != nil {
		return nil, fmt.Errorf("care: %w", err)
	}
	var outside []string
	err = app.DB().NewQuery(`SELECT value FROM json_each({:ids})
		WHERE NOT EXISTS (SELECT 1 FROM care WHERE accountId = {:account} AND patientId = value AND until = {:lasting}) ORDER BY key`).
		Bind(dbx.Params{"ids": string(list), "account": doctorAccount, "lasting": Lasting}).Column(&outside)
	if err != nil {
		return nil, fmt.Errorf("care: %w", err)
	}
	return outside, nil
}

// Standing returns those of the patients who are not under the care of the doctor with this
// account, and those of them who are open to it by a broken glass. It is asked ahead of
// every read: one query, plain for the one patient of a view.
func Standing(app core.App, doctorAccount string, patientIDs []string) (outside, byGlass []string, err error) {
	of, ids := "(?)", ""
	switch len(patientIDs) {
	case 0:
		return nil, nil, nil
	case 1:
		ids = patientIDs[0]
	default:
		list, err := json.Marshal(patientIDs)
		if err != nil {
			return nil, nil, fmt.Errorf("care: %w", err)
		}
		of, ids = "(SELECT value FROM json_each(?))", string(list)
	}
	rows, err := kernel.Query(app, "SELECT patientId, until FROM care WHERE accountId = ? AND patientId IN "+of, doctorAccount, ids)
	if err != nil {
		return nil, nil, fmt.Errorf("care: %w", err)
	}
	defer rows.Close()
	latest := make(map[string]string, len(patientIDs))
	for rows.Next() {
		var id, until string
		if err := rows.Scan(&id, &until); err != nil {
			return nil, nil, fmt.Errorf("care: %w", err)
		}
		latest[id] = max(latest[id], until)
	}
	now := types.NowDateTime().String()
	for _, id := range patientIDs {
		until := latest[id]
		if until == Lasting {
			continue
		}
		outside = append(outside, id)
		if until > now {
			byGlass = append(byGlass, id)
		}
	}
	return outside, byGlass, rows.Err()
}

// HasOpen reports whether the patient is open to the account now: under its care, or by a
// broken glass.
func HasOpen(app core.App, account, patientID string) (bool, error) {
	var n int
	err := app.DB().Select("count(*)").From("care").
		Where(dbx.HashExp{"accountId": account, "patientId": patientID}).
		AndWhere(dbx.NewExp("until > {:now}", dbx.Params{"now": types.NowDateTime().String()})).Row(&n)
	if err != nil {
		return false, fmt.Errorf("care: %w", err)
	}
	return n > 0, nil
}

// OpenUntil opens the patient to the account until then, in tx. It is for breaking the
// glass.
func OpenUntil(tx core.App, account, patientID string, until time.Time) error {
	end, err := types.ParseDateTime(until)
	if err != nil {
		return fmt.Errorf("care: %w", err)
	}
	_, err = tx.NonconcurrentDB().NewQuery(`INSERT INTO care (id, patientId, doctorId, accountId, source, until, created)
		VALUES (lower(substr(hex(randomblob(8)), 1, 15)), {:patient}, '', {:account}, 'glass', {:until}, {:now})
		ON CONFLICT (patientId, doctorId, accountId, source) DO UPDATE SET until = max(until, excluded.until)`).
		Bind(dbx.Params{"patient": patientID, "account": account, "until": end.String(), "now": types.NowDateTime().String()}).Execute()
	if err != nil {
		return fmt.Errorf("care: %w", err)
	}
	return nil
}
