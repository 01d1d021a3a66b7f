package health

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
)

const (
	fresh         = 5 * time.Second // how long an answer is given again: health is asked by anybody
	probePatience = 2 * time.Second // a long import may hold the writer: that is no failure
	probeBytes    = 16 << 10
	backInTime    = 2 * time.Minute // less is a clock being set right
)

// watch keeps what was found last.
type watch struct {
	mu       sync.Mutex
	at       time.Time
	storage  *kernel.Error // why the data cannot be written, nil when they can
	findings []kernel.Finding

	proxied  atomic.Bool  // a request came through a proxy
	byOthers atomic.Bool  // or from another machine in whatever way
	behindBy atomic.Int64 // nanoseconds that the clock is behind what it was
	since    atomic.Int64 // when that was first seen, in nanoseconds
	unsent   atomic.Int64 // e-mails in a row that could not be sent
}

// watchKey is where an app keeps its watch.
const watchKey = "polyclinic.health"

// of returns the watch of the app.
func of(app core.App) *watch {
	return app.Store().GetOrSet(watchKey, func() any { return &watch{} }).(*watch)
}

// state returns whether the data can be written, and what all checks found, some seconds old.
func (w *watch) state(k *kernel.Kernel) (*kernel.Error, []kernel.Finding) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.at.IsZero() && time.Since(w.at) < fresh {
		return w.storage, w.findings
	}
	w.storage = w.probe(k.App)
	w.findings = runAll(k)
	w.at = time.Now()
	if w.storage == nil {
		if err := keep(k.App, w.findings); err != nil {
			k.App.Logger().Warn("what the checks found is not kept", "error", err)
		}
	}
	return w.storage, w.findings
}

// forget makes the next question be looked into: something failed meanwhile.
func (w *watch) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = time.Time{}
}

// runAll runs the checks of every module that is on.
func runAll(k *kernel.Kernel) []kernel.Finding {
	found := []kernel.Finding{}
	for _, c := range kernel.All[kernel.Check](k) {
		found = append(found, c.Run(k.App)...)
	}
	return found
}

// probe writes a row and returns why it could not, nil when it could.
func (w *watch) probe(app core.App) *kernel.Error {
	ctx, cancel := context.WithTimeout(context.Background(), probePatience)
	defer cancel()
	now := types.NowDateTime()
	var last types.DateTime
	// No row yet leaves last zero, and what cannot be read cannot be written below.
	_ = app.DB().Select("at").From("health_probe").WithContext(ctx).Row(&last)
	back := last.Time().Sub(now.Time())
	if back < backInTime {
		back = 0
	} else if since := w.since.Load(); since == 0 {
		w.since.Store(now.Time().UnixNano())
	} else if now.Time().Sub(time.Unix(0, since)) > time.Hour {
		back = 0 // said for long enough: from here on this is the time
		w.since.Store(0)
	}
	w.behindBy.Store(int64(back))
	at := now
	if back > 0 {
		at = last
	}
	_, err := app.NonconcurrentDB().NewQuery("INSERT OR REPLACE INTO health_probe (id, at, room) VALUES (1, {:at}, zeroblob({:room}))").
		Bind(dbx.Params{"at": at.String(), "room": probeBytes}).WithContext(ctx).Execute()
	if err == nil || errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		return nil
	}
	full := kernel.StorageError(err)
	switch {
	case full != nil && full.Is(kernel.ErrWriting):
		return nil // somebody else can
	case full != nil:
		return full
	}
	app.Logger().Error("the data cannot be written", "error", err)
	return kernel.ErrStorage
}
