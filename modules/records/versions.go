package records

import (
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// versionsFollowSchema makes the triggers of medical_records anew whenever its fields
// change, so that the earlier version has the fields that a clinic adds (x_…) as well. While
// PocketBase converts columns the triggers are away: a schema is no change of a record.
func versionsFollowSchema(k *kernel.Kernel) error {
	k.App.OnCollectionUpdateExecute("medical_records").Bind(&hook.Handler[*core.CollectionEvent]{Id: "records: versions follow the schema", Func: func(e *core.CollectionEvent) error {
		outer := e.App
		defer func() { e.App = outer }() // PocketBase runs AfterSuccess on e.App
		return outer.RunInTransaction(func(tx core.App) error {
			e.App = tx
			if err := runAll(tx, "DROP TRIGGER IF EXISTS medical_records_versioned", "DROP TRIGGER IF EXISTS medical_records_numbered"); err != nil {
				return err
			}
			if err := e.Next(); err != nil {
				return err
			}
			return runAll(tx, numberedTrigger, versionedTrigger(kept(e.Collection.Fields.FieldNames())))
		})
	}})
	return nil
}

// numberedTrigger refuses a change that does not make the next version.
const numberedTrigger = `CREATE TRIGGER medical_records_numbered BEFORE UPDATE ON medical_records
WHEN NEW.version IS NOT OLD.version + 1 OR NEW.id IS NOT OLD.id OR NEW.patientId IS NOT OLD.patientId
BEGIN SELECT RAISE(ABORT, 'polyclinic:record_version:version'); END`

// kept leaves out the column that ?q= looks in, which follows from the others, and what
// attachments are called: files are only added, so the record has the names of all of them, and
// an erasure need not look for them anywhere else.
func kept(columns []string) []string {
	return slices.DeleteFunc(columns, func(name string) bool { return name == kernel.SearchColumn || name == attachmentNames })
}

// versionedTrigger keeps the named columns of a row that is changed.
func versionedTrigger(columns []string) string {
	pairs := make([]string, 0, len(columns))
	for _, name := range columns {
		pairs = append(pairs, "'"+name+"', OLD."+name)
	}
	return `CREATE TRIGGER medical_records_versioned AFTER UPDATE ON medical_records
BEGIN INSERT INTO medical_record_versions (id, recordId, version, created, content)
VALUES (lower(substr(hex(randomblob(8)), 1, 15)), OLD.id, OLD.version, strftime('%Y-%m-%d %H:%M:%fZ', 'now'), json_object(
  ` + strings.Join(pairs, ", ") + `)); END`
}

func runAll(tx core.App, statements ...string) error {
	for _, sql := range statements {
		if _, err := tx.NonconcurrentDB().NewQuery(sql).Execute(); err != nil {
			return err
		}
	}
	return nil
}
