package auth_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// listen subscribes a connection to a card and returns a function that changes the card and
// reports whether that is heard; where it is not, the connection must have been closed, so
// that an SDK opens another.
func listen(t *testing.T, s *kerneltest.Server, token, cardID string) func(what string, want bool) {
	t.Helper()
	topic := "cards/" + cardID
	st, witness := s.Connect(t), s.Connect(t)
	want(t, "subscribe", s.Subscribe(t, st, token, topic), http.StatusNoContent)
	want(t, "subscribe the dashboard", s.Subscribe(t, witness, dashboard(t, s), topic), http.StatusNoContent)
	return func(what string, want bool) {
		t.Helper()
		if err := change(t, s, "cards", cardID, "title", what); err != nil {
			t.Fatal(err)
		}
		for {
			if ev, open := witness.Next(t); !open || strings.Contains(ev.Data, what) {
				break
			}
		}
		if ev, open := st.Next(t); open != want || open && !strings.Contains(ev.Data, what) {
			t.Errorf("%s: got %v, connection open: %v", what, ev, open)
		}
	}
}

func card(t *testing.T, s *kerneltest.Server, userID string) string {
	t.Helper()
	c, err := s.App.FindCollectionByNameOrId("cards")
	if err != nil {
		t.Fatal(err)
	}
	r := core.NewRecord(c)
	r.Load(map[string]any{"userId": userID, "title": "first"})
	if err := s.App.Save(r); err != nil {
		t.Fatal(err)
	}
	return r.Id
}

func TestRealtimeEndsWithTheSession(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *kerneltest.Server, string){
		"logout": func(t *testing.T, s *kerneltest.Server, tok string) { s.Do(t, "POST", "/api/auth/logout", tok, nil) },
		"logout-all": func(t *testing.T, s *kerneltest.Server, tok string) {
			s.Do(t, "POST", "/api/auth/logout-all", tok, nil)
		},
		"disabled": func(t *testing.T, s *kerneltest.Server, _ string) {
			want(t, "PUT", s.As(t, alma, "PUT", "/api/users/"+authapi.Ada.ID, `{"status":"disabled"}`), http.StatusOK)
		},
		"another role": func(t *testing.T, s *kerneltest.Server, _ string) {
			want(t, "PUT", s.As(t, alma, "PUT", "/api/users/"+authapi.Ada.ID, `{"role":"nurse"}`), http.StatusOK)
		},
		"expired": func(t *testing.T, s *kerneltest.Server, tok string) {
			if err := change(t, s, "sessions", sid(t, tok), "expiresAt", time.Now().Add(-time.Second)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := set.Start(t)
			id := card(t, s, authapi.Ada.ID)
			tok := token(t, s, ada)
			hears := listen(t, s, tok, id)
			hears("before", true)
			end(t, s, tok)
			hears("after", false)
			st := s.Connect(t)
			want(t, "subscribing with the dead token", s.Subscribe(t, st, tok, "cards/"+id), http.StatusUnauthorized)
		})
	}
}

func TestRealtimeOfOtherSessionsGoesOn(t *testing.T) {
	s := set.Start(t)
	id := card(t, s, authapi.Ada.ID)
	phone, desk := token(t, s, ada), token(t, s, ada)
	hears := listen(t, s, desk, id)
	want(t, "logout", s.Do(t, "POST", "/api/auth/logout", phone, nil), http.StatusNoContent)
	hears("after somebody else's logout", true)
	other := listen(t, s, token(t, s, ada), id)
	r := s.Do(t, "POST", "/api/auth/password", desk, map[string]any{"oldPassword": ada.Password, "password": "kettle-4711-bridge"})
	want(t, "password", r, http.StatusOK)
	hears("after the own change of password", true)
	other("after it, elsewhere", false)
}

