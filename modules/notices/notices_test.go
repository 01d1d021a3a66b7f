package notices_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/notices"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

var modules = []kernel.Module{hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(), notices.Module()}

var (
	set  = &kerneltest.Set{Modules: modules}
	full = &kerneltest.Set{Modules: modules, Full: true}
)

const (
	path       = "/api/notices"
	collection = "/api/collections/notices/records"
)

func as(a authapi.Account) kerneltest.Account {
	return kerneltest.Account{Email: a.Email, Password: a.Password}
}

func days(n int) string { return time.Now().UTC().AddDate(0, 0, n).Format(time.RFC3339) }

func TestWriting(t *testing.T) {
	alma := as(authapi.Alma)
	dates := func(from, to int) string {
		return fmt.Sprintf(`{"title":"T","body":"B","publishAt":%q,"expiresAt":%q}`, days(from), days(to))
	}
	set.Start(t).On(t, []kerneltest.Scenario{
		{Name: "an admin writes one", As: alma, Path: path, Body: `{"title":" Fire drill ","body":"At noon.","pinned":true}`, Want: 201, Has: []string{`"title":"Fire drill"`, `"pinned":true`}, Not: []string{`"publishAt":""`}},
		{Name: "a guest signs in first", Path: path, Body: `{"title":"T","body":"B"}`, Want: 401},
		{Name: "a doctor may not", As: as(authapi.Grace), Path: path, Body: `{"title":"T","body":"B"}`, Want: 403},
		{Name: "nor the desk through the collection", As: as(authapi.Rosa), Path: collection, Body: `{"title":"T","body":"B"}`, Want: 400},
		{Name: "everything missing is named", As: alma, Path: path, Body: `{"title":"  "}`, Want: 400, Has: []string{`"title":{"code":"validation_required"`, `"body":{"code":"validation_required"`}},
		{Name: "also what only the schema refuses", As: alma, Path: path, Body: `{"audience":["visitor"]}`, Want: 400, Has: []string{`"title"`, `"audience":{"code":"validation_invalid_value"`}},
		{Name: "it may not end before it begins", As: alma, Path: path, Body: dates(2, 1), Want: 400, Has: []string{`"expiresAt":{"code":"validation_ends_before_start"`}},
		{Name: "nor in the past when it begins now", As: alma, Path: path, Body: fmt.Sprintf(`{"title":"T","body":"B","expiresAt":%q}`, days(-1)), Want: 400, Has: []string{`"expiresAt"`}},
		{Name: "nor by another path", As: alma, Path: collection, Body: dates(2, 1), Want: 400, Has: []string{`"expiresAt"`}},
		{Name: "nor in a batch", As: alma, Path: "/api/batch", Body: `{"requests":[{"method":"POST","url":"` + collection + `","body":` + dates(2, 1) + `}]}`, Want: 400, Has: []string{`expiresAt`}},
		{Name: "a bad date is named", As: alma, Path: path, Body: `{"title":"T","body":"B","publishAt":"soon"}`, Want: 400, Has: []string{`"publishAt"`}},
	})
}

// audience is a notice and who should see it.
var audiences = []struct {
	body string
	seen []string // roles
}{
	{`{"title":"all","body":"B"}`, []string{"admin", "doctor", "nurse", "staff", "patient"}},
	{`{"title":"wards","body":"B","audience":["doctor","nurse"]}`, []string{"admin", "doctor", "nurse"}},
	{`{"title":"patients","body":"B","audience":["patient"]}`, []string{"admin", "patient"}},
	{`{"title":"admins","body":"B","audience":["admin"]}`, []string{"admin"}},
	{fmt.Sprintf(`{"title":"later","body":"B","publishAt":%q}`, days(1)), []string{"admin"}},
	{fmt.Sprintf(`{"title":"over","body":"B","publishAt":%q,"expiresAt":%q}`, days(-2), days(-1)), []string{"admin"}},
	{fmt.Sprintf(`{"title":"running","body":"B","publishAt":%q,"expiresAt":%q}`, days(-2), days(1)), []string{"admin", "doctor", "nurse", "staff", "patient"}},
}

