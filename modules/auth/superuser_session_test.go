package auth_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

const superSessions = "superuser_sessions"

// dashboardPaths are what the dashboard asks, each of which lets a superuser in.
var dashboardPaths = []string{
	"POST " + superusers + "/auth-refresh", "GET /api/collections", "GET /api/settings", "GET /api/logs", "GET /api/crons", "GET /api/backups",
	"GET /api/collections/cards/records", "GET " + users + "/" + authapi.Ada.ID, "GET /api/collections/" + superSessions + "/records",
	"POST /api/files/token", "GET /api/auth/me", "GET /api/auth/sessions",
}

// works checks whether a superuser's token is good, on the dashboard's paths and in a batch.
func works(t *testing.T, s *kerneltest.Server, what, token string, yes bool) {
	t.Helper()
	check := func(at string, r kerneltest.Response) {
		t.Helper()
		if (r.Status == http.StatusOK) != yes || (!yes && r.Status != http.StatusUnauthorized) {
			t.Errorf("%s: %s: got %d, want it to work: %v: %s", what, at, r.Status, yes, r.Body)
		}
	}
	for _, at := range dashboardPaths {
		method, path, _ := strings.Cut(at, " ")
		check(at, s.Do(t, method, path, token, nil))
	}
	check("batch", s.Do(t, "POST", "/api/batch", token, map[string]any{"requests": []any{
		map[string]any{"method": "PATCH", "url": users + "/" + authapi.Bob.ID, "body": map[string]any{"name": "Bob Tanaka"}},
	}}))
}

func superuserID(t *testing.T, s *kerneltest.Server) string {
	t.Helper()
	r, err := s.App.FindAuthRecordByEmail(core.CollectionNameSuperusers, alma.Email)
	if err != nil {
		t.Fatal(err)
	}
	return r.Id
}

func limitSuperusers(t *testing.T, s *kerneltest.Server, idleMinutes, hours int) {
	t.Helper()
	configure(t, s, map[string]any{"sessionLimits": map[string]any{"superuser": map[string]any{"idleMinutes": idleMinutes, "hours": hours}}})
}

func began(t *testing.T, s *kerneltest.Server, id string, ago time.Duration) {
	t.Helper()
	at, _ := types.ParseDateTime(time.Now().Add(-ago)) // a time.Time always parses
	if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE " + superSessions + " SET created = '" + at.String() + "' WHERE id = '" + id + "'").Execute(); err != nil {
		t.Fatal(err)
	}
	if err := change(t, s, superSessions, id, "agent", "x"); err != nil { // forget what was in memory
		t.Fatal(err)
	}
}

