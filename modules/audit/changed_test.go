package audit_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/audit"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

// TestOnlyWhatWasChangedIsNamed saves accounts: a password is among the fields of those alone
// whose password was changed.
func TestOnlyWhatWasChangedIsNamed(t *testing.T) {
	s := set.Start(t)
	root := superuser(t, s)
	admin := s.Token(t, as(authapi.Alma))
	url, in := "/api/users/"+authapi.Nia.ID, "/api/collections/users/records/"+authapi.Nia.ID
	for _, c := range []struct {
		method, url, token string
		body               map[string]any
		fields             string
	}{
		{"PUT", url, admin, map[string]any{}, ""},
		{"PUT", url, admin, map[string]any{"status": "active"}, ""},
		{"PUT", url, admin, map[string]any{"name": "Nia Okafor-Lee"}, "name searchText"},
		{"PATCH", in, root.token, map[string]any{"role": "staff"}, "role tokenKey"},
		{"PATCH", in, root.token, map[string]any{"password": "another-long-one-7", "passwordConfirm": "another-long-one-7"}, "password tokenKey"},
		{"PUT", url, admin, map[string]any{}, ""},
	} {
		got := since(t, s, func() {
			if r := s.Do(t, c.method, c.url, c.token, c.body); r.Status != 200 {
				t.Fatalf("%v: %d %s", c.body, r.Status, r.Body)
			}
		})
		n := 0
		for _, e := range got {
			if e.Action != "update" || !slices.Contains(e.Items, "users/"+authapi.Nia.ID) {
				continue
			}
			n++
			slices.Sort(e.Fields)
			if f := strings.Join(e.Fields, " "); f != c.fields {
				t.Errorf("%v changed %q, want %q", c.body, f, c.fields)
			}
		}
		if n == 0 {
			t.Errorf("%v: no update among %+v", c.body, got)
		}
	}
}

// TestSettingsSayWhatWasChanged switches limits off and gives a bucket a secret.
func TestSettingsSayWhatWasChanged(t *testing.T) {
	s := set.Start(t)
	root := superuser(t, s)
	was := s.App.Settings().Meta.AppName
	limited := s.App.Settings().RateLimits.Enabled
	for range 2 { // the second changes nothing
		r := s.Do(t, "PATCH", "/api/settings", root.token, map[string]any{
			"meta": map[string]any{"appName": "St Elsewhere"}, "rateLimits": map[string]any{"enabled": !limited},
			"s3": map[string]any{"enabled": true, "endpoint": "https://s3.example.com", "bucket": "b", "region": "r", "accessKey": "AKEY", "secret": "hidden-one-1"},
		})
		if r.Status != 200 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	}
	r := s.As(t, as(authapi.Alma), "GET", "/api/audit?action=update-settings&actor=_superusers/"+root.id, nil)
	if len(r.Items(t)) != 2 || strings.Contains(r.Body, "hidden-one") || strings.Contains(r.Body, "AKEY") {
		t.Fatal(r.Body)
	}
	e := r.Items(t)[1]
	fields := []any{"meta.appName", "rateLimits.enabled", "s3.accessKey", "s3.bucket", "s3.enabled", "s3.endpoint", "s3.region", "s3.secret"}
	// A server of the tests keeps logs for another while than settings may say.
	if got := slices.DeleteFunc(e["fields"].([]any), func(f any) bool { return f == "logs.maxDays" }); !slices.Equal(got, fields) {
		t.Errorf("fields %v", e["fields"])
	}
	before, after := e["before"].(map[string]any), e["after"].(map[string]any)
	if before["meta.appName"] != was || after["meta.appName"] != "St Elsewhere" || before["rateLimits.enabled"] != limited || after["rateLimits.enabled"] == limited || after["s3.endpoint"] != "https://s3.example.com" {
		t.Errorf("from %v to %v", before, after)
	}
	if e := r.Items(t)[0]; len(e["fields"].([]any)) > 0 || e["after"] != nil {
		t.Errorf("nothing was changed, and the entry says %v", e)
	}
	for _, e := range audit.Entries(t, s.App) {
		if raw, _ := json.Marshal(e); strings.Contains(string(raw), "hidden-one") {
			t.Errorf("%s", raw)
		}
	}
	if said, err := run(s, "verify"); err != nil {
		t.Error(said, err)
	}
}

// TestWhenAPatientWasTakenOffIsKept looks at a hidden field that is no secret.
func TestWhenAPatientWasTakenOffIsKept(t *testing.T) {
	s := set.Start(t)
	if r := s.As(t, as(authapi.Alma), "DELETE", "/api/patients/"+patientsapi.Bob, nil); r.Status != 204 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	items := s.As(t, as(authapi.Alma), "GET", "/api/audit?patient="+patientsapi.Bob+"&actor="+authapi.Alma.ID, nil).Items(t)
	if !slices.ContainsFunc(items, func(e map[string]any) bool {
		after, _ := e["after"].(map[string]any)
		at, _ := after["deletedAt"].(string)
		return at != "" && e["before"].(map[string]any)["deletedAt"] == ""
	}) {
		t.Errorf("%v", items)
	}
}
