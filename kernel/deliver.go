package kernel

import (
	"fmt"
	"sync"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// maxAttempts is when a reaction is given up; its row stays, for a person to look at.
const maxAttempts = 12

// maxLanes is how many reactions run at once. One that waits for a network keeps up no other.
const maxLanes = 8

// lane is one subscription: its events run one after the other, oldest first.
type lane struct {
	Event    string `db:"event"`
	Reaction string `db:"reaction"`
}

// lanes knows which lanes somebody is in.
type lanes struct {
	mu   sync.Mutex
	busy map[lane]*laneState
	all  sync.WaitGroup
}

type laneState struct {
	sync.Mutex
	missed bool // an event came while the lane was about to be left
}

func (l *lanes) of(which lane) *laneState {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy == nil {
		l.busy = map[lane]*laneState{}
	}
	if l.busy[which] == nil {
		l.busy[which] = &laneState{}
	}
	return l.busy[which]
}

// enter takes the lane if nobody is in it, and else leaves word that there is more to do.
func (l *lanes) enter(which lane) bool {
	s := l.of(which)
	l.mu.Lock()
	defer l.mu.Unlock()
	free := s.TryLock()
	s.missed = !free
	return free
}

// leave gives the lane back and reports whether an event came meanwhile.
func (l *lanes) leave(which lane) (missed bool) {
	s := l.of(which)
	l.mu.Lock()
	defer l.mu.Unlock()
	missed = s.missed
	s.missed = false
	s.Unlock()
	return missed
}

// wake lets the worker look at the outbox now.
func (k *Kernel) wake() {
	select {
	case k.due <- struct{}{}:
	default: // it is about to look anyway
	}
}

// deliverLoop runs until stop is closed, and then waits for the events in hand. The ticker
// finds what is due for a retry.
func (k *Kernel) deliverLoop(stop <-chan struct{}) {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	defer k.lanes.all.Wait()
	slots := make(chan struct{}, maxLanes)
	for {
		for _, which := range k.dueLanes() {
			if !k.stopping.Load() && k.lanes.enter(which) {
				k.lanes.all.Go(func() { k.follow(which, slots) })
			}
		}
		select {
		case <-stop:
			return
		case <-k.due:
		case <-tick.C:
		}
	}
}

// follow empties a lane that was entered, once there is a slot, and leaves it.
func (k *Kernel) follow(which lane, slots chan struct{}) {
	slots <- struct{}{}
	for k.deliverLane(which) > 0 {
	}
	<-slots
	if k.lanes.leave(which) {
		k.wake()
	}
}

type outboxRow struct {
	ID       string `db:"id"`
	Event    string `db:"event"`
	Reaction string `db:"reaction"`
	Payload  string `db:"payload"`
	Attempts int    `db:"attempts"`
}

// Deliver runs the reactions that are due and returns how many succeeded, once all have
// ended. Each subscription is a lane of its own: oldest event first, beside the others.
func (k *Kernel) Deliver() (delivered int) {
	var all sync.WaitGroup
	var mu sync.Mutex
	for _, which := range k.dueLanes() {
		all.Go(func() {
			k.lanes.of(which).Lock()
			n := k.deliverLane(which)
			if k.lanes.leave(which) {
				k.wake()
			}
			mu.Lock()
			defer mu.Unlock()
			delivered += n
		})
	}
	all.Wait()
	return delivered
}

// dueCondition is what the outbox holds for now.
func dueCondition() dbx.Expression {
	return dbx.NewExp("state = 'waiting' AND dueAt <= {:now}", dbx.Params{"now": types.NowDateTime().String()})
}

func (k *Kernel) dueLanes() (out []lane) {
	if err := k.App.DB().Select("event", "reaction").Distinct(true).From("outbox").Where(dueCondition()).All(&out); err != nil {
		k.App.Logger().Error("outbox not readable", "error", err)
	}
	return out
}

// deliverLane runs what is due of one lane, which the caller is in, and returns how many
// succeeded.
func (k *Kernel) deliverLane(which lane) (delivered int) {
	var rows []outboxRow
	// The row id tells the order of what was emitted in one millisecond.
	err := k.App.DB().Select("id", "event", "reaction", "payload", "attempts").From("outbox").
		Where(dbx.HashExp{"event": which.Event, "reaction": which.Reaction}).AndWhere(dueCondition()).
		OrderBy("created", "rowid").Limit(100).All(&rows)
	if err != nil {
		k.App.Logger().Error("outbox not readable", "error", err)
		return 0
	}
	for _, row := range rows {
		if k.stopping.Load() {
			break
		}
		if k.deliver(row) {
			delivered++
		}
	}
	return delivered
}

func (k *Kernel) deliver(row outboxRow) bool {
	err := fmt.Errorf("no module reacts as %q", row.Reaction)
	for _, s := range k.subs[row.Event] {
		if s.Name == row.Reaction {
			err = runSafely(s, k.App, []byte(row.Payload))
		}
	}
	if err == nil {
		if _, err = k.App.NonconcurrentDB().Delete("outbox", dbx.HashExp{"id": row.ID}).Execute(); err == nil {
			return true
		}
	}
	state, wait := "waiting", time.Second<<min(row.Attempts, 10)
	if row.Attempts+1 >= maxAttempts {
		state = "dead"
		k.App.Logger().Error("reaction given up", "event", row.Event, "reaction", row.Reaction, "outbox", row.ID)
	}
	k.App.Logger().Warn("reaction failed", "event", row.Event, "reaction", row.Reaction, "outbox", row.ID, "error", err)
	due, _ := types.ParseDateTime(time.Now().Add(wait)) // a time.Time always parses
	if _, err := k.App.NonconcurrentDB().Update("outbox", dbx.Params{"attempts": row.Attempts + 1, "state": state, "dueAt": due.String(), "updated": types.NowDateTime().String()}, dbx.HashExp{"id": row.ID}).Execute(); err != nil {
		k.App.Logger().Error("outbox not writable", "error", err)
	}
	return false
}

// GaveUp is how many events of one reaction were given up.
type GaveUp struct {
	Reaction string `db:"reaction"`
	Count    int    `db:"n"`
}

// GivenUp returns what nothing tries any more, until a person or Retry takes it up again.
func GivenUp(app core.App) (list []GaveUp, err error) {
	if !app.HasTable("outbox") {
		return nil, nil // a folder that no server has prepared yet
	}
	err = app.DB().Select("reaction", "count(*) n").From("outbox").Where(dbx.HashExp{"state": "dead"}).GroupBy("reaction").OrderBy("reaction").All(&list)
	return list, err
}

// Retry takes up again what was given up of the reaction.
func Retry(app core.App, reaction string) error {
	now := types.NowDateTime().String()
	_, err := app.NonconcurrentDB().Update("outbox", dbx.Params{"state": "waiting", "attempts": 0, "dueAt": now, "updated": now}, dbx.HashExp{"state": "dead", "reaction": reaction}).Execute()
	if err != nil {
		return fmt.Errorf("take up %s again: %w", reaction, err)
	}
	Of(app).wake()
	return nil
}

// runSafely keeps a panicking reaction from ending the server.
func runSafely(s Subscription, app core.App, payload []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return s.run(app, payload)
}
