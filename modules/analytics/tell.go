package analytics

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/analytics/ship"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
)

// status tells what this data folder knows, which it knows of a warehouse that is away too,
// and then what the warehouse says.
func (t tool) status(ctx context.Context) error {
	c, err := t.ready()
	if err == nil {
		err = t.sameSite(c.Site) // what this folder knows is of the other name
	}
	if err != nil {
		return err
	}
	own, err := capture.ReadState(t.k.App)
	if err != nil {
		return err
	}
	t.say("site       %s", c.Site)
	if err := t.here(own, time.Now()); err != nil {
		return err
	}
	w, err := warehouse.Open(ctx, c.URL(), c.Site)
	if err != nil {
		return err
	}
	defer closing(w)
	at, err := w.Position(ctx)
	if err != nil && !(own.Epoch == "" && errors.Is(err, warehouse.ErrSchema)) { // its tables are made at the first start
		return err
	}
	refused, found, err := capture.Refusal(t.k.App)
	if err != nil {
		return err
	}
	state, err := t.state(at, own)
	if err != nil {
		return err
	}
	if refused != "" {
		state = "refused: nothing is shipped until somebody acts"
	}
	t.say("state      %s", state)
	if at.Epoch != "" {
		if err := t.there(ctx, c, w, at); err != nil {
			return err
		}
	}
	if refused != "" {
		return fmt.Errorf("the server found at %s, and tries again now and then: %s", time.Unix(found, 0).UTC().Format(time.RFC3339), refused)
	}
	return nil
}

// here says what waits as far as this folder knows: at most that much.
func (t tool) here(own capture.State, now time.Time) error {
	floor, err := capture.Floor(t.k.App)
	if err != nil {
		return err
	}
	n, err := waiting(t.k.App, floor)
	if err != nil {
		return err
	}
	if own.DrainedAt > 0 {
		at := time.Unix(own.DrainedAt, 0).UTC()
		t.say("caught up  %s, %d seconds ago", at.Format(time.RFC3339), max(0, int64(now.Sub(at).Seconds())))
	}
	t.say("noted      at most %d changes that the warehouse lacks", n)
	if own.Dropped {
		t.say("dropped    so many changes waited that their list was dropped: every table is read in full next")
	}
	if own.Overflows > 0 {
		t.say("overflows  %d since the log was made", own.Overflows)
	}
	return nil
}

// state says in a sentence where the site stands.
func (t tool) state(at warehouse.Position, own capture.State) (string, error) {
	ours, err := capture.Ours(t.k.App, at.Epoch, at.Token)
	if err != nil {
		return "", err
	}
	n, all, err := capture.Behind(t.k.App, at.Seq)
	if err != nil {
		return "", err
	}
	marks, err := capture.Resyncs(t.k.App)
	if err != nil {
		return "", err
	}
	var marked []string
	for _, m := range marks {
		marked = append(marked, m.Table)
	}
	switch {
	case at.Epoch == "":
		return "never shipped", nil
	case !ours:
		return "the warehouse is ahead of this data folder, or another folder ships: everything is compared at the next start", nil
	case !all:
		return "the list of changes was dropped: every table is read in full next", nil
	case at.Snapshot != "":
		return "tables are read in full: " + strings.Join(ship.Todo(at.Snapshot), ", "), nil
	case len(marked) > 0:
		return "tables are read in full next: " + strings.Join(marked, ", "), nil
	case n > 0:
		return fmt.Sprintf("%d changes wait", n), nil
	}
	return "every change is shipped", nil
}

// there says what the warehouse knows of the site.
func (t tool) there(ctx context.Context, c ship.Config, w *warehouse.Warehouse, at warehouse.Position) error {
	lease := "none: no server ships now"
	if at.Fresh {
		lease = "held by another data folder"
		if at.Holder == c.Holder {
			lease = "held by this data folder's server"
		}
	}
	t.say("lease      %s", lease)
	t.say("position   %d", at.Seq)
	n, err := waiting(t.k.App, at.Seq)
	if err != nil {
		return err
	}
	t.say("waiting    %d changes", n)
	total, rejects, err := w.Rejects(ctx, 20)
	if err != nil {
		return err
	}
	t.say("set aside  %d values", total)
	for _, r := range rejects {
		t.say("           %s %s %s: %s", r.Table, r.ID, r.Column, r.Reason)
	}
	return nil
}