func TestEachRoleSeesWhatIsMeantForItWhenItIsDue(t *testing.T) {
	s := set.Start(t)
	ids := make([]string, len(audiences))
	for i, n := range audiences {
		r := s.As(t, as(authapi.Alma), "POST", path, n.body)
		if r.Status != 201 {
			t.Fatalf("%s: %d %s", n.body, r.Status, r.Body)
		}
		ids[i] = r.ID(t)
	}
	for _, who := range []authapi.Account{authapi.Alma, authapi.Grace, authapi.Nia, authapi.Rosa, authapi.Ada} {
		listed := map[string]bool{}
		for _, list := range []string{path, collection + "?perPage=100"} {
			for _, item := range s.As(t, as(who), "GET", list, nil).Items(t) {
				listed[item["id"].(string)] = true
			}
		}
		for i, n := range audiences {
			want, code := slices.Contains(n.seen, who.Role), 404
			if want {
				code = 200
			}
			if listed[ids[i]] != want {
				t.Errorf("%s lists %s: %v, want %v", who.Role, n.body, listed[ids[i]], want)
			}
			if r := s.As(t, as(who), "GET", path+"/"+ids[i], nil); r.Status != code {
				t.Errorf("%s reads %s: %d, want %d", who.Role, n.body, r.Status, code)
			}
		}
	}
}

func TestOrderAndEnd(t *testing.T) {
	s := full.Start(t)
	alma := as(authapi.Alma)
	items := s.As(t, alma, "GET", path, nil).Items(t)
	if len(items) < 5 {
		t.Fatalf("the demo has %d notices, want 5 or more", len(items))
	}
	ordered := slices.IsSortedFunc(items, func(a, b map[string]any) int {
		if a["pinned"] != b["pinned"] {
			if a["pinned"] == true {
				return -1
			}
			return 1
		}
		return -slices.Compare([]byte(a["publishAt"].(string)), []byte(b["publishAt"].(string)))
	})
	if !ordered || items[0]["pinned"] != true {
		t.Errorf("want pinned ones first, then the newest: %v", items)
	}
	id := items[0]["id"].(string)
	s.On(t, []kerneltest.Scenario{
		{Name: "a change", As: alma, Method: "PUT", Path: path + "/" + id, Body: `{"pinned":false}`, Want: 200, Has: []string{`"pinned":false`}},
		{Name: "an end ahead of the beginning is refused", As: alma, Method: "PUT", Path: path + "/" + id, Body: fmt.Sprintf(`{"expiresAt":%q}`, days(-30)), Want: 400},
		{Name: "search", As: alma, Method: "GET", Path: path + "?q=generator", Want: 200, Has: []string{`"totalItems":1`}},
		{Name: "a nurse may not delete", As: as(authapi.Nia), Method: "DELETE", Path: path + "/" + id, Want: 403},
		{Name: "an admin does", As: alma, Method: "DELETE", Path: path + "/" + id, Want: 204},
		{Name: "once", As: alma, Method: "DELETE", Path: path + "/" + id, Want: 404},
	})
	if _, err := s.App.FindRecordById("notices", id); err == nil {
		t.Error("a deleted notice is still stored")
	}
}

func TestRealtimeObeysTheAudience(t *testing.T) {
	s := set.Start(t)
	streams := map[string]*kerneltest.Stream{}
	for _, who := range []authapi.Account{authapi.Nia, authapi.Ada} {
		st := s.Connect(t)
		if r := s.Subscribe(t, st, s.Token(t, as(who)), "notices/*"); r.Status != 204 {
			t.Fatalf("subscribe: %d %s", r.Status, r.Body)
		}
		streams[who.Role] = st
	}
	for _, body := range []string{
		`{"title":"for patients","body":"B","audience":["patient"]}`,
		`{"title":"for nurses","body":"B","audience":["nurse"]}`,
	} {
		if r := s.As(t, as(authapi.Alma), "POST", path, body); r.Status != 201 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	}
	for role, want := range map[string]string{"nurse": "for nurses", "patient": "for patients"} {
		if ev, _ := streams[role].Next(t); !strings.Contains(ev.Data, want) {
			t.Errorf("the %s is told first: %s, want %s", role, ev.Data, want)
		}
	}
}
