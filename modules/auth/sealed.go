package auth

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// sealedColumns are what second factors keep encrypted.
var sealedColumns = []struct{ table, column string }{
	{"authenticators", "secret"}, {"authenticators", "pending"}, {"recovery_codes", "hash"},
}

// sealed is one such value.
type sealed struct{ ID, UserID, Text string }

// eachSealed gives every value of every account.
func eachSealed(db dbx.Builder, do func(table, column string, v sealed) error) error {
	for _, c := range sealedColumns {
		var all []sealed
		err := db.Select("id", "userId AS user_id", c.column+" AS text").From(c.table).Where(dbx.NewExp(c.column + " <> ''")).All(&all)
		if err != nil {
			return fmt.Errorf("read %s: %w", c.table, err)
		}
		for _, v := range all {
			if err := do(c.table, c.column, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// initSealed makes room for sealed texts. An earlier version would take them for secrets, and
// refuses data that had this step.
func initSealed(tx core.App) error {
	for _, c := range sealedColumns {
		t, err := tx.FindCollectionByNameOrId(c.table)
		if err != nil {
			return err
		}
		t.Fields.GetByName(c.column).(*core.TextField).Max = 255
		if err := tx.Save(t); err != nil {
			return err
		}
	}
	return nil
}

// bindKeys reads the key of second factors ahead of the first request, makes one where there
// never was any, and seals with it what is not. A missing or another key stops nothing but the
// sign-ins that need it, and is said on terminal.
func bindKeys(k *kernel.Kernel, s *state, terminal io.Writer) {
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "auth: the key of second factors", Func: func(se *core.ServeEvent) error {
		ring, err := keysIn(se.App.DataDir())
		if err != nil {
			return err
		}
		if len(ring) == 0 {
			if err := makeKey(se.App.DataDir()); err != nil {
				return fmt.Errorf("make the key of second factors: %w", err)
			}
			if ring, err = keysIn(se.App.DataDir()); err != nil {
				return err
			}
		}
		if err := sealAnew(se.App, ring); err != nil {
			return fmt.Errorf("encrypt second factors: %w", err)
		}
		s.keys = ring
		found := lookAtKeys(se.App)
		for _, f := range found {
			if f.Level == kernel.Alarm {
				if _, err := fmt.Fprintf(terminal, "\nALARM: %s\n\n", f.Text); err != nil {
					return err
				}
			}
		}
		return se.Next()
	}})
}

// sealAnew seals with the first key what another one of the ring seals, or none. What cannot be
// opened stays as it is.
func sealAnew(app core.App, ring keyring) error {
	wasPlain := false
	err := app.RunInTransaction(func(tx core.App) error {
		db := tx.NonconcurrentDB()
		return eachSealed(db, func(table, column string, v sealed) error {
			text, plain := v.Text, !strings.HasPrefix(v.Text, sealMark)
			if strings.HasPrefix(text, sealMark+ring[0].id+":") {
				return nil
			}
			if !plain {
				var err error
				if text, err = ring.open(v.UserID, v.Text); err != nil {
					return nil // the check tells of it
				}
			}
			box, err := ring.seal(v.UserID, text)
			if err != nil {
				return err
			}
			wasPlain = wasPlain || plain
			_, err = db.Update(table, dbx.Params{column: box}, dbx.HashExp{"id": v.ID}).Execute()
			return err
		})
	})
	if err != nil || !wasPlain {
		return err
	}
	// Once after an upgrade: freed pages, and the log ahead of the database, have what was stored
	// in the clear. Without room for it the clinic starts all the same.
	for _, q := range []string{"VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"} {
		if _, err := app.NonconcurrentDB().NewQuery(q).Execute(); err != nil {
			app.Logger().Warn("second factors are encrypted, but freed pages of data.db may still hold what they were", "error", err)
			break
		}
	}
	return nil
}

// keyCheck tells of second factors that cannot be opened, before their owners stand at the door.
var keyCheck = kernel.Check{
	Name: "second-factors", Doc: "Whether the key of second factors is there and opens them.", Run: lookAtKeys,
}

func lookAtKeys(app core.App) (found []kernel.Finding) {
	say := func(level kernel.Level, code, text string) {
		found = append(found, kernel.Finding{Level: level, Code: code, Text: text})
	}
	path := filepath.Join(app.DataDir(), keyFile)
	ring, err := keysIn(app.DataDir())
	if err != nil {
		say(kernel.Alarm, "secrets_key", fmt.Sprintf("The key of second factors cannot be used, and without it nobody who has one signs in: see %s and %s.", secretsKey.Name, path))
		return found
	}
	lost, altered := map[string]bool{}, map[string]bool{}
	err = eachSealed(app.DB(), func(_, _ string, v sealed) error {
		if !strings.HasPrefix(v.Text, sealMark) {
			return nil // no server of this version has started yet
		}
		switch _, err := ring.open(v.UserID, v.Text); err {
		case errOtherKey:
			lost[v.UserID] = true
		case errAltered:
			altered[v.UserID] = true
		}
		return nil
	})
	if err != nil {
		return nil // the folder is not prepared, or cannot be read: that is another check's
	}
	if len(lost) > 0 {
		say(kernel.Alarm, "secrets_key_other", fmt.Sprintf("The second factors of %d accounts were encrypted with a key that is not here, and their owners cannot sign in: add it to %s or as a line to %s, and start again. Where it is lost, an administrator takes them off; for the administrator: polyclinic admin reset EMAIL.", len(lost), secretsKey.Name, path))
	}
	if len(altered) > 0 {
		say(kernel.Alarm, "second_factor_altered", fmt.Sprintf("The second factors of %d accounts were altered in the database, or moved there from another account, and are not let in: find out who wrote to data.db, then have an administrator take them off.", len(altered)))
	}
	return found
}
