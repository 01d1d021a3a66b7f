package audit_test

import (
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/polyclinic-os/polyclinic/modules/audit"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

// ward puts routes such as a clinic's scripts do beside the modules'. The real scripts are
// tested with the real program, in test/abuse.
func ward(app *tests.TestApp) {
	app.OnServe().BindFunc(func(se *core.ServeEvent) error {
		all := func(e *core.RequestEvent) error {
			list, err := e.App.FindAllRecords("patients")
			if err != nil {
				return err
			}
			return e.JSON(200, list)
		}
		se.Router.GET("/api/ward/raw", all)
		se.Router.GET("/ward/page", all)
		se.Router.POST("/ward/ask", all)
		se.Router.GET("/ward/files/{path...}", func(e *core.RequestEvent) error { return e.String(200, "a file") })
		se.Router.GET("/ward/bed/{patient}", func(e *core.RequestEvent) error {
			r, err := e.App.FindRecordById("patients", e.Request.PathValue("patient"))
			if err != nil {
				return e.NotFoundError("", err)
			}
			return e.String(200, r.GetString("name"))
		}).Bind(apis.RequireAuth())
		se.Router.POST("/ward/note/{id}", func(e *core.RequestEvent) error {
			r, err := e.App.FindRecordById("patients", e.Request.PathValue("id"))
			if err != nil {
				return err
			}
			r.Set("notes", "on the ward")
			if err := e.App.Save(r); err != nil {
				return err
			}
			return all(e)
		})
		return se.Next()
	})
}

func TestRoutesOfScriptsLeaveEntries(t *testing.T) {
	s := set.Start(t, ward)
	nia := s.Token(t, as(authapi.Nia))
	const nurse = "users/usernurse000001"
	for _, c := range []struct {
		method, url, token string
		status             int
		want               want
	}{
		{"GET", "/api/ward/raw", nia, 200, want{actor: nurse, action: "read", outcome: "ok", target: "GET /api/ward/raw"}},
		{"GET", "/api/ward/raw", "", 200, want{actor: "guest", action: "read", target: "/api/ward/raw"}},
		{"GET", "/ward/page", nia, 200, want{actor: nurse, action: "read", target: "GET /ward/page"}},
		{"GET", "/ward/page", "", 200, want{actor: "guest", action: "read", target: "/ward/page"}},
		{"HEAD", "/ward/page", nia, 200, want{actor: nurse, action: "read", target: "/ward/page"}},
		{"POST", "/ward/ask", "", 200, want{actor: "guest", action: "do", target: "/ward/ask"}},
		{"GET", "/ward/files/a/b", nia, 200, want{actor: nurse, action: "read", target: "/ward/files/"}},
		{"GET", "/ward/bed/" + patientsapi.Ada, nia, 200, want{actor: nurse, action: "read", target: "/ward/bed/{patient}", patient: patientsapi.Ada, item: "patients/" + patientsapi.Ada}},
		{"GET", "/ward/bed/" + patientsapi.Ada, "", 401, want{actor: "guest", outcome: "refused", patient: patientsapi.Ada}},
		{"GET", "/ward/bed/nobody", nia, 404, want{actor: nurse, outcome: "refused", target: "/ward/bed/"}},
		{"POST", "/ward/note/" + patientsapi.Bob, nia, 200, want{actor: nurse, action: "update", patient: patientsapi.Bob}},
		{"POST", "/ward/note/" + patientsapi.Bob, nia, 200, want{actor: nurse, action: "do", target: "/ward/note/{id}", patient: patientsapi.Bob}},
	} {
		got := since(t, s, func() {
			if r := s.Do(t, c.method, c.url, c.token, nil); r.Status != c.status {
				t.Errorf("%s %s: %d %.200s", c.method, c.url, r.Status, r.Body)
			}
		})
		c.want.among(t, got)
	}
}

func TestWhatShowsNothingLeavesNone(t *testing.T) {
	s := set.Start(t, ward)
	root, alma := superuser(t, s).token, s.Token(t, as(authapi.Alma))
	got := since(t, s, func() {
		for _, token := range []string{"", alma, root} {
			for _, url := range []string{"/_/", "/_/extensions.js", "/api/health", "/api/clinic", "/api/collections/users/auth-methods", "/api/inventory", "/api/doctors", "/favicon.ico"} {
				if r := s.Do(t, "GET", url, token, nil); r.Status >= 500 {
					t.Errorf("%s: %d", url, r.Status)
				}
			}
		}
		s.Do(t, "OPTIONS", "/api/patients", "", nil, "Origin: https://example.org", "Access-Control-Request-Method: GET")
	})
	for _, e := range got {
		if e.Outcome == "ok" {
			t.Errorf("%+v", e)
		}
	}
}

// TestGuestsOfAScriptDoNotFillTheTrail asks more than a minute's worth.
func TestGuestsOfAScriptDoNotFillTheTrail(t *testing.T) {
	s := set.Start(t, ward)
	got := since(t, s, func() {
		for range 40 {
			s.Do(t, "GET", "/ward/page", "", nil)
		}
		for range 2 {
			s.Do(t, "GET", "/api/patients", "", nil)
		}
	})
	reads, refused := 0, 0
	for _, e := range got {
		if e.Action == "read" && e.Outcome == "ok" {
			reads++
		}
		if e.Outcome == "refused" {
			refused++
		}
	}
	if reads != 30 || refused != 2 {
		t.Errorf("%d reads and %d refusals, want 30 and 2", reads, refused)
	}
	for _, e := range audit.Crowd(s.App) {
		if e.Action != "read" || e.Outcome != "ok" || e.Count != 10 || !strings.Contains(e.Why, "30") {
			t.Errorf("%+v", e)
		}
	}
}

func TestWithoutATrailNoScriptShowsAnything(t *testing.T) {
	s := set.Start(t, ward)
	token := s.Token(t, as(authapi.Nia))
	exec(t, open(t, audit.Dir(s.App)), "CREATE TRIGGER full BEFORE INSERT ON entries BEGIN SELECT RAISE(ABORT, 'disk full'); END")
	for _, url := range []string{"/ward/page", "/api/ward/raw"} {
		if r := s.Do(t, "GET", url, token, nil); r.Status != 503 || strings.Contains(r.Body, "Novak") {
			t.Errorf("%s: %d %.200s", url, r.Status, r.Body)
		}
	}
}
