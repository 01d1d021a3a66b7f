package auth_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

const firefox = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

func TestPeopleSeeAndEndTheirOwnSessions(t *testing.T) {
	s := set.Start(t)
	desk := token(t, s, ada)
	r := s.Do(t, "POST", loginPath, "", map[string]any{"email": ada.Email, "password": ada.Password}, firefox)
	phone, _ := r.JSON(t)["token"].(string)
	bobs := token(t, s, bob)
	list := s.Do(t, "GET", "/api/auth/sessions", desk, nil)
	want(t, "the list", list, http.StatusOK, `"totalItems":2`, `"device":"Firefox on Linux"`, `"address":"127.0.0.1"`)
	for _, item := range list.Items(t) {
		if (item["id"] == sid(t, desk)) != item["current"].(bool) || item["created"] == "" || item["lastSeen"] == "" || item["expiresAt"] == "" {
			t.Errorf("got %v", item)
		}
	}
	want(t, "a guest", s.Do(t, "GET", "/api/auth/sessions", "", nil), http.StatusUnauthorized)
	want(t, "pages", s.Do(t, "GET", "/api/auth/sessions?perPage=1&page=2", desk, nil), http.StatusOK, `"totalPages":2`, sid(t, desk))
	want(t, "somebody else's", s.Do(t, "DELETE", "/api/auth/sessions/"+sid(t, bobs), desk, nil), http.StatusNotFound)
	want(t, "an admin's way is another", s.As(t, alma, "DELETE", "/api/auth/sessions/"+sid(t, phone), nil), http.StatusNotFound)
	want(t, "one of the own", s.Do(t, "DELETE", "/api/auth/sessions/"+sid(t, phone), desk, nil), http.StatusNoContent)
	want(t, "twice", s.Do(t, "DELETE", "/api/auth/sessions/"+sid(t, phone), desk, nil), http.StatusNotFound)
	alive(t, s, "the ended one", phone, false)
	alive(t, s, "the other one", desk, true)
	alive(t, s, "Bob's", bobs, true)
	want(t, "one is left", s.Do(t, "GET", "/api/auth/sessions", desk, nil), http.StatusOK, `"totalItems":1`)
}

func TestAnAdminSeesAndEndsAnAccountsSessions(t *testing.T) {
	s := set.Start(t)
	path := "/api/users/" + authapi.Ada.ID + "/sessions"
	one, two, three := token(t, s, ada), token(t, s, ada), token(t, s, ada)
	bobs := token(t, s, bob)
	want(t, "not the account itself", s.Do(t, "GET", path, one, nil), http.StatusForbidden)
	want(t, "the list", s.As(t, alma, "GET", path, nil), http.StatusOK, `"totalItems":3`, sid(t, one))
	want(t, "no such account", s.As(t, alma, "GET", "/api/users/nosuchaccount00/sessions", nil), http.StatusNotFound)
	want(t, "another account's session", s.As(t, alma, "DELETE", path+"/"+sid(t, bobs), nil), http.StatusNotFound)
	want(t, "one", s.As(t, alma, "DELETE", path+"/"+sid(t, one), nil), http.StatusNoContent)
	alive(t, s, "the ended one", one, false)
	alive(t, s, "another", two, true)
	want(t, "not by a doctor", s.As(t, grace, "DELETE", path, nil), http.StatusForbidden)
	want(t, "all", s.As(t, alma, "DELETE", path, nil), http.StatusNoContent)
	alive(t, s, "the second", two, false)
	alive(t, s, "the third", three, false)
	alive(t, s, "Bob's", bobs, true)
}

func TestEachRoleHasItsOwnLimits(t *testing.T) {
	s := set.Start(t)
	configure(t, s, map[string]any{"sessionIdleMinutes": 0, "sessionHours": 12, "sessionLimits": map[string]any{"nurse": map[string]any{"idleMinutes": 5, "hours": 2}}})
	nias, adas := token(t, s, nia), token(t, s, ada)
	if life := claims(t, nias)["exp"].(float64) - float64(time.Now().Unix()); life > 2*3600 || life < 2*3600-60 {
		t.Errorf("a nurse's token lives %v s", life)
	}
	for _, tok := range []string{nias, adas} {
		if err := change(t, s, "sessions", sid(t, tok), "lastSeen", time.Now().Add(-6*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	alive(t, s, "a nurse's after six minutes", nias, false)
	alive(t, s, "a patient's", adas, true)
}

// What runs while nobody is there must not keep a session open.
func TestOnlyAPersonsRequestsKeepASessionFromIdlingOut(t *testing.T) {
	s := set.Start(t)
	configure(t, s, map[string]any{"sessionIdleMinutes": 15})
	for _, tc := range []struct {
		at     string
		header []string
		counts bool
	}{
		{"GET /api/cards", nil, true},
		{"GET /api/cards", []string{"X-Background: 1"}, false},
		{"POST /api/realtime", nil, false},
		{"POST /api/auth/refresh", nil, false},
		{"POST /api/collections/users/auth-refresh", nil, false},
	} {
		tok := token(t, s, ada)
		seen := time.Now().Add(-14 * time.Minute)
		if err := change(t, s, "sessions", sid(t, tok), "lastSeen", seen); err != nil {
			t.Fatal(err)
		}
		method, path, _ := strings.Cut(tc.at, " ")
		s.Do(t, method, path, tok, `{"clientId":"x","subscriptions":[]}`, tc.header...)
		if err := auth.NoteSeen(s.App); err != nil {
			t.Fatal(err)
		}
		r, err := s.App.FindRecordById("sessions", sid(t, tok))
		if err != nil {
			t.Fatal(err)
		}
		if noted := r.GetDateTime("lastSeen").Time().After(seen.Add(time.Minute)); noted != tc.counts {
			t.Errorf("%s %v: counted %v", tc.at, tc.header, noted)
		}
	}
}

func TestRefreshNeverMovesTheEnd(t *testing.T) {
	s := set.Start(t)
	tok := token(t, s, ada)
	soon := time.Now().Add(time.Minute).Truncate(time.Second)
	if err := change(t, s, "sessions", sid(t, tok), "expiresAt", soon); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/api/auth/refresh", "/api/collections/users/auth-refresh"} {
		r := s.Do(t, "POST", path, tok, nil)
		want(t, path, r, http.StatusOK)
		fresh, _ := r.JSON(t)["token"].(string)
		if exp := int64(claims(t, fresh)["exp"].(float64)); exp > soon.Unix() {
			t.Errorf("%s: ends %d s later", path, exp-soon.Unix())
		}
	}
}
