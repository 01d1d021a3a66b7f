package hooks_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// meanwhile runs fn once, between the moment in which the next update of the collection has
// read its row and the moment in which it writes: PocketBase's window for lost updates.
func meanwhile(collection string, fn func(core.App)) func(*tests.TestApp) {
	var once sync.Once
	return func(app *tests.TestApp) {
		app.OnRecordUpdateRequest(collection).Bind(&hook.Handler[*core.RecordRequestEvent]{Priority: -5000, Func: func(e *core.RecordRequestEvent) error {
			once.Do(func() { fn(e.App) })
			return e.Next()
		}})
	}
}

func setColumn(t *testing.T, app core.App, collection, id, column string, value any) {
	t.Helper()
	r, err := app.FindRecordById(collection, id)
	if err != nil {
		t.Fatal(err)
	}
	r.Set(column, value)
	if err := app.Save(r); err != nil {
		t.Fatal(err)
	}
}

// Finding 1: plain PocketBase undid 13 of 25 revocations by the victim's own PATCH.
func TestARevocationIsNotUndoneByTheVictimsOwnUpdate(t *testing.T) {
	s := set.Start(t, meanwhile("users", func(app core.App) {
		setColumn(t, app, "users", authapi.Nia.ID, "status", authapi.Disabled)
	}))
	// Alma's change of Nia's name has read the row when Nia is disabled.
	r := s.As(t, alma, "PATCH", "/api/collections/users/records/"+authapi.Nia.ID, `{"name":"Nia C."}`)
	wantStatus(t, "change of name", r, http.StatusOK)
	u, err := s.App.FindRecordById("users", authapi.Nia.ID)
	if err != nil {
		t.Fatal(err)
	}
	if u.GetString("status") != authapi.Disabled || u.GetString("name") != "Nia C." {
		t.Errorf("got status %q, name %q", u.GetString("status"), u.GetString("name"))
	}
}

// Finding 2.
func TestChangesOfDifferentFieldsAreBothKept(t *testing.T) {
	s := set.Start(t, meanwhile("things", func(app core.App) { setColumn(t, app, "things", adas, "note", "meanwhile") }))
	wantStatus(t, "update", s.As(t, ada, "PUT", path+"/"+adas, `{"name":"jug"}`), http.StatusOK)
	if r := stored(t, s, adas); r.GetString("note") != "meanwhile" || r.GetString("name") != "jug" {
		t.Errorf("got note %q, name %q", r.GetString("note"), r.GetString("name"))
	}
}

func TestConcurrentChangesOfDifferentFieldsLoseNone(t *testing.T) {
	s := set.Start(t)
	token := s.Token(t, alma)
	for round := range 20 {
		want := map[string]string{"name": named("n%d", round), "note": named("o%d", round), "due": named("2026-01-%02d 00:00:00.000Z", round+1)}
		var wg sync.WaitGroup
		for field, value := range want {
			wg.Go(func() {
				url := collection
				if field == "note" {
					url = path
				}
				wantStatus(t, field, s.Do(t, "PATCH", url+"/"+adas, token, map[string]any{field: value}), http.StatusOK)
			})
		}
		wg.Wait()
		r := stored(t, s, adas)
		for field, value := range want {
			if got := r.GetString(field); got != value {
				t.Fatalf("round %d: %s is %q, want %q", round, field, got, value)
			}
		}
	}
}

// Finding 4: plain PocketBase answers 200 and stores nothing.
func TestAnUpdateOfWhatIsGoneIs404(t *testing.T) {
	for _, url := range []string{path, collection} {
		s := set.Start(t, meanwhile("things", func(app core.App) {
			r, err := app.FindRecordById("things", odd)
			if err == nil {
				err = app.Delete(r)
			}
			if err != nil {
				t.Error(err)
			}
		}))
		wantStatus(t, url, s.As(t, alma, "PATCH", url+"/"+odd, `{"name":"ghost"}`), http.StatusNotFound)
	}
}

func TestTheSecondDeleteIs404(t *testing.T) {
	s := set.Start(t)
	wantStatus(t, "first", s.As(t, alma, "DELETE", path+"/"+odd, nil), http.StatusNoContent)
	wantStatus(t, "second", s.As(t, alma, "DELETE", path+"/"+odd, nil), http.StatusNotFound)

	s = set.Start(t)
	var gone, ok int
	var mu sync.Mutex
	var wg sync.WaitGroup
	token := s.Token(t, alma)
	for range 8 {
		wg.Go(func() {
			r := s.Do(t, "DELETE", path+"/"+odd, token, nil)
			mu.Lock()
			defer mu.Unlock()
			switch r.Status {
			case http.StatusNoContent:
				ok++
			case http.StatusNotFound:
				gone++
			default:
				t.Errorf("got %d: %s", r.Status, r.Body)
			}
		})
	}
	wg.Wait()
	if ok != 1 || gone != 7 {
		t.Errorf("of 8 concurrent deletes %d answered 204 and %d 404", ok, gone)
	}
}

