package audit_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

// TestAnswersThatModulesPutTogether are of whom somebody else is shown something, though no
// record is in them; every GET is walked beside the matrix.
func TestAnswersThatModulesPutTogether(t *testing.T) {
	t.Setenv("AGORA_APP_ID", strings.Repeat("a1", 16))
	t.Setenv("AGORA_APP_CERTIFICATE", strings.Repeat("b2", 16))
	s := set.Start(t)
	r := s.As(t, as(authapi.Alma), "POST", "/api/auth/invite", map[string]any{"name": "Zoe Quill", "email": "zoe@polyclinic.test", "role": "patient"})
	link, _ := r.JSON(t)["link"].(string)
	_, path, _ := strings.Cut(strings.TrimPrefix(link, "http://"), "/")
	account := r.JSON(t)["record"].(map[string]any)["id"].(string)
	zoe, err := s.App.FindFirstRecordByData("patients", "userId", account)
	if err != nil {
		t.Fatal(err)
	}
	got := since(t, s, func() {
		if r := s.Do(t, "GET", "/"+path, "", nil); r.Status != 200 || !strings.Contains(r.Body, "zoe@polyclinic.test") {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	})
	want{actor: "guest", action: "read", target: "/api/auth/invitation", item: "users/" + account, patient: zoe.Id}.among(t, got)

	got = since(t, s, func() {
		r := s.As(t, as(authapi.Alma), "POST", "/api/video/generate-token", map[string]any{"channelName": appointmentsapi.CastTomorrow, "uid": authapi.Alma.ID, "role": "subscriber"})
		if r.Status != 200 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	})
	want{actor: alma, action: "do", target: "generate-token", item: "appointments/" + appointmentsapi.CastTomorrow, patient: patientsapi.Ada}.among(t, got)

	tomorrow, err := s.App.FindRecordById("appointments", appointmentsapi.CastTomorrow)
	if err != nil {
		t.Fatal(err)
	}
	got = since(t, s, func() {
		r := s.As(t, as(authapi.Nia), "GET", "/api/doctors/"+tomorrow.GetString("doctorId")+"/slots?date="+tomorrow.GetString("appointmentDate"), nil)
		if !strings.Contains(r.Body, authapi.Ada.Name) {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	})
	want{action: "read", target: "slots", item: "appointments/" + appointmentsapi.CastTomorrow, patient: patientsapi.Ada}.among(t, got)
}

func TestABackupThatLeavesIsAnExport(t *testing.T) {
	s := set.Start(t)
	root := superuser(t, s)
	if r := s.Do(t, "POST", "/api/backups", root.token, map[string]any{"name": "all.zip"}); r.Status != 204 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	fileToken := func(token string) string {
		return s.Do(t, "POST", "/api/files/token", token, nil).JSON(t)["token"].(string)
	}
	url := "/api/backups/all.zip?token="
	of := fileToken(root.token)
	got := since(t, s, func() {
		if r := s.Do(t, "GET", url+of, "", nil); r.Status != 200 || len(r.Body) < 1000 {
			t.Fatalf("%d %.300s", r.Status, r.Body)
		}
	})
	want{actor: "_superusers/" + root.id, action: "export", outcome: "ok", target: "/api/backups/", item: "backups/all.zip"}.among(t, got)
	if len(got) != 1 || got[0].Session != root.session {
		t.Errorf("the export is of no session: %+v", got)
	}
	got = since(t, s, func() {
		if r := s.Do(t, "DELETE", "/api/collections/superuser_sessions/records/"+root.session, root.token, nil); r.Status != 204 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	})
	want{actor: "_superusers/" + root.id, target: "superuser_sessions"}.among(t, got)
	got = since(t, s, func() {
		if r := s.Do(t, "GET", url+of, "", nil); r.Status != 403 {
			t.Fatalf("%d %.300s", r.Status, r.Body)
		}
	})
	want{action: "export", outcome: "refused", target: "/api/backups/"}.among(t, got)
	for _, c := range []struct{ token, actor string }{{fileToken(s.Token(t, as(authapi.Alma))), alma}, {"", "guest"}} {
		got = since(t, s, func() {
			if r := s.Do(t, "GET", url+c.token, "", nil); r.Status != 403 {
				t.Fatalf("%d %.300s", r.Status, r.Body)
			}
		})
		want{actor: c.actor, action: "export", outcome: "refused", target: "/api/backups/"}.among(t, got)
	}
}

// TestAMarkIsAboutSomePatients lists patients as a doctor who cares for one of them.
func TestAMarkIsAboutSomePatients(t *testing.T) {
	s := set.Start(t)
	got := since(t, s, func() {
		if r := s.As(t, as(authapi.Omar), "GET", "/api/patients", nil); len(r.Items(t)) < 2 {
			t.Fatal(r.Body)
		}
	})
	want{actor: omar, action: "read", patient: patientsapi.Bob, mark: "outside-care"}.among(t, got)
	marks := func(patient string) (found []any) {
		t.Helper()
		for _, e := range s.As(t, as(authapi.Alma), "GET", "/api/patients/"+patient+"/access-log?perPage=200", nil).Items(t) {
			if e["who"] == authapi.Omar.Name && e["action"] == "read" {
				found = append(found, e["marks"].([]any)...)
			}
		}
		return found
	}
	if m := marks(patientsapi.Ada); !slices.Equal(m, []any{"outside-care"}) {
		t.Errorf("Ada is not under Omar's care, her log has %v", m)
	}
	if m := marks(patientsapi.Bob); len(m) > 0 {
		t.Errorf("Bob is under Omar's care, his log has %v", m)
	}
	items := s.As(t, as(authapi.Alma), "GET", "/api/audit?action=read&actor="+authapi.Omar.ID, nil).Items(t)
	about := items[0]["marked"].(map[string]any)["outside-care"].([]any)
	if slices.Contains(about, any(patientsapi.Bob)) || !slices.Contains(about, any(patientsapi.Ada)) {
		t.Errorf("the entry says %v", items[0]["marked"])
	}
	// Of one patient the mark says it all.
	s.As(t, as(authapi.Omar), "GET", "/api/patients/"+patientsapi.Ada, nil)
	items = s.As(t, as(authapi.Alma), "GET", "/api/audit?action=read&actor="+authapi.Omar.ID, nil).Items(t)
	if len(items[0]["marks"].([]any)) != 1 || len(items[0]["marked"].(map[string]any)) != 0 {
		t.Errorf("%v", items[0])
	}
}

// TestFirstAnswersAreNobodysToRead keeps the copy of a patient that an Idempotency-Key leaves.
func TestFirstAnswersAreNobodysToRead(t *testing.T) {
	s := set.Start(t)
	root := superuser(t, s)
	body := map[string]any{"name": "Zoe Quill", "age": 30}
	key := "Idempotency-Key: one"
	first := s.Do(t, "POST", "/api/patients", s.Token(t, as(authapi.Dana)), body, key)
	if first.Status != 201 {
		t.Fatalf("%d %s", first.Status, first.Body)
	}
	list := "/api/collections/idempotency_keys/records"
	r := s.Do(t, "GET", list, root.token, nil)
	if len(r.Items(t)) != 1 || strings.Contains(r.Body, "Quill") {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	for _, url := range []string{list + "?fields=answer", list + "?fields=*,answer", list + "/" + r.Items(t)[0]["id"].(string) + "?expand=answer"} {
		if r := s.Do(t, "GET", url, root.token, nil); r.Status != 200 || strings.Contains(r.Body, "Quill") {
			t.Errorf("%s: %d %s", url, r.Status, r.Body)
		}
	}
	if again := s.Do(t, "POST", "/api/patients", s.Token(t, as(authapi.Dana)), body, key); again.Status != 201 || again.JSON(t)["id"] != first.JSON(t)["id"] {
		t.Errorf("not the first answer: %d %s", again.Status, again.Body)
	}
}
