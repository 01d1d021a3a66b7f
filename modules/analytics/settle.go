package analytics

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/analytics/ship"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
)

// settle returns once nothing waits and no table is to be read in full. Without a server on
// this data folder it ships itself.
func (t tool) settle(ctx context.Context, c ship.Config, w *warehouse.Warehouse) error {
	held, err := hold(t.k.App.DataDir(), c.Site)
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

// sameSite refuses to work beside a server that ships under another name than this command was
// given: what the command would wait for never comes.
func (t tool) sameSite(site string) error {
	dir := t.k.App.DataDir()
	held, err := hold(dir, site)
	if err == nil {
		return held.Close()
	}
	if !errors.Is(err, errHeld) {
		return err
	}
	raw, err := os.ReadFile(filepath.Join(dir, lockName))
	if name := strings.TrimSpace(string(raw)); err == nil && name != "" && name != site {
		err = fmt.Errorf("the server that runs on this data folder ships as site %s, and this command was given the site %s: give it the server's %s", name, site, siteSetting.Name)
	}
	return err
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
