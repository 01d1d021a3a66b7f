package analytics

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/lock"
	"github.com/polyclinic-os/polyclinic/kernel/progress"
	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/analytics/remote"
	"github.com/polyclinic-os/polyclinic/modules/analytics/ship"
)

// service is the shipper of a running server, and why there is none.
type service struct {
	mu      sync.Mutex
	shipper *ship.Shipper
	site    string
	wrong   error // in the settings
	began   time.Time
	cancel  context.CancelFunc
	done    chan struct{}
}

const serviceKey = "polyclinic.analytics"

// serviceOf returns the app's service; it runs only in a server.
func serviceOf(app core.App) *service {
	return app.Store().GetOrSet(serviceKey, func() any { return &service{} }).(*service)
}

// bind starts shipping with the server, ends it ahead of the database, and lets every save
// of a record wake it. What is written without records is found within 50 ms.
func bind(k *kernel.Kernel) error {
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "analytics: ship", Func: func(e *core.ServeEvent) error {
		if err := serviceOf(k.App).start(k); err != nil {
			return err
		}
		return e.Next()
	}})
	k.App.OnTerminate().Bind(&hook.Handler[*core.TerminateEvent]{Id: "analytics: stop", Priority: -50, Func: func(e *core.TerminateEvent) error {
		serviceOf(k.App).stop()
		remote.Close(k.App)
		return e.Next()
	}})
	wake := func(e *core.RecordEvent) error {
		serviceOf(k.App).wake()
		return e.Next()
	}
	k.App.OnRecordAfterCreateSuccess().Bind(&hook.Handler[*core.RecordEvent]{Id: "analytics: wake", Func: wake})
	k.App.OnRecordAfterUpdateSuccess().Bind(&hook.Handler[*core.RecordEvent]{Id: "analytics: wake", Func: wake})
	k.App.OnRecordAfterDeleteSuccess().Bind(&hook.Handler[*core.RecordEvent]{Id: "analytics: wake", Func: wake})
	bindLog(k)
	return nil
}

// bindLog lets no save of a record fail because somebody dropped the log that its trigger
// writes to: the log is made again, in the same transaction, and the record saved.
func bindLog(k *kernel.Kernel) {
	mend := func(e *core.ModelEvent) error {
		again := *e // with what comes next, which Next forgets
		err := e.Next()
		if !capture.LogIsGone(err) {
			return err
		}
		if _, mending := capture.Ensure(e.App, Tables(k)); mending != nil {
			return errors.Join(err, mending)
		}
		return again.Next()
	}
	innermost := &hook.Handler[*core.ModelEvent]{Id: "analytics: log", Func: mend, Priority: math.MaxInt}
	k.App.OnModelCreateExecute().Bind(innermost)
	k.App.OnModelUpdateExecute().Bind(innermost)
	k.App.OnModelDeleteExecute().Bind(innermost)
}

// start begins to ship. Without a warehouse it takes what an earlier one needed out of the
// database: no write pays for what nobody reads. Wrong settings do not keep the clinic
// from working: status and health say what is wrong.
func (s *service) start(k *kernel.Kernel) error {
	if !configured() {
		present, err := capture.Present(k.App)
		if err != nil || !present {
			return err
		}
		k.App.Logger().Info("analytics: no warehouse is set any more, the change log is removed")
		return capture.Remove(k.App)
	}
	c, err := config(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began, s.site, s.wrong = time.Now(), c.Site, err
	if err != nil {
		k.App.Logger().Error("analytics: not shipping", "error", err)
		return nil
	}
	// From the first request on every change is noted.
	if _, err := capture.Ensure(k.App, c.Tables); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel, s.done, s.shipper = cancel, make(chan struct{}), ship.New(c)
	go s.run(ctx, k.App)
	go show(ctx, s.shipper.Status, progress.New())
	return nil
}

func (s *service) run(ctx context.Context, app core.App) {
	defer close(s.done)
	for ctx.Err() == nil {
		held, err := hold(app.DataDir(), s.site)
		if err == nil {
			err = s.shipper.Run(ctx, nil)
			held.Close()
		}
		if err == nil {
			return
		}
		app.Logger().Warn("analytics: not shipping yet", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Second):
		}
	}
}

func (s *service) wake() {
	s.mu.Lock()
	shipper := s.shipper
	s.mu.Unlock()
	if shipper != nil {
		shipper.Wake()
	}
}

// stop ends shipping and waits for it.
func (s *service) stop() {
	s.mu.Lock()
	cancel, done := s.cancel, s.done
	s.cancel = nil
	s.mu.Unlock()
	if cancel != nil {
		cancel()
		<-done
	}
}

// lockName is the file that hold takes; in it is the site that is shipped.
const lockName = "analytics.lock"

// hold makes this process the only one that ships from the data folder, as that site.
func hold(dir, site string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	taken, err := lock.Take(f)
	if err == nil && taken {
		err = errHeld
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteString(site + "\n")
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

var errHeld = errors.New("another Polyclinic ships from this data folder")
