package backup

import (
	"path/filepath"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// bindDurable puts an uploaded file on the disk ahead of the commit of the row that names it.
// PocketBase leaves it to the system, which writes it up to 30 s later: a power cut would
// leave a result without its picture.
func bindDurable(k *kernel.Kernel) {
	save := func(e *core.RecordEvent) error {
		var names []string // now: afterwards the record no longer tells new from old
		for _, f := range e.Record.Collection().Fields {
			if f.Type() == core.FieldTypeFile {
				for _, u := range e.Record.GetUnsavedFiles(f.GetName()) {
					names = append(names, u.Name)
				}
			}
		}
		if err := e.Next(); err != nil || len(names) == 0 || e.App.Settings().S3.Enabled {
			return err
		}
		folder := filepath.Join(e.App.DataDir(), core.LocalStorageDirName, e.Record.BaseFilesPath())
		for _, name := range names {
			if err := kernel.SyncFile(filepath.Join(folder, name)); err != nil {
				return err
			}
		}
		for _, dir := range []string{folder, filepath.Dir(folder)} {
			if err := kernel.SyncFile(dir); err != nil {
				return err
			}
		}
		return nil
	}
	k.App.OnRecordCreateExecute().Bind(&hook.Handler[*core.RecordEvent]{Id: "backup.durable", Priority: -500, Func: save})
	k.App.OnRecordUpdateExecute().Bind(&hook.Handler[*core.RecordEvent]{Id: "backup.durable", Priority: -500, Func: save})
}
