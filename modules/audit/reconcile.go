package audit

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
)

// reconcile compares what data.db and the chain know of each other. A copy of data.db that
// was restored may know less than the chain: the chain says so, and goes on in a new epoch.
func (t *trail) reconcile(app core.App, c *chain.Chain) error {
	var err error
	if t.state, err = readState(app); err != nil {
		return err
	}
	if t.drained, err = c.LastWrite(t.state.Epoch); err != nil {
		return err
	}
	t.drained = max(t.drained, chain.Base(t.state.Epoch))
	from, err := t.restoredFrom(app)
	if err != nil {
		return err
	}
	apart, err := t.apart(app, c)
	if err != nil {
		return err
	}
	var told []chain.Entry
	switch {
	case from.At == "":
	case apart.Action == actionRestored:
		apart.Why += ". It was " + from.String()
	default: // whatever was written since the backup is gone, in the trail too
		told = append(told, chain.Entry{Action: actionRestored, Outcome: "ok", Why: "data.db was " + from.String()})
	}
	if apart.Action != "" {
		told = append(told, apart)
	}
	if len(told) == 0 {
		return nil
	}
	if err := t.tell(app, c, told); err != nil {
		return err
	}
	if from.At != "" {
		if _, err := app.NonconcurrentDB().Update("audit_state", dbx.Params{"restored": from.At}, dbx.HashExp{"one": 1}).Execute(); err != nil {
			return err
		}
	}
	if apart.Action == "" {
		return nil
	}
	return t.newEpoch(app)
}

// apart returns the entry that tells what one of the two lacks, with no action when they agree.
func (t *trail) apart(app core.App, c *chain.Chain) (e chain.Entry, err error) {
	served, err := c.LastEpoch(actionRestored, actionLost)
	if err != nil {
		return e, err
	}
	if served != "" && served != t.state.Epoch {
		lacks, err := c.LastWrite(served)
		return chain.Entry{Action: actionRestored, Outcome: "failed", Count: int(lacks - chain.Base(served)), Why: otherData(t.state.Epoch, served, lacks)}, err
	}
	var last, waits int64
	err = app.DB().NewQuery("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit_writes'), 0), coalesce((SELECT min(id) FROM audit_writes WHERE body IS NOT NULL), 0)").Row(&last, &waits)
	if err != nil {
		return e, err
	}
	switch {
	case t.drained > last:
		e = chain.Entry{Action: actionRestored, Count: int(t.drained - last), Why: fmt.Sprintf("data.db is older than the trail: it lacks writes %d to %d of epoch %s", last+1, t.drained, t.state.Epoch)}
	case waits == 0 && t.drained < last, waits > t.drained+1:
		if waits == 0 {
			waits = last + 1
		}
		e = chain.Entry{Action: actionLost, Count: int(waits - 1 - t.drained), Why: fmt.Sprintf("the trail is older than data.db: it lacks writes %d to %d of epoch %s", t.drained+1, waits-1, t.state.Epoch)}
	}
	e.Outcome = "failed"
	return e, nil
}

// otherData says that a trail which was written with the data.db of one epoch lies beside that
// of another: an older copy, or that of another clinic.
func otherData(has, served string, last int64) string {
	return fmt.Sprintf("data.db is not the one that the trail was written with: it is of epoch %s, and lacks the writes of epoch %s, of which the trail has those up to %d", has, served, last)
}

// backupNote is what a restore leaves in data.db.
type backupNote struct {
	At string `json:"restoredAt"`
	Of string `json:"backupOf"`
}

func (n backupNote) String() string { return "restored at " + n.At + " from a backup of " + n.Of }

// restoredFrom returns the restore that the trail does not tell of yet, an empty one when there
// is none.
func (t *trail) restoredFrom(app core.App) (n backupNote, err error) {
	var raw string
	err = app.DB().Select("value").From("_params").Where(dbx.HashExp{"id": kernel.RestoredParam}).Row(&raw)
	if errors.Is(err, sql.ErrNoRows) {
		return n, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(raw), &n)
	}
	if err != nil {
		return n, fmt.Errorf("read what a restore left: %w", err)
	}
	if n.At == t.state.Restored {
		return backupNote{}, nil
	}
	return n, nil
}

// tell appends entries about the trail itself.
func (t *trail) tell(app core.App, c *chain.Chain, list []chain.Entry) error {
	var bodies []chain.Body
	for _, e := range list {
		e.Actor, e.Build = "system", t.build
		b, err := chain.Encode(e)
		if err != nil {
			return err
		}
		bodies = append(bodies, b)
		app.Logger().Warn("audit: "+e.Why, "action", e.Action)
	}
	return c.Append(bodies...)
}

// newEpoch numbers writes anew. Those that still wait keep their entries under new numbers.
func (t *trail) newEpoch(app core.App) error {
	return app.RunInTransaction(func(tx core.App) error {
		var rows []waiting
		if err := tx.DB().Select("id", "body").From("audit_writes").Where(dbx.NewExp("body IS NOT NULL")).OrderBy("id").Limit(1).All(&rows); err != nil {
			return err
		}
		// The numbers go on: those of the new epoch begin after the last one that is used up.
		err := tx.DB().NewQuery("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit_writes'), 0)").Row(&t.drained)
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			t.drained = rows[0].ID - 1
		}
		t.state.Epoch = chain.NewEpoch(random(8), t.drained)
		_, err = tx.NonconcurrentDB().Update("audit_state", dbx.Params{"epoch": t.state.Epoch}, dbx.HashExp{"one": 1}).Execute()
		return err
	})
}
