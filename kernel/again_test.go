package kernel_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// ways are those on which Ada makes, or works on, a thing of hers.
var ways = []struct {
	name, path, body string
	without          int // status of a repeat once the thing is not hers
}{
	{"a documented path", path + "?expand=ownerId", `{"name":"secret jug","ownerId":"userpatient0001"}`, http.StatusCreated},
	{"a collection", collection + "?expand=ownerId", `{"name":"secret jug","ownerId":"userpatient0001"}`, http.StatusOK},
	{"some fields", path + "?fields=id,name", `{"name":"secret jug","ownerId":"userpatient0001"}`, http.StatusCreated},
	{"fields that do not say whose they are", path + "?fields=name", `{"name":"secret jug","ownerId":"userpatient0001"}`, http.StatusCreated},
	{"a batch", "/api/batch", `{"requests":[{"method":"POST","url":"` + collection + `","body":{"name":"secret jug","ownerId":"userpatient0001"}}]}`, http.StatusOK},
	{"fields in a batch", "/api/batch", `{"requests":[{"method":"POST","url":"` + collection + `?fields=name","body":{"name":"secret jug","ownerId":"userpatient0001"}}]}`, http.StatusOK},
	{"a route", path + "/" + adas + "/polish", `{"with":"wax"}`, http.StatusNotFound},
}

// hidden is what no repeat may say once the thing is not Ada's.
var hidden = []string{"secret jug", "jug", `"name"`, authapi.Ada.Name}

func TestARepeatShowsWhatTheCallerMaySeeNow(t *testing.T) {
	set, _ := newSet()
	for _, lost := range []struct {
		name string
		do   func(app core.App, r *core.Record) error
	}{
		{"it went to somebody else", func(app core.App, r *core.Record) error { r.Set("ownerId", authapi.Bob.ID); return app.Save(r) }},
		{"it was deleted", func(app core.App, r *core.Record) error { return app.Delete(r) }},
	} {
		for _, w := range ways {
			t.Run(lost.name+", "+w.name, func(t *testing.T) {
				s := set.Start(t)
				one := s.As(t, ada, "POST", w.path, w.body, key)
				if one.Status >= 300 {
					t.Fatalf("got %d %s", one.Status, one.Body)
				}
				things, err := s.App.FindAllRecords("things")
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range things {
					if r.GetString("ownerId") == authapi.Ada.ID {
						if err := lost.do(s.App, r); err != nil {
							t.Fatal(err)
						}
					}
				}
				two := s.As(t, ada, "POST", w.path, w.body, key)
				wantStatus(t, "again", two, w.without)
				for _, text := range hidden {
					if strings.Contains(two.Body, text) {
						t.Errorf("the repeat says %s: %s", text, two.Body)
					}
				}
			})
		}
	}
}

func TestARepeatIsShownLikeARead(t *testing.T) {
	set, _ := newSet()
	s := set.Start(t)
	send := func() kerneltest.Response {
		return s.As(t, ada, "POST", path+"?expand=ownerId", `{"name":"secret jug","ownerId":"userpatient0001"}`, key)
	}
	one := send()
	shown := []string{}
	s.App.OnRecordEnrich().BindFunc(func(e *core.RecordEnrichEvent) error {
		shown = append(shown, e.Record.Collection().Name)
		return e.Next()
	})
	two := send()
	if one.Body != two.Body || !strings.Contains(two.Body, authapi.Ada.Name) {
		t.Errorf("first %s, second %s", one.Body, two.Body)
	}
	slices.Sort(shown)
	if got := slices.Compact(shown); !slices.Equal(got, []string{"things", "users"}) {
		t.Errorf("shown were %q", got)
	}
	r, err := s.App.FindRecordById("things", one.ID(t))
	if err != nil {
		t.Fatal(err)
	}
	r.Set("name", "mug")
	if err := s.App.Save(r); err != nil {
		t.Fatal(err)
	}
	if again := send(); again.Status != http.StatusCreated || again.Body != one.Body {
		t.Errorf("the first answer again, whatever came of it: got %d %s", again.Status, again.Body)
	}
}

// Who is no administrator any more does not repeat what administrators do.
func TestARepeatNeedsTheRightsOfNow(t *testing.T) {
	set, _ := newSet()
	s := set.Start(t)
	becomes := func(role string) {
		t.Helper()
		r, err := s.App.FindAuthRecordByEmail("users", grace.Email)
		if err != nil {
			t.Fatal(err)
		}
		r.Set("role", role)
		if err := s.App.Save(r); err != nil {
			t.Fatal(err)
		}
	}
	becomes("admin")
	wantStatus(t, "a route", s.As(t, grace, "POST", path+"/"+adas+"/polish", `{"with":"wax"}`, key), http.StatusOK)
	wantStatus(t, "a documented path", s.As(t, grace, "POST", path, `{"name":"jug"}`, "Idempotency-Key: k2"), http.StatusCreated)
	becomes("doctor") // and has to sign in again
	token := s.SignIn(t, grace)
	wantStatus(t, "a route", s.Do(t, "POST", path+"/"+adas+"/polish", token, `{"with":"wax"}`, key), http.StatusForbidden)
	wantStatus(t, "a documented path", s.Do(t, "POST", path, token, `{"name":"jug"}`, "Idempotency-Key: k2"), http.StatusForbidden)
}
