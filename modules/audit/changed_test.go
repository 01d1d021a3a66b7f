package audit_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
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
