package fhir

import (
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/fhir/fhirapi"
)

// done notes that the parts are in.
func (w *writer) done(did outcome) (tell func(), err error) {
	g := w.group
	_, err = w.tx.NonconcurrentDB().NewQuery(`UPDATE fhir_records SET due = 0, refused = 0, incomplete = {:incomplete}, record = {:record}, written = {:written} WHERE id = {:id}`).
		Bind(dbx.Params{"record": g.Record, "written": g.Written, "incomplete": w.incomplete, "id": g.ID}).Execute()
	if err != nil {
		return nil, err
	}
	_, err = w.tx.NonconcurrentDB().NewQuery(`UPDATE fhir_resources SET state = CASE WHEN skipped THEN 3 ELSE 2 END, fresh = 0
		WHERE part = {:id} AND state < 3`).Bind(dbx.Params{"id": g.ID}).Execute()
	return func() { w.run.countDone(w.importer.Collection, g.parts, did) }, err
}

// refused notes why the parts did not go in. What waits for another file is tried again
// by the next import, the rest when it is read again.
func (w *writer) refused(no *fhirapi.Refusal) (tell func(), err error) {
	g := w.group
	due, refused, state, hash := 0, w.run.id, "CASE WHEN fresh OR skipped THEN 3 ELSE 2 END", "x''"
	switch no.Kind {
	case fhirapi.Waiting:
		due, state, hash = 1, "state", "hash"
	case fhirapi.Skipped:
		refused, state, hash = 0, "3", "hash"
	}
	if !g.news() {
		due, refused = 0, 0 // the record is as good as it was
	}
	_, err = w.tx.NonconcurrentDB().NewQuery(`UPDATE fhir_records SET due = {:due}, refused = {:refused} WHERE id = {:id}`).
		Bind(dbx.Params{"due": due, "refused": refused, "id": g.ID}).Execute()
	if err != nil {
		return nil, err
	}
	_, err = w.tx.NonconcurrentDB().NewQuery(`UPDATE fhir_resources SET hash = ` + hash + `, state = ` + state + ` WHERE part = {:id} AND state = 1`).
		Bind(dbx.Params{"id": g.ID}).Execute()
	return func() { w.run.countRefused(g.parts, no) }, err
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
