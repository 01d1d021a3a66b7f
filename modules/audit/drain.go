package audit

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
)

const (
	// gather is how long writes are let come together: they are durable in data.db already,
	// and each copying costs the one writer a commit.
	gather = 100 * time.Millisecond
	// drainBatch is how many are copied at once.
	drainBatch = 1000
	// sumUp is how many rows of one command share an entry.
	sumUp = 500
)

// loop copies writes into the chain, keeps the index and sets anchors, until stop is closed.
func (t *trail) loop(stop <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.due:
			select {
			case <-stop:
				return
			case <-time.After(gather):
			}
		case <-tick.C: // also for what a command beside the server wrote
			if err := t.index.catchUp(); err != nil {
				t.k.App.Logger().Error("audit index not kept", "error", err)
			}
			if err := t.reserve.renew(); err != nil {
				t.k.App.Logger().Error("room for the audit trail not kept", "error", err)
			}
		case <-minute.C:
			for _, e := range t.crowd.sum() {
				if err := t.enter(e); err != nil {
					t.k.App.Logger().Error("refused requests not recorded", "error", err)
				}
			}
		}
		for {
			n, err := t.drain()
			t.behind.Store(err != nil)
			if err != nil {
				t.k.App.Logger().Error("writes not copied into the audit trail", "error", err)
			}
			if err != nil || n < drainBatch {
				break
			}
		}
		t.anchorWhenDue()
	}
}

type waiting struct {
	ID   int64  `db:"id"`
	Body string `db:"body"`
}

// drain copies the writes that wait into the chain, in the order they were committed, and
// returns how many rows it looked at. What it copied before a crash it does not copy again.
func (t *trail) drain() (int, error) {
	t.draining.Lock()
	defer t.draining.Unlock()
	c := t.chain.Load()
	if c == nil {
		return 0, chain.ErrClosed
	}
	var rows []waiting
	err := t.k.App.DB().Select("id", "body").From("audit_writes").Where(dbx.NewExp("body IS NOT NULL")).OrderBy("id").Limit(drainBatch).All(&rows)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	var entries []chain.Entry
	for _, row := range rows {
		if row.ID <= t.drained {
			continue
		}
		var e chain.Entry
		if err := json.Unmarshal([]byte(row.Body), &e); err != nil {
			e = chain.Entry{Actor: "system", Action: "write", Outcome: "failed", Why: "its entry could not be read"}
		}
		e.Epoch, e.Write = t.state.Epoch, row.ID
		if last := len(entries) - 1; last >= 0 && joined(&entries[last], e) {
			continue
		}
		entries = append(entries, e)
	}
	bodies := make([]chain.Body, 0, len(entries))
	for _, e := range entries {
		b, err := chain.Encode(e)
		if err != nil {
			return 0, err
		}
		bodies = append(bodies, b)
	}
	if len(bodies) > 0 {
		if err := t.append(c, bodies...); err != nil {
			return 0, err
		}
		t.drained = rows[len(rows)-1].ID
	}
	return len(rows), t.clear(rows[len(rows)-1].ID)
}

// joined adds a write to the entry of the one before, where one command or job made both
// and no values are kept of them.
func joined(to *chain.Entry, e chain.Entry) bool {
	if to.Request != e.Request || to.Action != e.Action || to.Actor != e.Actor || to.Address+e.Address+to.Diff+e.Diff+to.Why+e.Why != "" ||
		to.Target != e.Target || len(to.Items) >= sumUp || len(e.Marks) > 0 || len(e.Items) == 0 {
		return false
	}
	to.Items = append(to.Items, e.Items...)
	for _, p := range e.Patients {
		if n := len(to.Patients); n == 0 || to.Patients[n-1] != p {
			to.Patients = append(to.Patients, p)
		}
	}
	to.Fields = unique(append(to.Fields, e.Fields...))
	to.Writes = max(to.Writes, 1) + 1
	to.Write = e.Write
	return true
}

// clear takes the bodies out of data.db that are in the chain, and the rows that hold
// nothing else.
func (t *trail) clear(upTo int64) error {
	return t.k.App.RunInTransaction(func(tx core.App) error {
		for _, statement := range []string{
			"UPDATE audit_writes SET body = NULL WHERE body IS NOT NULL AND id <= {:id}",
			"DELETE FROM audit_writes WHERE id <= {:id} AND id > {:from} AND diff IS NULL",
		} {
			if _, err := tx.NonconcurrentDB().NewQuery(statement).Bind(dbx.Params{"id": upTo, "from": upTo - 2*drainBatch}).Execute(); err != nil {
				return fmt.Errorf("clear the writes that are in the trail: %w", err)
			}
		}
		return nil
	})
}

// reconcile compares what data.db and the chain know of each other. A copy of data.db that
// was restored knows less than the chain: the chain says so, and goes on in a new epoch.
func (t *trail) reconcile(app core.App, c *chain.Chain) error {
	var err error
	if t.state, err = readState(app); err != nil {
		return err
	}
	if t.drained, err = c.LastWrite(t.state.Epoch); err != nil {
		return err
	}
	t.drained = max(t.drained, chain.Base(t.state.Epoch))
	var last, waits int64
	err = app.DB().NewQuery("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit_writes'), 0), coalesce((SELECT min(id) FROM audit_writes WHERE body IS NOT NULL), 0)").Row(&last, &waits)
	if err != nil {
		return err
	}
	var e chain.Entry
	switch {
	case t.drained > last:
		e = chain.Entry{Action: actionRestored, Count: int(t.drained - last), Why: fmt.Sprintf("data.db is older than the trail: it lacks writes %d to %d of epoch %s", last+1, t.drained, t.state.Epoch)}
	case waits == 0 && t.drained < last, waits > t.drained+1:
		if waits == 0 {
			waits = last + 1
		}
		e = chain.Entry{Action: actionLost, Count: int(waits - 1 - t.drained), Why: fmt.Sprintf("the trail is older than data.db: it lacks writes %d to %d of epoch %s", t.drained+1, waits-1, t.state.Epoch)}
	default:
		return nil
	}
	e.Actor, e.Outcome, e.Build = "system", "failed", t.build
	b, err := chain.Encode(e)
	if err != nil {
		return err
	}
	if err := c.Append(b); err != nil {
		return err
	}
	app.Logger().Warn("audit: "+e.Why, "action", e.Action)
	return t.newEpoch(app)
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
