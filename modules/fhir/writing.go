package fhir

import (
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/fhir/fhirapi"
)

// writeBatch is how many records share a transaction.
const writeBatch = 200

// group is a row of fhir_records that is due, with what it is made of.
type group struct {
	ID      int64  `db:"id"`
	Root    int64  `db:"root"`
	RootKey string `db:"rootKey"`
	Day     string `db:"day"`
	At      string `db:"at"`
	Record  string `db:"record"`
	Written string `db:"written"`

	parts []*part
}

// part is a resource of a group.
type part struct {
	ID      int64  `db:"id"`
	Group   int64  `db:"part"`
	Key     string `db:"key"`
	Type    string `db:"type"`
	State   int    `db:"state"`
	Fresh   bool   `db:"fresh"`
	Skipped bool   `db:"skipped"`
	Patient int64  `db:"patient"`
	Run     int64  `db:"run"`
	File    int    `db:"file"`
	Entry   int    `db:"entry"`
	Text    []byte `db:"text"`
}

// write makes the records that are due, collection by collection.
func (r *run) write() error {
	var due int64
	if err := r.app.DB().NewQuery(`SELECT COUNT(*) FROM fhir_records WHERE due = 1`).Row(&due); err != nil {
		return fmt.Errorf("records that are due: %w", err)
	}
	r.bar.begin("writing", due, "records")
	for _, im := range r.plan.order {
		if err := r.fill(im); err != nil {
			return fmt.Errorf("import into %s: %w", im.Collection, err)
		}
	}
	return nil
}

// fill makes the records of one collection, by day.
func (r *run) fill(im fhirapi.Importer) error {
	last := group{ID: -1}
	for {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		var groups []*group
		err := r.app.DB().NewQuery(`SELECT p.id, p.root, r.key AS rootKey, p.day, p.at, p.record, p.written
			FROM fhir_records p JOIN fhir_resources r ON r.id = p.root
			WHERE p.due = 1 AND p.collection = {:collection} AND (p.at, p.id) > ({:at}, {:id}) ORDER BY p.at, p.id LIMIT {:n}`).
			Bind(dbx.Params{"collection": im.Collection, "at": last.At, "id": last.ID, "n": writeBatch}).All(&groups)
		if err != nil || len(groups) == 0 {
			return err
		}
		if err := r.loadParts(groups); err != nil {
			return err
		}
		if err := r.writeAll(im, groups); err != nil {
			return err
		}
		last = *groups[len(groups)-1]
		r.bar.add(int64(len(groups)), int64(len(groups)))
	}
}

func (r *run) loadParts(groups []*group) error {
	byID, ids := map[int64]*group{}, make([]any, 0, len(groups))
	for _, g := range groups {
		byID[g.ID], ids = g, append(ids, g.ID)
	}
	var parts []*part
	err := r.app.DB().Select("r.id", "r.part", "r.key", "r.type", "r.state", "r.fresh", "r.skipped",
		"COALESCE(r.patient, 0) AS patient", "r.run", "r.file", "r.entry", "COALESCE(t.text, x'') AS text").
		From("fhir_resources r").LeftJoin("fhir_texts t", dbx.NewExp("t.resource = r.id")).
		Where(dbx.In("r.part", ids...)).AndWhere(dbx.NewExp("r.state < 3")).OrderBy("r.day", "r.id").All(&parts)
	if err != nil {
		return fmt.Errorf("what records are made of: %w", err)
	}
	for _, p := range parts {
		g := byID[p.Group]
		g.parts = append(g.parts, p)
	}
	return nil
}

// writeAll writes some groups in one transaction. What cannot be written undoes nothing
// but itself.
func (r *run) writeAll(im fhirapi.Importer, groups []*group) error {
	var told []func()
	err := r.app.RunInTransaction(func(tx core.App) error {
		clinic, err := clinicapi.Current(tx)
		if err != nil {
			return err
		}
		for _, g := range groups {
			w := &writer{run: r, tx: tx, importer: im, group: g, clinic: clinic}
			tell, err := w.write()
			if err != nil {
				return err
			}
			told = append(told, tell)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, tell := range told {
		tell()
	}
	return nil
}

// savepoint runs fn and undoes what it wrote when it fails. PocketBase has no nested
// transactions: its own would go on in the outer one.
func savepoint(tx core.App, fn func() error) error {
	do := func(sql string) error { _, err := tx.NonconcurrentDB().NewQuery(sql).Execute(); return err }
	if err := do("SAVEPOINT fhir_record"); err != nil {
		return &fatal{err}
	}
	failed := fn()
	if failed != nil {
		if err := do("ROLLBACK TO fhir_record"); err != nil {
			return &fatal{err}
		}
	}
	if err := do("RELEASE fhir_record"); err != nil {
		return &fatal{err}
	}
	return failed
}

// fatal is an error that is nobody's resource's fault and ends the import.
type fatal struct{ error }

func (f *fatal) Unwrap() error { return f.error }