// A connection is closed with its session though nothing is said on it.
func TestASilentConnectionEndsWithTheSession(t *testing.T) {
	s := set.Start(t)
	id := card(t, s, authapi.Ada.ID)
	for name, end := range map[string]func(token string){
		"logout": func(token string) {
			want(t, "logout", s.Do(t, "POST", "/api/auth/logout", token, nil), http.StatusNoContent)
		},
		"a new password": func(string) {
			desk := token(t, s, ada)
			r := s.Do(t, "POST", "/api/auth/password", desk, map[string]any{"oldPassword": ada.Password, "password": "kettle-4711-bridge"})
			want(t, "password", r, http.StatusOK)
			if err := change(t, s, "users", authapi.Ada.ID, "password", ada.Password); err != nil {
				t.Fatal(err)
			}
		},
	} {
		st, tok := s.Connect(t), token(t, s, ada)
		want(t, "subscribe", s.Subscribe(t, st, tok, "cards/"+id), http.StatusNoContent)
		end(tok)
		if ev, open := st.Next(t); open {
			t.Errorf("%s: heard %v", name, ev)
		}
	}
}

func TestAConnectionPassesToWhoSignsInNext(t *testing.T) {
	s := set.Start(t)
	adas, bobs := card(t, s, authapi.Ada.ID), card(t, s, authapi.Bob.ID)
	st := s.Connect(t)
	first := token(t, s, ada)
	want(t, "the first person", s.Subscribe(t, st, first, "cards/*"), http.StatusNoContent)
	want(t, "a guest", s.Subscribe(t, st, "", "cards/*"), http.StatusForbidden)
	want(t, "the next person", s.Subscribe(t, st, token(t, s, bob), "cards/*"), http.StatusNoContent)
	for _, c := range []struct{ id, title string }{{adas, "of the first"}, {bobs, "of the next"}} {
		if err := change(t, s, "cards", c.id, "title", c.title); err != nil {
			t.Fatal(err)
		}
	}
	if ev, open := st.Next(t); !open || !strings.Contains(ev.Data, "of the next") {
		t.Errorf("the next person heard %v, connection open: %v", ev, open)
	}
	want(t, "logout of the first", s.Do(t, "POST", "/api/auth/logout", first, nil), http.StatusNoContent)
	if err := change(t, s, "cards", bobs, "title", "once more"); err != nil {
		t.Fatal(err)
	}
	if ev, open := st.Next(t); !open || !strings.Contains(ev.Data, "once more") {
		t.Errorf("after the first one's logout: %v, connection open: %v", ev, open)
	}
}

func TestAFileTokenEndsWithItsSession(t *testing.T) {
	s := set.Start(t)
	file, err := filesystem.NewFileFromBytes([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"), "me.png")
	if err != nil {
		t.Fatal(err)
	}
	if err := change(t, s, "users", authapi.Ada.ID, "avatar", file); err != nil {
		t.Fatal(err)
	}
	path := "/api/files/users/" + authapi.Ada.ID + "/" + account(t, s, authapi.Ada.ID).GetString("avatar")
	get := func(tok string) int {
		r := s.Do(t, "POST", "/api/files/token", tok, nil)
		want(t, "file token", r, http.StatusOK)
		ft, _ := r.JSON(t)["token"].(string)
		before := s.Do(t, "GET", path+"?token="+ft, "", nil).Status
		if r := s.Do(t, "GET", "/api/auth/me", ft, nil); r.Status != http.StatusUnauthorized {
			t.Errorf("a file token signs in: %d", r.Status)
		}
		want(t, "logout", s.Do(t, "POST", "/api/auth/logout", tok, nil), http.StatusNoContent)
		if after := s.Do(t, "GET", path+"?token="+ft, "", nil).Status; after != http.StatusNotFound {
			t.Errorf("after logout the file answers %d", after)
		}
		return before
	}
	if status := get(token(t, s, ada)); status != http.StatusOK {
		t.Errorf("own file: got %d", status)
	}
	if status := get(token(t, s, bob)); status != http.StatusNotFound {
		t.Errorf("somebody else's file: got %d", status)
	}
	plain, err := account(t, s, authapi.Ada.ID).NewFileToken()
	if err != nil {
		t.Fatal(err)
	}
	want(t, "a file token without a session", s.Do(t, "GET", path+"?token="+plain, "", nil), http.StatusNotFound)
	want(t, "no token", s.Do(t, "GET", path, "", nil), http.StatusNotFound)
	root := s.Do(t, "POST", "/api/files/token", dashboard(t, s), nil).JSON(t)["token"].(string)
	want(t, "the dashboard's", s.Do(t, "GET", path+"?token="+root, "", nil), http.StatusOK)
}
