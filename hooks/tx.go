package hooks

import (
	"database/sql"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"time"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// first runs ahead of every hook of a module.
const first = -1000

// bindTx makes every save and every API write one transaction with its hooks, whoever
// writes. PocketBase alone leaves the row when a hook fails after the write.
func bindTx(k *kernel.Kernel) {
	app := k.App
	app.OnRecordCreate().Bind(saveInTx(k, "platform.tx.create", nil))
	app.OnRecordUpdate().Bind(saveInTx(k, "platform.tx.update", rebase))
	app.OnRecordDelete().Bind(saveInTx(k, "platform.tx.delete", exists))
	app.OnRecordCreateExecute().Bind(writeUnlessRefused("platform.refused.create"))
	app.OnRecordUpdateExecute().Bind(writeUnlessRefused("platform.refused.update"))
	app.OnRecordCreateRequest().Bind(requestInTx(k, "platform.request.create"))
	app.OnRecordUpdateRequest().Bind(requestInTx(k, "platform.request.update"))
	app.OnRecordDeleteRequest().Bind(requestInTx(k, "platform.request.delete"))
}

func saveInTx(k *kernel.Kernel, id string, prepare func(core.App, *core.Record) error) *hook.Handler[*core.RecordEvent] {
	return &hook.Handler[*core.RecordEvent]{Id: id, Priority: first, Func: func(e *core.RecordEvent) error {
		work := func() error {
			if prepare != nil {
				if err := prepare(e.App, e.Record); err != nil {
					return err
				}
			}
			return refusal(k, e.Record, inUse(k.FromSQL(e.Next())))
		}
		if e.App.IsTransactional() {
			return work()
		}
		outer := e.App
		defer func() { e.App = outer }() // PocketBase runs AfterSuccess on e.App
		return outer.RunInTransaction(func(tx core.App) error { e.App = tx; return work() })
	}}
}

// writeUnlessRefused stops the write of what kernel.Refuse was told of: by now every hook and
// PocketBase have had a look at the record.
func writeUnlessRefused(id string) *hook.Handler[*core.RecordEvent] {
	return &hook.Handler[*core.RecordEvent]{Id: id, Priority: first, Func: func(e *core.RecordEvent) error {
		if err := kernel.Refusals(e.Record).OrNil(); err != nil {
			return err
		}
		return e.Next()
	}}
}

// refusal returns what kernel.Refuse was told of the record with all else that its save found.
func refusal(k *kernel.Kernel, r *core.Record, err error) error {
	bad := kernel.Refusals(r)
	kernel.Unrefuse(r) // what a job then mends it may save
	if len(bad) == 0 || kernel.StorageError(err) != nil {
		return err
	}
	return bad.And(k.FieldErrors(err))
}

func requestInTx(k *kernel.Kernel, id string) *hook.Handler[*core.RecordRequestEvent] {
	return &hook.Handler[*core.RecordRequestEvent]{Id: id, Priority: first, Func: func(e *core.RecordRequestEvent) error {
		if e.Auth != nil && !e.Auth.IsSuperuser() {
			kernel.SetActor(e.Record, e.Auth.Id)
		}
		if e.App.IsTransactional() {
			return ourFault(k, e, e.Next())
		}
		outer := e.App
		defer func() { e.App = outer }()
		return ourFault(k, e, outer.RunInTransaction(func(tx core.App) error { e.App = tx; return e.Next() }))
	}}
}

// ourFault turns PocketBase's 400 into a 500 where the client did nothing wrong: it answers
// a full disk like a bad value.
func ourFault(k *kernel.Kernel, e *core.RecordRequestEvent, err error) error {
	if err == nil || errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if full := kernel.StorageError(err); full != nil {
		e.App.Logger().Error("the data cannot be written", "collection", e.Collection.Name, "error", full.Code)
		return k.APIError(full)
	}
	cause := err
	if api, ok := errors.AsType[*router.ApiError](err); ok {
		raw, hasCause := api.RawData().(error)
		if api.Status != http.StatusBadRequest || len(api.Data) > 0 || !hasCause || isAPIError(raw) {
			return err
		}
		cause = raw
	}
	if isInvalid(cause) {
		return err
	}
	e.App.Logger().Error("request failed", "collection", e.Collection.Name, "error", cause)
	return router.NewInternalServerError("", nil)
}

func isAPIError(err error) bool {
	_, is := errors.AsType[*router.ApiError](err)
	return is
}

// isInvalid reports whether PocketBase refused a value.
func isInvalid(err error) bool {
	_, several := errors.AsType[validation.Errors](err)
	_, one := errors.AsType[validation.Error](err)
	return several || one
}

var errInUse = kernel.Fail(http.StatusConflict, "in_use", "Other records need this one.")

// inUse gives the refusal of a delete that a required relation stands against the code of a
// conflict. PocketBase has only words for it.
func inUse(err error) error {
	if err == nil || !strings.Contains(err.Error(), "part of a required reference") {
		return err
	}
	return errInUse
}

// rebase puts the caller's changes on top of the row as it is now. PocketBase writes the
// whole row from what was read ahead of the transaction: a user's own PATCH undid an
// admin's revocation, and a record deleted meanwhile was "saved".
//
// A value that is sent as it was read is no change, even when somebody else changed it meanwhile:
// forms send every field back. It is then as if this write had come first.
func rebase(tx core.App, r *core.Record) error {
	now, err := tx.FindRecordById(r.Collection(), r.LastSavedPK().(string))
	if errors.Is(err, sql.ErrNoRows) {
		return kernel.ErrNotFound
	}
	if err != nil {
		return err
	}
	read := r.Original()
	changed := map[string]any{}
	for _, f := range r.Collection().Fields {
		name := f.GetName()
		if v := r.GetRaw(name); !reflect.DeepEqual(v, read.GetRaw(name)) {
			changed[name] = v
		}
		r.SetRaw(name, now.GetRaw(name))
	}
	if err := r.PostScan(); err != nil {
		return err
	}
	for name, v := range changed {
		r.SetRaw(name, v)
	}
	r.IgnoreUnchangedFields(true)
	// "updated" tells versions apart for If-Match and has milliseconds.
	if last := now.GetDateTime("updated"); !last.IsZero() {
		for !types.NowDateTime().After(last) && time.Until(last.Time()) < time.Second {
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}

func exists(tx core.App, r *core.Record) error {
	if _, err := tx.FindRecordById(r.Collection(), r.Id); err != nil {
		return kernel.ErrNotFound
	}
	return nil
}
