package kernel_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

const key = "Idempotency-Key: k1"

// kinds are the ways on which a POST can make a thing, and one that makes none.
var kinds = []struct {
	name, path    string
	body, another string
	rows          int64 // that one request adds
}{
	{"a documented path", path, `{"name":"jug"}`, `{"name":"mug"}`, 1},
	{"a collection", collection, `{"name":"jug"}`, `{"name":"mug"}`, 1},
	{"a route", path + "/" + adas + "/polish", `{"with":"wax"}`, `{"with":"oil"}`, 0},
	{"a route that calls out", path + "/call-out", `{"with":"wax"}`, `{"with":"oil"}`, 0},
	{"a batch", "/api/batch", batchOf("jug"), batchOf("mug"), 1},
}

func batchOf(name string) string {
	return `{"requests":[{"method":"POST","url":"` + collection + `","body":{"name":"` + name + `"}}]}`
}

func TestTheSameKeyDoesNothingTwice(t *testing.T) {
	set, bench := newSet()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			s := set.Start(t)
			bench.Ran.Store(0)
			before := count(t, s, "things")
			one := s.As(t, alma, "POST", k.path, k.body, key)
			two := s.As(t, alma, "POST", k.path, k.body, key)
			if one.Status >= 300 || one.Status != two.Status || one.Body != two.Body {
				t.Fatalf("first %d %s, second %d %s", one.Status, one.Body, two.Status, two.Body)
			}
			if two.Header.Get("Idempotency-Replayed") == "" || one.Header.Get("Idempotency-Replayed") != "" {
				t.Error("which answer was the repeated one?")
			}
			if got := count(t, s, "things") - before; got != k.rows {
				t.Errorf("%d rows were added, want %d", got, k.rows)
			}
			if n := bench.Ran.Load(); n > 1 {
				t.Errorf("the handler ran %d times", n)
			}
			other := s.As(t, alma, "POST", k.path, k.another, key)
			if other.Status != http.StatusConflict || other.Code("error") != "idempotency_key_reused" {
				t.Errorf("another body: got %d %s", other.Status, other.Body)
			}
			wantStatus(t, "another key", s.As(t, alma, "POST", k.path, k.body, "Idempotency-Key: k2"), one.Status)
		})
	}
}

// A body may have a password: whoever has a copy of the data must not be able to try some.
func TestWhatIsKeptOfARequestCannotBeGuessedAt(t *testing.T) {
	set, _ := newSet()
	s := set.Start(t)
	body := `{"name":"jug"}`
	wantStatus(t, "a jug", s.As(t, alma, "POST", path, body, key), http.StatusCreated)
	var kept string
	if err := s.App.DB().Select("request").From("idempotency_keys").Row(&kept); err != nil {
		t.Fatal(err)
	}
	if guess := sha256.Sum256([]byte("POST\x00" + path + "\x00" + body + "\x00")); kept == "" || kept == hex.EncodeToString(guess[:]) {
		t.Errorf("%q is the hash of what was sent", kept)
	}
}

func TestManyAtOnceWithOneKeyMakeOneRow(t *testing.T) {
	set, bench := newSet()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			s := set.Start(t)
			bench.Ran.Store(0)
			token, before := s.Token(t, alma), count(t, s, "things")
			bodies := make([]string, 20)
			var wg sync.WaitGroup
			for i := range bodies {
				wg.Go(func() {
					r := s.Do(t, "POST", k.path, token, k.body, key)
					if r.Status >= 300 {
						t.Errorf("got %d %s", r.Status, r.Body)
					}
					bodies[i] = r.Body
				})
			}
			wg.Wait()
			for _, b := range bodies {
				if b != bodies[0] {
					t.Fatalf("two answers: %s and %s", bodies[0], b)
				}
			}
			if got := count(t, s, "things") - before; got != k.rows {
				t.Errorf("%d rows, want %d", got, k.rows)
			}
			if n := bench.Ran.Load(); n > 1 {
				t.Errorf("the handler ran %d times", n)
			}
		})
	}
}

