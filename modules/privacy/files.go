package privacy

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

// filesPatience bounds one attempt to delete the files of an erased patient.
const filesPatience = 2 * time.Minute

// dropFiles removes pictures of the person, and what is attached once nothing must be kept.
func (e *eraser) dropFiles(p privacyapi.Part, params dbx.Params) error {
	gone := p.Photos
	if e.scope == scopeEverything {
		gone = slices.Concat(gone, p.Files)
	}
	if len(gone) == 0 {
		return nil
	}
	var records []*core.Record
	if err := e.tx.RecordQuery(p.Collection).AndWhere(condition(p, params)).All(&records); err != nil {
		return err
	}
	for _, r := range records {
		e.files = append(e.files, r.BaseFilesPath())
		sets := dbx.Params{}
		for _, field := range gone {
			sets[field] = dbx.NewExp(emptied(r.Collection().Fields.GetByName(field)))
		}
		if _, err := e.tx.NonconcurrentDB().Update(p.Collection, sets, dbx.HashExp{"id": r.Id}).Execute(); err != nil {
			return err
		}
	}
	return nil
}

// leaveNone has the files of rows removed that are about to be.
func (e *eraser) leaveNone(p privacyapi.Part, params dbx.Params) error {
	c, err := e.tx.FindCachedCollectionByNameOrId(p.Collection)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(c.Fields, func(f core.Field) bool { return f.Type() == core.FieldTypeFile }) {
		return nil
	}
	var ids []string
	if err := e.tx.DB().Select("id").From(p.Collection).Where(condition(p, params)).Column(&ids); err != nil {
		return err
	}
	for _, id := range ids {
		e.files = append(e.files, c.BaseFilesPath()+"/"+id)
	}
	return nil
}

// removeFiles deletes from the storage what an erasure took from the records, once it is durable:
// the event is written with it, and tried until it is done.
func removeFiles(app core.App, e privacyapi.ErasedV1) error {
	if len(e.Folders) == 0 {
		return nil
	}
	storage, err := app.NewFilesystem()
	if err != nil {
		return err
	}
	defer storage.Close()
	ctx, cancel := context.WithTimeout(context.Background(), filesPatience)
	defer cancel()
	storage.SetContext(ctx)
	var failed error
	for _, folder := range e.Folders {
		if err := removeUnnamed(app, storage, folder); err != nil {
			failed = errors.Join(failed, fmt.Errorf("files of an erased patient in %s: %w", folder, err))
		}
	}
	return failed
}

// removeUnnamed deletes the files that the folder's record does not name, and their thumbnails:
// some of it may be kept, or new.
func removeUnnamed(app core.App, storage *filesystem.System, folder string) error {
	kept, err := namedBy(app, folder)
	if err != nil {
		return err
	}
	if len(kept) == 0 {
		return counted(storage.DeletePrefix(folder + "/")...)
	}
	found, err := storage.List(folder + "/")
	if err != nil {
		return err
	}
	var failed []error
	for _, f := range found {
		name, _, _ := strings.Cut(strings.TrimPrefix(f.Key, folder+"/"), "/")
		if !slices.Contains(kept, name) && !slices.Contains(kept, strings.TrimPrefix(name, "thumbs_")) {
			failed = append(failed, storage.Delete(f.Key))
		}
	}
	return counted(failed...)
}

// counted leaves out which files it was: a name may tell of whom.
func counted(failed ...error) error {
	n := 0
	for _, err := range failed {
		if err != nil && !errors.Is(err, filesystem.ErrNotFound) {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%d could not be deleted", n)
}

// namedBy returns the files that the record of a folder has, none where it is gone.
func namedBy(app core.App, folder string) (names []string, err error) {
	collection, id, _ := strings.Cut(folder, "/")
	r, err := app.FindRecordById(collection, id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, f := range r.Collection().Fields {
		if f.Type() == core.FieldTypeFile {
			names = append(names, r.GetStringSlice(f.GetName())...)
		}
	}
	return names, nil
}

// tryAgain takes up what was given up after half an hour of failures.
func tryAgain(app core.App) error {
	return errors.Join(kernel.Retry(app, "privacy.remove_files"), kernel.Retry(app, "privacy.empty_log"))
}
