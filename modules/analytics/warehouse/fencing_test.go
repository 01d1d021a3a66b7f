package warehouse_test

import (
	"fmt"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/analytics/row"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
)

func TestFencing(t *testing.T) {
	url := postgres.Server(t).Database(t)
	first := site(t, url, "north")
	first.Holder = "first"
	second, err := warehouse.Open(ctx, url, "north")
	must(t, err)
	defer second.Close(ctx)
	second.Holder = "second"
	must(t, first.Beat(ctx, at(1)))

	is(t, second.NewEpoch(ctx, at(1), warehouse.Position{Epoch: "f", Token: "f"}), warehouse.ErrInUse, "POLYCLINIC_SITE_ID")
	is(t, second.NewEpoch(ctx, warehouse.Position{}, warehouse.Position{Epoch: "f", Token: "f"}), warehouse.ErrInUse)

	batch := func(from, to int) warehouse.Batch {
		return warehouse.Batch{From: at(from), To: at(to), Changes: []warehouse.Change{{Table: beds, Rows: []row.Row{bed(fmt.Sprint(to), "A")}}}}
	}
	_, err = second.Apply(ctx, batch(1, 2))
	must(t, err)
	_, err = first.Apply(ctx, batch(1, 3))
	is(t, err, warehouse.ErrFenced)
	is(t, first.Beat(ctx, at(1)), warehouse.ErrFenced)
	_, err = first.CopyInto(ctx, warehouse.Load{From: at(1), To: at(4), Table: beds, Rows: []row.Row{bed("4", "A")}})
	is(t, err, warehouse.ErrFenced)
	_, err = first.Replace(ctx, warehouse.Range{From: at(1), To: at(4), Table: beds})
	is(t, err, warehouse.ErrFenced)
	if n := count(t, url, "beds"); n != 1 {
		t.Errorf("got %d rows, want the second's 1", n)
	}
	must(t, second.Release(ctx, at(2)))
	must(t, first.NewEpoch(ctx, at(2), warehouse.Position{Epoch: "g", Token: "g", Snapshot: "start"}))
	_, err = second.Apply(ctx, batch(2, 5))
	is(t, err, warehouse.ErrFenced)
}

func TestConcurrentWritersOneWins(t *testing.T) {
	url := postgres.Server(t).Database(t)
	site(t, url, "north")
	const writers = 6
	errs := make(chan error, writers)
	for n := range writers {
		go func() {
			w, err := warehouse.Open(ctx, url, "north")
			if err == nil {
				_, err = w.Apply(ctx, warehouse.Batch{From: at(1), To: at(n + 2), Changes: []warehouse.Change{{Table: visits, Rows: several(200)}}})
				_ = w.Close(ctx) // done with
			}
			errs <- err
		}()
	}
	won := 0
	for range writers {
		if err := <-errs; err == nil {
			won++
		} else {
			is(t, err, warehouse.ErrFenced)
		}
	}
	if won != 1 {
		t.Errorf("%d writers won, want 1", won)
	}
}
