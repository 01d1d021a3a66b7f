package capture_test

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	_ "github.com/pocketbase/pocketbase/migrations" // PocketBase's own steps

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
)

var visits = []analyticsapi.Table{{Collection: "visits", Name: "visits", Doc: "Visits.", Columns: []analyticsapi.Column{{Name: "reason", Field: "reason", Doc: "Why."}}}}

func start(b testing.TB) core.App {
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: b.TempDir(), DBConnect: kernel.Connect})
	if err := app.Bootstrap(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = app.ResetBootstrapState() }) // the folder goes with the test
	if err := app.RunSystemMigrations(); err != nil {
		b.Fatal(err)
	}
	c := core.NewBaseCollection("visits")
	for i := range 8 {
		c.Fields.Add(&core.TextField{Name: fmt.Sprintf("text%d", i)})
	}
	c.Fields.Add(&core.TextField{Name: "reason"}, &core.DateField{Name: "at"}, &core.NumberField{Name: "fee"}, &core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true})
	c.AddIndex("visits_at", false, "at", "")
	c.AddIndex("visits_reason", false, "reason", "")
	if err := app.Save(c); err != nil {
		b.Fatal(err)
	}
	return app
}

// cpu is what the process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkCapture reports the CPU of saving a record, new and changed, with capture
// against without, measured in turns: at most 1.3 is wanted.
func BenchmarkCapture(b *testing.B) {
	const saves = 300
	app := start(b)
	collection, err := app.FindCollectionByNameOrId("visits")
	if err != nil {
		b.Fatal(err)
	}
	round := func() time.Duration {
		before := cpu(b)
		for i := range saves {
			r := core.NewRecord(collection)
			r.Set("reason", fmt.Sprint("cough ", i))
			r.Set("at", "2026-01-02 03:04:05.000Z")
			for j := range 8 {
				r.Set(fmt.Sprintf("text%d", j), "some words about it")
			}
			if err := app.Save(r); err != nil {
				b.Fatal(err)
			}
			r.Set("fee", i)
			if err := app.Save(r); err != nil {
				b.Fatal(err)
			}
		}
		return cpu(b) - before
	}
	round() // warm
	var ratios []float64
	for b.Loop() {
		without := round()
		if _, err := capture.Ensure(app, visits); err != nil {
			b.Fatal(err)
		}
		with := round()
		if err := capture.Remove(app); err != nil {
			b.Fatal(err)
		}
		ratios = append(ratios, float64(with)/float64(without))
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "with/without")
	b.ReportMetric(float64(len(ratios)), "rounds")
}
