package audit

import (
	"crypto/rand"
	"encoding/hex"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

var migrations = []kernel.Migration{
	{ID: "1780000950_writes", Up: initWrites},
	{ID: "1780000960_restored", Up: initRestored},
}

// initWrites makes the tables that lie beside the data: the entries of writes, written in
// the write's own transaction, and the values before and after. They are no collections:
// no path of PocketBase's leads to them.
//
// Numbers are never used twice and have no gaps, not even after a rollback: SQLite keeps
// the last one in a table. So the trail shows when a write never reached it.
func initWrites(tx core.App) error {
	for _, statement := range []string{
		`CREATE TABLE audit_writes (
			id INTEGER PRIMARY KEY AUTOINCREMENT,
			body TEXT,                       -- the entry on its way into the trail
			patient TEXT NOT NULL DEFAULT '',
			salt TEXT, diff TEXT             -- values before and after; NULL once erased
		)`,
		`CREATE INDEX idx_audit_writes_waiting ON audit_writes (id) WHERE body IS NOT NULL`,
		`CREATE INDEX idx_audit_writes_patient ON audit_writes (patient) WHERE patient != ''`,
		`CREATE TABLE audit_state (one INTEGER PRIMARY KEY CHECK (one = 1), epoch TEXT NOT NULL, key TEXT NOT NULL)`,
		`CREATE TRIGGER audit_writes_kept_u BEFORE UPDATE ON audit_writes
		WHEN NEW.id IS NOT OLD.id OR NEW.patient IS NOT OLD.patient
			OR (NEW.body IS NOT NULL AND NEW.body IS NOT OLD.body)
			OR (NEW.diff IS NOT NULL AND NEW.diff IS NOT OLD.diff)
			OR (NEW.salt IS NOT NULL AND NEW.salt IS NOT OLD.salt)
		BEGIN SELECT RAISE(ABORT, 'polyclinic:audit_kept:'); END`,
		`CREATE TRIGGER audit_writes_kept_d BEFORE DELETE ON audit_writes
		WHEN OLD.body IS NOT NULL OR OLD.diff IS NOT NULL
		BEGIN SELECT RAISE(ABORT, 'polyclinic:audit_kept:'); END`,
	} {
		if _, err := tx.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			return err
		}
	}
	_, err := tx.NonconcurrentDB().Insert("audit_state", dbx.Params{"one": 1, "epoch": random(8), "key": random(32)}).Execute()
	return err
}

// initRestored lets the trail know which restored backup it has told of already.
func initRestored(tx core.App) error {
	_, err := tx.NonconcurrentDB().NewQuery("ALTER TABLE audit_state ADD COLUMN restored TEXT NOT NULL DEFAULT ''").Execute()
	return err
}

// random returns n random bytes in hexadecimal digits.
func random(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // it never fails, see its documentation
	return hex.EncodeToString(raw)
}

// state is what the data folder knows of itself.
type state struct {
	Epoch    string `db:"epoch"`    // of data.db; a restored copy gets another one
	Key      string `db:"key"`      // of the hashes of search text
	Restored string `db:"restored"` // when data.db was restored, as far as the trail tells of it
}

func readState(app core.App) (s state, err error) {
	err = app.DB().Select("epoch", "key", "restored").From("audit_state").One(&s)
	return s, err
}