func TestASuperusersSessionEnds(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *kerneltest.Server, string, string){
		"when nobody used it": func(t *testing.T, s *kerneltest.Server, _, id string) {
			limitSuperusers(t, s, 15, 12)
			if err := change(t, s, superSessions, id, "lastSeen", time.Now().Add(-16*time.Minute)); err != nil {
				t.Fatal(err)
			}
		},
		"when it expires": func(t *testing.T, s *kerneltest.Server, _, id string) {
			if err := change(t, s, superSessions, id, "expiresAt", time.Now().Add(-time.Second)); err != nil {
				t.Fatal(err)
			}
		},
		"when the clinic makes sessions shorter": func(t *testing.T, s *kerneltest.Server, _, id string) {
			began(t, s, id, 2*time.Hour)
			limitSuperusers(t, s, 0, 1)
		},
		"at an admin's end, where nothing is said of superusers": func(t *testing.T, s *kerneltest.Server, _, id string) {
			began(t, s, id, 2*time.Hour)
			configure(t, s, map[string]any{"sessionLimits": map[string]any{"admin": map[string]any{"idleMinutes": 0, "hours": 1}}})
		},
		"when another one deletes its row": func(t *testing.T, s *kerneltest.Server, _, id string) {
			want(t, "delete", s.Do(t, "DELETE", "/api/collections/"+superSessions+"/records/"+id, dashboard(t, s), nil), http.StatusNoContent)
		},
		"when it is ended in the list": func(t *testing.T, s *kerneltest.Server, _, id string) {
			want(t, "delete", s.Do(t, "DELETE", "/api/auth/sessions/"+id, dashboard(t, s), nil), http.StatusNoContent)
		},
		"when a command ends it beside the server": func(t *testing.T, s *kerneltest.Server, _, id string) {
			if _, err := s.App.NonconcurrentDB().NewQuery("DELETE FROM " + superSessions + " WHERE id = '" + id + "'").Execute(); err != nil {
				t.Fatal(err)
			}
		},
		"by logout": func(t *testing.T, s *kerneltest.Server, token, _ string) {
			want(t, "logout", s.Do(t, "POST", "/api/auth/logout", token, nil), http.StatusNoContent)
		},
		"by logout of all": func(t *testing.T, s *kerneltest.Server, _, _ string) {
			want(t, "logout-all", s.Do(t, "POST", "/api/auth/logout-all", dashboard(t, s), nil), http.StatusNoContent)
		},
		"with the password": func(t *testing.T, s *kerneltest.Server, _, _ string) {
			body := map[string]any{"password": "kettle4711bridge", "passwordConfirm": "kettle4711bridge"}
			want(t, "password", s.Do(t, "PATCH", superusers+"/records/"+superuserID(t, s), dashboard(t, s), body), http.StatusOK)
			if n := count(t, s, superSessions); n != 0 {
				t.Errorf("%d sessions", n)
			}
		},
		"with the superuser": func(t *testing.T, s *kerneltest.Server, _, _ string) {
			other := s.Superuser(t)
			want(t, "delete", s.Do(t, "DELETE", superusers+"/records/"+superuserID(t, s), other, nil), http.StatusNoContent)
			if n := count(t, s, superSessions); n != 1 {
				t.Errorf("%d sessions, want the other one's", n)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := set.Start(t)
			allowBackups(t, s)
			cardID := card(t, s, authapi.Ada.ID)
			token := dashboard(t, s)
			id := sid(t, token)
			works(t, s, "before", token, true)
			files := filesOf(t, s, token)
			files("before", http.StatusOK, http.StatusOK)
			stream := s.Connect(t)
			want(t, "subscribe", s.Subscribe(t, stream, token, "cards/"+cardID), http.StatusNoContent)
			end(t, s, token, id)
			works(t, s, "after", token, false)
			files("after", http.StatusNotFound, http.StatusForbidden)
			if err := change(t, s, "cards", cardID, "title", "unheard"); err != nil {
				t.Fatal(err)
			}
			s.End(t, stream)
			if ev, open := stream.Next(t); open && strings.Contains(ev.Data, "unheard") {
				t.Errorf("it still hears %v", ev)
			}
			want(t, "subscribing anew", s.Subscribe(t, s.Connect(t), token, "cards/"+cardID), http.StatusUnauthorized)
			r := s.Do(t, "POST", superusers+"/auth-with-password", token, map[string]any{"identity": alma.Email, "password": alma.Password})
			if strings.HasPrefix(name, "with the ") {
				return
			}
			want(t, "signing in with the dead token in the header", r, http.StatusOK)
		})
	}
}

// allowBackups leaves a backup that can be downloaded.
func allowBackups(t *testing.T, s *kerneltest.Server) {
	t.Helper()
	fsys, err := s.App.NewBackupsFilesystem()
	if err != nil {
		t.Fatal(err)
	}
	defer fsys.Close()
	if err := fsys.Upload([]byte("everything"), "all.zip"); err != nil {
		t.Fatal(err)
	}
}

