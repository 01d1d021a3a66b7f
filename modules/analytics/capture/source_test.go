package capture_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
)

// What another program writes is seen, each time, and nothing where nobody wrote.
func TestMovedSeesAnotherProgram(t *testing.T) {
	app := start(t)
	if _, err := capture.Ensure(app, visits); err != nil {
		t.Fatal(err)
	}
	source, err := capture.NewSource(app, visits, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	other, err := kernel.Connect(filepath.Join(app.DataDir(), "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	source.Moved(context.Background())
	for _, id := range []string{"visit0000000001", "visit0000000002"} {
		if source.Moved(context.Background()) {
			t.Error("moved, though nobody wrote")
		}
		if _, err := other.NewQuery(`INSERT INTO visits (id) VALUES ('` + id + `')`).Execute(); err != nil {
			t.Fatal(err)
		}
		if !source.Moved(context.Background()) {
			t.Errorf("%s went unseen", id)
		}
	}
}
