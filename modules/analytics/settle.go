package analytics

import (
	"context"
	"errors"
	"time"

	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/analytics/ship"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
)

// settle returns once nothing waits and no table is to be read in full. Without a server on
// this data folder it ships itself.
func (t tool) settle(ctx context.Context, c ship.Config, w *warehouse.Warehouse) error {
	held, err := hold(t.k.App.DataDir())
	if errors.Is(err, errHeld) {
		return t.watch(ctx, c, w)
	}
	if err != nil {
		return err
	}
	defer held.Close()
	s := ship.New(c)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, func(is ship.Snapshot) bool { return is.State == ship.Live }) }()
	table := ""
	for {
		select {
		case err := <-ended:
			t.bar.Clear()
			return err
		case <-time.After(100 * time.Millisecond):
		}
		is := s.Status()
		if is.State == ship.Refused || is.Failures > 3 {
			cancel()
			<-ended
			t.bar.Clear()
			return errors.New(is.Error)
		}
		table = draw(t.bar, is, table)
	}
}

// watch waits for what the server of this data folder does.
func (t tool) watch(ctx context.Context, c ship.Config, w *warehouse.Warehouse) error {
	t.say("The server that runs on this data folder does it.")
	all, still := 0, time.Now()
	var seen warehouse.Position
	for {
		marks, err := capture.Resyncs(t.k.App)
		if err != nil {
			return err
		}
		at, err := w.Position(ctx)
		if err != nil {
			return err
		}
		waits, err := waiting(t.k.App, at.Seq)
		if err != nil {
			return err
		}
		empty, err := remade(ctx, c, w)
		if err != nil {
			return err
		}
		todo := max(len(marks), len(ship.Todo(at.Snapshot)), len(empty))
		if todo == 0 && waits == 0 {
			t.bar.Clear()
			return nil
		}
		if todo > all {
			all = todo
			t.bar.Begin("tables", int64(all), "read")
		}
		t.bar.Show(int64(all - todo))
		if at.Token != seen.Token {
			seen, still = at, time.Now()
		}
		if time.Since(still) > 2*time.Minute {
			return errors.New("the server has shipped nothing for two minutes: see /api/analytics/status and its log")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(300 * time.Millisecond):
		}
	}
}