func TestARefusedRequestReleasesItsKey(t *testing.T) {
	set, _ := newSet()
	for _, c := range []struct{ name, path, bad, good string }{
		{"invalid input", path, `{"name":""}`, `{"name":"jug"}`},
		{"a conflict", path, `{"name":"cursed"}`, `{"name":"jug"}`},
		{"a fault", path, `{"name":"faulty"}`, `{"name":"jug"}`},
		{"a route's conflict", path + "/" + adas + "/polish", `{"with":"polished"}`, `{"with":"wax"}`},
		{"a calling route's conflict", path + "/call-out", `{"with":"polished"}`, `{"with":"wax"}`},
		{"a batch", "/api/batch", batchOf("cursed"), batchOf("jug")},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := set.Start(t)
			if r := s.As(t, alma, "POST", c.path, c.bad, key); r.Status < 400 {
				t.Fatalf("got %d %s", r.Status, r.Body)
			}
			if n := count(t, s, "idempotency_keys"); n != 0 {
				t.Errorf("%d keys are held", n)
			}
			if r := s.As(t, alma, "POST", c.path, c.good, key); r.Status >= 300 {
				t.Errorf("the next request: got %d %s", r.Status, r.Body)
			}
		})
	}
}

// A crash between the commit and the keeping of the answer leaves the key without one: the
// work was done, and must not be done again.
func TestAfterACrashTheWorkIsNotRepeated(t *testing.T) {
	set, _ := newSet()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			s := set.Start(t)
			if r := s.As(t, alma, "POST", k.path, k.body, key); r.Status >= 300 {
				t.Fatalf("got %d %s", r.Status, r.Body)
			}
			before := count(t, s, "things")
			if _, err := s.App.NonconcurrentDB().Update("idempotency_keys", dbx.Params{"status": 0, "answer": ""}, nil).Execute(); err != nil {
				t.Fatal(err)
			}
			r := s.As(t, alma, "POST", k.path, k.body, key)
			if r.Status != http.StatusConflict || r.Code("error") != "idempotency_in_progress" {
				t.Errorf("got %d %s", r.Status, r.Body)
			}
			if count(t, s, "things") != before {
				t.Error("it was done twice")
			}
		})
	}
}

func TestAKeyIsItsOwners(t *testing.T) {
	set, _ := newSet()
	s := set.Start(t)
	one := s.As(t, alma, "POST", path, `{"name":"jug"}`, key)
	wantStatus(t, "Alma", one, http.StatusCreated)
	two := s.As(t, ada, "POST", path, `{"name":"jug","ownerId":"userpatient0001"}`, key)
	wantStatus(t, "Ada", two, http.StatusCreated)
	if one.ID(t) == two.ID(t) {
		t.Error("Ada was answered with what Alma made")
	}
	for _, who := range []kerneltest.Account{guest, grace} {
		r := s.As(t, who, "POST", path, `{"name":"jug"}`, key)
		if r.Status < 400 || strings.Contains(r.Body, one.ID(t)) {
			t.Errorf("%q: got %d %s", who.Email, r.Status, r.Body)
		}
	}
}

func TestWhatAKeyIsGoodFor(t *testing.T) {
	set, _ := newSet()
	s := set.Start(t)
	long := "Idempotency-Key: " + strings.Repeat("k", 201)
	wantStatus(t, "a long key", s.As(t, alma, "POST", path, `{"name":"jug"}`, long), http.StatusBadRequest)
	for _, method := range []string{"PUT", "PATCH"} {
		wantStatus(t, method, s.As(t, alma, method, path+"/"+adas, `{"name":"jug"}`, key), http.StatusOK)
	}
	wantStatus(t, "GET", s.As(t, alma, "GET", path, nil, key), http.StatusOK)
	if n := count(t, s, "idempotency_keys"); n != 0 {
		t.Errorf("%d keys are held", n)
	}
	// An answer with a token in it is not stored.
	body := map[string]any{"identity": ada.Email, "password": ada.Password}
	wantStatus(t, "sign-in", s.Do(t, "POST", "/api/collections/users/auth-with-password", "", body, key), http.StatusOK)
	wantStatus(t, "file token", s.As(t, ada, "POST", "/api/files/token", nil, key), http.StatusOK)
	if n := count(t, s, "idempotency_keys"); n != 0 {
		t.Errorf("%d answers with tokens are stored", n)
	}
}

func TestOldAnswersAreForgotten(t *testing.T) {
	set, _ := newSet()
	s := set.Start(t)
	for _, k := range []string{"old", "new"} {
		wantStatus(t, k, s.As(t, alma, "POST", path, `{"name":"jug"}`, "Idempotency-Key: "+k), http.StatusCreated)
	}
	if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE idempotency_keys SET created = '2020-01-01 00:00:00.000Z' WHERE rowid = 1").Execute(); err != nil {
		t.Fatal(err)
	}
	for _, m := range s.Kernel.Modules {
		for _, j := range m.Jobs {
			if m.Name == "idempotency" {
				if err := j.Run(s.App); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if n := count(t, s, "idempotency_keys"); n != 1 {
		t.Errorf("%d keys are held, want the new one", n)
	}
}
