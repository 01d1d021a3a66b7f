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
			select {
			case <-stop: // an import leaves many; they are on the disk, and the next server takes them
				return
			default:
			}
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
