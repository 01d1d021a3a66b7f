package audit

import (
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
)

// Entries returns the whole trail, with the writes that were waiting.
func Entries(t testing.TB, app core.App) (list []chain.Entry) {
	t.Helper()
	for {
		n, err := of(app).drain()
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	err := chain.After(Dir(app), 0, 1<<30, func(r chain.Row) error {
		e, err := r.Entry()
		list = append(list, e)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Dir is the trail's folder.
func Dir(app core.App) string { return dir(app.DataDir()) }

// WithoutPatients and Unwatched are the collections that leave no entry.
func WithoutPatients() []string { return withoutPatients }

// WholeTrail is what a backup verifies.
var (
	WholeTrail = wholeTrail
	CopyTrail  = copyTrail
	Archive    = archive
)

// Command is `polyclinic audit`.
var Command = auditCommand

// Rotate begins a segment.
func Rotate(app core.App) error { return of(app).rotate() }

// Crowd returns the entries of what was only counted.
func Crowd(app core.App) []chain.Entry { return of(app).crowd.sum() }

// Anchor sets an anchor now.
func Anchor(app core.App) { of(app).anchor(time.Second) }

// Close ends the trail as the end of a server does.
func Close(app core.App) error { return of(app).close() }
