package reports

import (
	"context"
	"errors"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

// bindReady makes every report once while the server starts to serve, beside its first
// requests: what reports keep in memory is then there before the first is asked for.
func bindReady(k *kernel.Kernel) error {
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "reports: made ready", Func: func(e *core.ServeEvent) error {
		if err := e.Next(); err != nil {
			return err
		}
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		k.App.OnTerminate().Bind(&hook.Handler[*core.TerminateEvent]{Id: "reports: made ready", Priority: -50, Func: func(t *core.TerminateEvent) error {
			stop()
			<-done // ahead of the database's end
			return t.Next()
		}})
		go func() {
			defer close(done)
			if err := Ready(ctx, k); err != nil {
				k.App.Logger().Error("reports: not made ready, the first of each takes longer", "error", err)
			}
		}()
		return nil
	}})
	return nil
}

// Ready makes each report of all years, so that every month is in memory, and then as it is
// asked for most, so that where there is no room for all, that is what stays. It ends early, without an error, when ctx does.
func Ready(ctx context.Context, k *kernel.Kernel) error {
	if k.Disabled["reports"] {
		return nil
	}
	clinic, err := clinicapi.Current(k.App)
	if err != nil {
		return err
	}
	now := time.Now()
	longest, err := reportsapi.Longest(clinic.Today(now))
	if err != nil {
		return err
	}
	usual, err := reportsapi.ParseRange("", "", clinic.Today(now))
	if err != nil {
		return err
	}
	var failed []error
	for _, days := range []reportsapi.Range{longest, usual} {
		for _, r := range kernel.All[reportsapi.Report](k) {
			if ctx.Err() != nil {
				return nil
			}
			failed = append(failed, r.Ready(k.App, days, now))
		}
	}
	return errors.Join(failed...)
}
