package hooks

import (
	"database/sql"
	"errors"
	"reflect"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
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
	app.OnRecordCreateRequest().Bind(requestInTx("platform.request.create"))
	app.OnRecordUpdateRequest().Bind(requestInTx("platform.request.update"))
	app.OnRecordDeleteRequest().Bind(requestInTx("platform.request.delete"))
}

func saveInTx(k *kernel.Kernel, id string, prepare func(core.App, *core.Record) error) *hook.Handler[*core.RecordEvent] {
	return &hook.Handler[*core.RecordEvent]{Id: id, Priority: first, Func: func(e *core.RecordEvent) error {
		work := func() error {
			if prepare != nil {
				if err := prepare(e.App, e.Record); err != nil {
					return err
				}
			}
			return k.FromSQL(e.Next())
		}
		if e.App.IsTransactional() {
			return work()
		}
		outer := e.App
		defer func() { e.App = outer }() // PocketBase runs AfterSuccess on e.App
		return outer.RunInTransaction(func(tx core.App) error { e.App = tx; return work() })
	}}
}

func requestInTx(id string) *hook.Handler[*core.RecordRequestEvent] {
	return &hook.Handler[*core.RecordRequestEvent]{Id: id, Priority: first, Func: func(e *core.RecordRequestEvent) error {
		if e.Auth != nil && !e.Auth.IsSuperuser() {
			kernel.SetActor(e.Record, e.Auth.Id)
		}
		if e.App.IsTransactional() {
			return e.Next()
		}
		outer := e.App
		defer func() { e.App = outer }()
		return outer.RunInTransaction(func(tx core.App) error { e.App = tx; return e.Next() })
	}}
}

// rebase puts the caller's changes on top of the row as it is now. PocketBase writes the
// whole row from what was read ahead of the transaction: a user's own PATCH undid an
// admin's revocation, and a record deleted meanwhile was "saved".
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
