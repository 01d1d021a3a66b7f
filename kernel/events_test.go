package kernel_test

import (
	"net/http"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// dueNow makes everything in the outbox due.
func dueNow(t *testing.T, app core.App) {
	t.Helper()
	if _, err := app.NonconcurrentDB().Update("outbox", dbx.Params{"dueAt": "2020-01-01 00:00:00.000Z"}, nil).Execute(); err != nil {
		t.Fatal(err)
	}
}

func state(t *testing.T, app core.App) (state string, attempts int) {
	t.Helper()
	row := struct {
		State    string `db:"state"`
		Attempts int    `db:"attempts"`
	}{}
	if err := app.DB().Select("state", "attempts").From("outbox").One(&row); err != nil {
		t.Fatal(err)
	}
	return row.State, row.Attempts
}

func TestAReactionIsTriedUntilItSucceeds(t *testing.T) {
	set, bench := newSet()
	s := set.Start(t)
	s.Kernel.Deliver() // those of the cast
	bench.Heard.Store(0)
	bench.Deaf.Store(true)
	wantStatus(t, "create", s.As(t, alma, "POST", path, `{"name":"jug"}`), http.StatusCreated)
	for range 3 {
		dueNow(t, s.App)
		s.Kernel.Deliver()
	}
	if st, n := state(t, s.App); st != "waiting" || n < 3 {
		t.Errorf("got %s after %d attempts", st, n)
	}
	bench.Deaf.Store(false)
	dueNow(t, s.App)
	s.Kernel.Deliver()
	if n := count(t, s, "outbox"); n != 0 || bench.Heard.Load() != 1 {
		t.Errorf("%d rows left, heard %d times", n, bench.Heard.Load())
	}
}

func TestAReactionThatNeverSucceedsIsKeptForAPerson(t *testing.T) {
	set, bench := newSet()
	s := set.Start(t)
	s.Kernel.Deliver()
	bench.Deaf.Store(true)
	wantStatus(t, "create", s.As(t, alma, "POST", path, `{"name":"jug"}`), http.StatusCreated)
	for range 15 {
		dueNow(t, s.App)
		s.Kernel.Deliver()
	}
	if st, n := state(t, s.App); st != "dead" || n != 12 {
		t.Errorf("got %s after %d attempts", st, n)
	}
	bench.Deaf.Store(false)
}

func TestWhatIsRolledBackIsNotTold(t *testing.T) {
	set, bench := newSet()
	s := set.Start(t)
	s.Kernel.Deliver()
	bench.Heard.Store(0)
	body := `{"requests":[{"method":"POST","url":"` + collection + `","body":{"name":"jug"}},{"method":"POST","url":"` + collection + `","body":{"name":"cursed"}}]}`
	wantStatus(t, "batch", s.As(t, alma, "POST", "/api/batch", body), http.StatusConflict)
	s.Kernel.Deliver()
	if n := count(t, s, "outbox"); n != 0 || bench.Heard.Load() != 0 {
		t.Errorf("%d rows, heard %d times", n, bench.Heard.Load())
	}
}
