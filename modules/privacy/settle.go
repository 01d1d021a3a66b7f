package privacy

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// againReason stands for the one that was given at first, which is not on the list.
const againReason = "Erased before, and brought back by an older copy of the data."

// bindSettle erases again, ahead of the first request, whom an older copy of the data brought
// back. It comes once the trail is open and the rules are in place.
func bindSettle(k *kernel.Kernel) {
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "privacy: who was erased stays so", Priority: -50, Func: func(se *core.ServeEvent) error {
		if err := settle(se.App); err != nil {
			return fmt.Errorf("patients who were erased are in the data again, and could not be erased again, so nobody is served: %w", err)
		}
		return se.Next()
	}})
}

// settle erases whom a restore noted, and whom the list in this very data folder names: data.db
// may have been replaced by hand, as by the copy that an upgrade kept.
func settle(app core.App) error {
	noted, err := notedForAgain(app)
	if err != nil {
		return err
	}
	have, err := erasedIn(app.DB())
	if err != nil {
		return err
	}
	again, err := present(app.DB(), lacking(append(noted, listedHere(app)...), have))
	if err != nil {
		return err
	}
	n := 0
	for _, e := range again {
		done, err := eraseAgain(app, e)
		if err != nil {
			return fmt.Errorf("patient %s: %w", e.Patient, err)
		}
		n += done
	}
	if n > 0 {
		fmt.Printf("Patients who had been erased were in these data, as in an older copy, and were erased again: %d. The audit trail names them.\n", n)
	}
	if len(noted) == 0 {
		return nil
	}
	// An upgrade that came with this start has copied the data as they were: the way back is the backup.
	if err := removeSnapshots(app.DataDir(), func(time.Time) bool { return true }); err != nil {
		return err
	}
	_, err = app.NonconcurrentDB().Delete("_params", dbx.HashExp{"id": kernel.UnsettledParam}).Execute()
	return err
}

// eraseAgain returns 0 where the erasure of everything ahead of it took this one along.
func eraseAgain(app core.App, e erasure) (done int, err error) {
	err = app.RunInTransaction(func(tx core.App) error {
		have, err := erasedIn(tx.DB())
		if err != nil || len(lacking([]erasure{e}, have)) == 0 {
			return err
		}
		patient, err := tx.FindRecordById("patients", e.Patient)
		if err != nil {
			return err
		}
		done = 1
		_, err = erase(tx, patient, e.Scope, againReason, "")
		return err
	})
	return done, err
}

// notedForAgain returns what a restore left to do.
func notedForAgain(app core.App) (list []erasure, err error) {
	var raw string
	err = app.DB().Select("value").From("_params").Where(dbx.HashExp{"id": kernel.UnsettledParam}).Row(&raw)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(raw), &list)
	}
	if err != nil {
		return nil, fmt.Errorf("read what a restore left to do: %w", err)
	}
	return list, nil
}

// listedHere returns the list in the data folder. One that cannot be taken holds no clinic up: it
// is told of, and put aside when the list is written next.
func listedHere(app core.App) []erasure {
	path := localList(app.DataDir())
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var l erasures
	if err == nil {
		defer f.Close()
		var key string
		if key, err = listKey(app.DB()); err == nil {
			l, err = readList(f, key)
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "The list of erasures %s cannot be taken: %v. If data.db was replaced by an older copy, erase again whom it brought back.\n", path, err)
		app.Logger().Error("the list of erasures cannot be taken", "error", err)
		return nil
	}
	return l.List
}