func TestWhatOthersNeedIsNotDeleted(t *testing.T) {
	set.Run(t, []kerneltest.Scenario{
		{Name: "by the documented path", As: alma, Method: "DELETE", Path: path + "/" + adas, Want: 409, Has: []string{`"in_use"`}},
		{Name: "by the collection", As: alma, Method: "DELETE", Path: collection + "/" + adas, Want: 409, Has: []string{`"in_use"`}},
	})
}

// Plain PocketBase answers 400 and leaves the row.
func TestAHookThatFailsAfterTheWriteLeavesNoRow(t *testing.T) {
	for _, url := range []string{path, collection} {
		set.Run(t, []kerneltest.Scenario{
			{Name: "refusal at " + url, As: alma, Path: url, Body: `{"name":"cursed"}`, Want: 409, Has: []string{`"name":{"code":"cursed"`}, Then: noNewRow},
			{Name: "fault at " + url, As: alma, Path: url, Body: `{"name":"faulty"}`, Want: 500, Not: []string{"secret"}, Then: noNewRow},
		})
	}
	set.Run(t, []kerneltest.Scenario{
		{Name: "in a batch nothing is kept", As: alma, Path: "/api/batch", Body: map[string]any{"requests": []any{
			map[string]any{"method": "POST", "url": collection, "body": map[string]any{"name": "fine"}},
			map[string]any{"method": "POST", "url": collection, "body": map[string]any{"name": "cursed"}},
		}}, Want: 409, Has: []string{"cursed"}, Then: noNewRow},
	})
}

func noNewRow(t *testing.T, s *kerneltest.Server, _ kerneltest.Response) {
	t.Helper()
	if n := count(t, s, "things"); n != 3 {
		t.Errorf("%d rows, want the 3 of the cast", n)
	}
	var n int // those of the cast may be under way
	if err := s.App.DB().NewQuery(`SELECT COUNT(*) FROM outbox WHERE payload NOT LIKE '%"thing%'`).Row(&n); err != nil || n != 0 {
		t.Errorf("%d events, want none: %v", n, err)
	}
}

// A rule is checked ahead of an update only.
func TestAnOwnerCannotGiveARecordAway(t *testing.T) {
	body := map[string]any{"ownerId": authapi.Bob.ID}
	set.Run(t, []kerneltest.Scenario{
		{Name: "by the documented path", As: ada, Method: "PUT", Path: path + "/" + adas, Body: body, Want: 403, Has: []string{"out_of_reach"}, Then: stillAdas},
		{Name: "by the collection", As: ada, Method: "PATCH", Path: collection + "/" + adas, Body: body, Want: 403, Then: stillAdas},
		{Name: "in a batch", As: ada, Path: "/api/batch", Body: inBatch("PATCH", collection+"/"+adas, body), Want: 400, Has: []string{"out_of_reach"}, Then: stillAdas},
		{Name: "an admin may", As: alma, Method: "PUT", Path: path + "/" + adas, Body: body, Want: 200},
	})
}

func stillAdas(t *testing.T, s *kerneltest.Server, _ kerneltest.Response) {
	t.Helper()
	if got := stored(t, s, adas).GetString("ownerId"); got != authapi.Ada.ID {
		t.Errorf("the owner is %s now", got)
	}
}

func TestTheDatabasesOwnRefusalReadsLikeAnother(t *testing.T) {
	body := map[string]any{"count": 1001}
	const code = `"count":{"code":"too_heavy"`
	set.Run(t, []kerneltest.Scenario{
		{Name: "by the documented path", As: ada, Method: "PUT", Path: path + "/" + adas, Body: body, Want: 409, Has: []string{code}},
		{Name: "by the collection", As: ada, Method: "PATCH", Path: collection + "/" + adas, Body: body, Want: 409, Has: []string{code}},
		{Name: "in a batch", As: ada, Path: "/api/batch", Body: inBatch("PATCH", collection+"/"+adas, body), Want: 409, Has: []string{`"too_heavy"`}},
	})
}

// A job that mends what was refused saves it: a refusal is of one save.
func TestARefusedRecordThatIsMendedIsSaved(t *testing.T) {
	s := set.Start(t)
	r, err := s.App.FindRecordById("things", adas)
	if err != nil {
		t.Fatal(err)
	}
	r.Set("name", "a\x00b")
	if err := s.App.Save(r); err == nil {
		t.Fatal("it was saved with a sign that nobody sees")
	}
	r.Set("name", "a jug")
	if err := s.App.Save(r); err != nil {
		t.Error(err)
	}
}