// filesOf gets a file token and returns a function that checks what it opens: a protected
// picture and a backup.
func filesOf(t *testing.T, s *kerneltest.Server, token string) func(what string, picture, backup int) {
	t.Helper()
	file, err := filesystem.NewFileFromBytes([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"), "me.png")
	if err != nil {
		t.Fatal(err)
	}
	if err := change(t, s, "users", authapi.Ada.ID, "avatar", file); err != nil {
		t.Fatal(err)
	}
	picture := "/api/files/users/" + authapi.Ada.ID + "/" + account(t, s, authapi.Ada.ID).GetString("avatar")
	files, _ := s.Do(t, "POST", "/api/files/token", token, nil).JSON(t)["token"].(string)
	return func(what string, wantPicture, wantBackup int) {
		t.Helper()
		want(t, what+": a picture", s.Do(t, "GET", picture+"?token="+files, "", nil), wantPicture)
		want(t, what+": a backup", s.Do(t, "GET", "/api/backups/all.zip?token="+files, "", nil), wantBackup)
	}
}

func TestSuperusersSeeTheirSessions(t *testing.T) {
	s := set.Start(t)
	one, two := dashboard(t, s), dashboard(t, s)
	other := s.Superuser(t)
	list := s.Do(t, "GET", "/api/auth/sessions", one, nil)
	want(t, "list", list, http.StatusOK, `"totalItems":2`, sid(t, one), sid(t, two), `"address":"127.0.0.1"`)
	for _, item := range list.Items(t) {
		if item["current"] != (item["id"] == sid(t, one)) {
			t.Errorf("%v is the one that asks: %v", item["id"], item["current"])
		}
	}
	want(t, "somebody else's", s.Do(t, "DELETE", "/api/auth/sessions/"+sid(t, other), one, nil), http.StatusNotFound)
	r := s.Do(t, "GET", "/api/collections/"+superSessions+"/records", one, nil)
	want(t, "everybody's in the dashboard", r, http.StatusOK, `"totalItems":3`, superuserID(t, s))
	want(t, "an admin of the clinic", s.As(t, alma, "GET", "/api/collections/"+superSessions+"/records", nil), http.StatusForbidden)
	rows := "/api/collections/" + superSessions + "/records"
	want(t, "one that is made up", s.Do(t, "POST", rows, one, map[string]any{"superuserId": superuserID(t, s), "lastSeen": "2030-01-01 00:00:00Z", "expiresAt": "2030-01-01 00:00:00Z"}), http.StatusForbidden, "session_not_edited")
	want(t, "another address", s.Do(t, "PATCH", rows+"/"+sid(t, one), one, map[string]any{"address": "10.0.0.1"}), http.StatusForbidden, "session_not_edited")
	works(t, s, "the other one", two, true)
}

func TestASuperusersRefreshStaysInItsSession(t *testing.T) {
	s := set.Start(t)
	first := dashboard(t, s)
	life := func(token string) time.Duration {
		exp, _ := claims(t, token)["exp"].(float64)
		return time.Until(time.Unix(int64(exp), 0)).Round(time.Minute)
	}
	if got := life(first); got != 12*time.Hour {
		t.Errorf("it lives for %s, want 12 h", got)
	}
	r := s.Do(t, "POST", superusers+"/auth-refresh", first, nil)
	want(t, "refresh", r, http.StatusOK)
	second, _ := r.JSON(t)["token"].(string)
	if a, b := claims(t, first), claims(t, second); a["exp"] != b["exp"] || a["sid"] != b["sid"] || a["jti"] == b["jti"] {
		t.Errorf("%v became %v, want another token of the same session with the same end", a, b)
	}
	if n := count(t, s, superSessions); n != 1 {
		t.Errorf("%d sessions", n)
	}
	c, err := s.App.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		t.Fatal(err)
	}
	c.AuthToken.Duration = 3600
	if err := s.App.Save(c); err != nil {
		t.Fatal(err)
	}
	if got := life(dashboard(t, s)); got != time.Hour {
		t.Errorf("with the dashboard's own limit a token lives for %s, want 1 h", got)
	}
}

// A token without a session, as an earlier version gave it, is worth nothing.
func TestASuperusersTokenNeedsItsOwnSession(t *testing.T) {
	s := set.Start(t)
	r, err := s.App.FindRecordById(core.CollectionNameSuperusers, superuserID(t, s))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := r.NewAuthToken()
	if err != nil {
		t.Fatal(err)
	}
	works(t, s, "without a session", plain, false)
	allowBackups(t, s)
	files, err := r.NewFileToken()
	if err != nil {
		t.Fatal(err)
	}
	want(t, "a file token without one", s.Do(t, "GET", "/api/backups/all.zip?token="+files, "", nil), http.StatusForbidden)
}

func TestOnlyAPersonsRequestsKeepTheDashboardFromIdlingOut(t *testing.T) {
	s := set.Start(t)
	limitSuperusers(t, s, 15, 12)
	for at, counts := range map[string]bool{
		"GET /api/settings":                    true,
		"GET /api/collections/cards/records":   true,
		"POST " + superusers + "/auth-refresh": false,
		"GET /api/health":                      false, // the page of backups asks for it every 3.5 s
		"POST /api/realtime":                   false,
	} {
		tok := dashboard(t, s)
		seen := time.Now().Add(-14 * time.Minute)
		if err := change(t, s, superSessions, sid(t, tok), "lastSeen", seen); err != nil {
			t.Fatal(err)
		}
		method, path, _ := strings.Cut(at, " ")
		s.Do(t, method, path, tok, nil)
		if err := auth.NoteSeen(s.App); err != nil {
			t.Fatal(err)
		}
		r, err := s.App.FindRecordById(superSessions, sid(t, tok))
		if err != nil {
			t.Fatal(err)
		}
		if noted := r.GetDateTime("lastSeen").Time().After(seen.Add(time.Minute)); noted != counts {
			t.Errorf("%s: counted %v", at, noted)
		}
	}
}

func TestASuperuserIdlesOutInAClinicAndNotInADemo(t *testing.T) {
	s := set.Start(t)
	tok := dashboard(t, s)
	if err := change(t, s, superSessions, sid(t, tok), "lastSeen", time.Now().Add(-11*time.Hour)); err != nil {
		t.Fatal(err)
	}
	works(t, s, "in the demo", tok, true)
	over := dashboard(t, s)
	if err := change(t, s, superSessions, sid(t, over), "expiresAt", time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := auth.DeleteOld(s.App); err != nil {
		t.Fatal(err)
	}
	if n := count(t, s, superSessions); n != 1 {
		t.Errorf("%d sessions are left, want the one that is not over", n)
	}
}

// What PocketBase asks for a second factor is no session yet.
func TestASuperusersUnfinishedSignInLeavesNoSession(t *testing.T) {
	s := set.Start(t)
	c, err := s.App.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		t.Fatal(err)
	}
	c.OTP.Enabled, c.MFA.Enabled = true, true
	if err := s.App.Save(c); err != nil {
		t.Fatal(err)
	}
	r := s.Do(t, "POST", superusers+"/auth-with-password", "", map[string]any{"identity": alma.Email, "password": alma.Password})
	want(t, "the first factor", r, http.StatusUnauthorized, `"mfaId":"`)
	if n := count(t, s, superSessions); n != 0 {
		t.Errorf("%d sessions", n)
	}
	otp := core.NewOTP(s.App)
	otp.SetCollectionRef(c.Id)
	otp.SetRecordRef(superuserID(t, s))
	otp.SetPassword("12345678")
	if err := s.App.Save(otp); err != nil {
		t.Fatal(err)
	}
	r = s.Do(t, "POST", superusers+"/auth-with-otp", "", map[string]any{"otpId": otp.Id, "password": "12345678", "mfaId": r.JSON(t)["mfaId"]})
	want(t, "the second factor", r, http.StatusOK, `"token":"`)
	tok, _ := r.JSON(t)["token"].(string)
	works(t, s, "with both", tok, true)
}

func TestTheCommandListsAndEndsSuperusersSessions(t *testing.T) {
	s := set.Start(t)
	run := func(args ...string) (string, error) {
		c, out := auth.SuperCommand(s.Kernel), &bytes.Buffer{}
		c.SetArgs(args)
		c.SetOut(out)
		c.SetErr(out)
		err := c.Execute()
		return out.String(), err
	}
	one, two, other := dashboard(t, s), dashboard(t, s), s.Superuser(t)
	lists := func(what string, args []string, tokens ...string) {
		t.Helper()
		said, err := run(append([]string{"sessions"}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		for _, tok := range []string{one, two, other} {
			if listed := strings.Contains(said, sid(t, tok)); listed != slices.Contains(tokens, tok) {
				t.Errorf("%s: %s listed: %v\n%s", what, sid(t, tok), listed, said)
			}
		}
	}
	lists("all", nil, one, two, other)
	lists("one superuser's", []string{alma.Email}, one, two)
	if _, err := run("sessions", "end", sid(t, one)); err != nil {
		t.Fatal(err)
	}
	works(t, s, "ended by id", one, false)
	works(t, s, "the other one", two, true)
	lists("what is left", nil, two, other)
	if said, err := run("sessions", "end", alma.Email); err != nil || !strings.Contains(said, "Ended: 1.") {
		t.Errorf("%s %v", said, err)
	}
	works(t, s, "ended by address", two, false)
	works(t, s, "somebody else's", other, true)
	for _, args := range [][]string{{"sessions", "nobody@x.test"}, {"sessions", "end", "nobody@x.test"}, {"sessions", "end", sid(t, one)}} {
		if said, err := run(args...); err == nil {
			t.Errorf("%v: no error: %s", args, said)
		}
	}
}
