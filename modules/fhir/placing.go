package fhir

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// chunk is how many resources are placed in one transaction.
const chunk = 20_000

// place finds, for whatever was read or waits since an earlier run, the record that it is
// part of: everything that will be read has been read.
func (r *run) place() error {
	after := int64(0)
	for {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		var last int64
		err := r.app.DB().NewQuery(`SELECT id FROM (SELECT id FROM fhir_resources WHERE state = 0 AND id > {:after} ORDER BY id LIMIT {:n}) ORDER BY id DESC LIMIT 1`).
			Bind(dbx.Params{"after": after, "n": chunk}).Row(&last)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("resources to place: %w", err)
		}
		if err := r.app.RunInTransaction(func(tx core.App) error { return placeBetween(tx, after, last) }); err != nil {
			return fmt.Errorf("place resources: %w", err)
		}
		after = last
	}
}

// meant is the resource that a key of the row r means, if it is in a state to be referred to.
const meant = `(SELECT k.resource FROM fhir_keys k WHERE k.source = fhir_resources.source AND k.key = fhir_resources.%s AND k.resource != 0)`

// placeBetween places the waiting resources with ids above after, up to last. What does
// not find its patient, or what it is part of, goes on waiting.
func placeBetween(tx core.App, after, last int64) error {
	const waiting = ` state = 0 AND fhir_resources.id > {:after} AND fhir_resources.id <= {:last}`
	placed := waiting + ` AND root IS NOT NULL AND (patientKey = '' OR patient IS NOT NULL)`
	for _, sql := range []string{
		// One that moves to another record leaves a gap in the one it was part of.
		`UPDATE fhir_records SET due = 1 WHERE id IN (SELECT part FROM fhir_resources WHERE part IS NOT NULL AND` + waiting + `)`,
		// One that its source has taken back only leaves the record.
		`UPDATE fhir_resources SET state = 1 WHERE skipped AND part IS NOT NULL AND` + waiting,
		`UPDATE fhir_resources SET patient = ` + fmt.Sprintf(meant, "patientKey") + ` WHERE patientKey != '' AND` + waiting,
		`UPDATE fhir_resources SET root = CASE WHEN ofKey = '' THEN CASE WHEN byDay THEN NULL ELSE id END ELSE ` + fmt.Sprintf(meant, "ofKey") + ` END WHERE` + waiting,
		`UPDATE fhir_resources SET rootDay = CASE WHEN root IS NULL AND byDay THEN COALESCE(NULLIF(day, ''), 'undated') ELSE '' END WHERE` + waiting,
		`UPDATE fhir_resources SET root = patient WHERE root IS NULL AND byDay AND` + waiting,
		`INSERT INTO fhir_records (collection, root, day, at) SELECT collection, root, rootDay, MIN(day) FROM fhir_resources WHERE` + placed + `
			GROUP BY collection, root, rootDay ON CONFLICT DO NOTHING`,
		`UPDATE fhir_resources SET state = 1, ofKey = '', patientKey = '', part = (SELECT id FROM fhir_records p
			WHERE p.root = fhir_resources.root AND p.collection = fhir_resources.collection AND p.day = rootDay) WHERE` + placed,
		`UPDATE fhir_records SET due = 1 WHERE id IN (SELECT part FROM fhir_resources WHERE state = 1 AND id > {:after} AND id <= {:last})`,
	} {
		if _, err := tx.NonconcurrentDB().NewQuery(sql).Bind(dbx.Params{"after": after, "last": last}).Execute(); err != nil {
			return err
		}
	}
	return nil
}

// tellWaiting reports what this run read and what found no place.
func (r *run) tellWaiting() error {
	after := int64(0)
	for {
		var rows []struct {
			ID      int64         `db:"id"`
			Type    string        `db:"type"`
			File    int           `db:"file"`
			Entry   int           `db:"entry"`
			Patient sql.NullInt64 `db:"patient"`
			Asked   bool          `db:"asked"`
		}
		err := r.app.DB().NewQuery(`SELECT id, type, file, entry, patient, patientKey != '' AS asked FROM fhir_resources
			WHERE state = 0 AND id > {:after} AND run = {:run} ORDER BY id LIMIT 1000`).
			Bind(dbx.Params{"after": after, "run": r.id}).All(&rows)
		if err != nil {
			return fmt.Errorf("resources that wait: %w", err)
		}
		for _, row := range rows {
			reason := "what it is part of is in none of the files"
			if row.Asked && !row.Patient.Valid {
				reason = "its patient is in none of the files, was refused, or is not the only one with that number"
			}
			r.refuse(row.File, row.Entry, row.Type, reason)
			after = row.ID
		}
		if len(rows) == 0 {
			return nil
		}
	}
}
