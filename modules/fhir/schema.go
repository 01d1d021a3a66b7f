package fhir

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

var migrations = []kernel.Migration{
	{ID: "1780001300_sources", Up: initSources},
}

// initSources makes the importer's memory. These are plain tables and no collections: no
// client, rule or relation ever touches them, and they have a row for every resource that
// was read, which outnumber the clinic's own records by far.
func initSources(tx core.App) error {
	for _, sql := range []string{
		// A resource that was read. state: 0 it waits for the resource that it is part of,
		// 1 its record is due, 2 it is in, 3 nothing is made of it. ofKey and patientKey are
		// what it refers to; root, rootDay, patient and part what that was found to be. run,
		// file and entry are where it was last read while it had not gone in.
		`CREATE TABLE fhir_resources (
			id INTEGER PRIMARY KEY, source TEXT NOT NULL, key TEXT NOT NULL, type TEXT NOT NULL,
			hash BLOB NOT NULL, state INTEGER NOT NULL, fresh INTEGER NOT NULL, skipped INTEGER NOT NULL DEFAULT 0,
			collection TEXT NOT NULL, ofKey TEXT NOT NULL, patientKey TEXT NOT NULL, day TEXT NOT NULL, byDay INTEGER NOT NULL,
			patient INTEGER, root INTEGER, rootDay TEXT, part INTEGER,
			run INTEGER NOT NULL, file INTEGER NOT NULL, entry INTEGER NOT NULL)`,
		`CREATE INDEX idx_fhir_resources_waiting ON fhir_resources (id) WHERE state = 0`,
		`CREATE INDEX idx_fhir_resources_part ON fhir_resources (part) WHERE part IS NOT NULL`,
		`CREATE INDEX idx_fhir_resources_patient ON fhir_resources (patient) WHERE patient IS NOT NULL`,

		// What a reference may call a resource. own: it is what makes two readings the same
		// resource. resource is 0 where two share a key: it then means neither.
		`CREATE TABLE fhir_keys (
			source TEXT NOT NULL, key TEXT NOT NULL, resource INTEGER NOT NULL, own INTEGER NOT NULL,
			PRIMARY KEY (source, key)) WITHOUT ROWID`,

		// The text of a resource, packed; see pack.
		`CREATE TABLE fhir_texts (resource INTEGER PRIMARY KEY, text BLOB NOT NULL)`,

		// A record that resources go into. root is the resource that holds them together; day
		// is set where that is only their patient. written has a digest of each field as the
		// import left it: what differs since was changed by people, and stays. refused is the
		// run in which the record could not be written, incomplete that it was, without the
		// link to something that is no record yet.
		`CREATE TABLE fhir_records (
			id INTEGER PRIMARY KEY, collection TEXT NOT NULL, root INTEGER NOT NULL, day TEXT NOT NULL,
			record TEXT NOT NULL DEFAULT '', due INTEGER NOT NULL DEFAULT 0, at TEXT NOT NULL DEFAULT '',
			written TEXT NOT NULL DEFAULT '', refused INTEGER NOT NULL DEFAULT 0,
			incomplete INTEGER NOT NULL DEFAULT 0)`,
		`CREATE UNIQUE INDEX idx_fhir_records_root ON fhir_records (root, collection, day)`,
		`CREATE INDEX idx_fhir_records_due ON fhir_records (collection, at, id) WHERE due = 1`,
		`CREATE INDEX idx_fhir_records_incomplete ON fhir_records (id) WHERE incomplete = 1`,
		`CREATE INDEX idx_fhir_records_record ON fhir_records (record) WHERE record != ''`,
	} {
		if _, err := tx.NonconcurrentDB().NewQuery(sql).Execute(); err != nil {
			return err
		}
	}
	return nil
}
