package records_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/records/recordsapi"
)

// Who wrote a record, changed it, or changed an earlier version of it, stays known.
func TestTheAccountOfAnAuthorIsNotDeleted(t *testing.T) {
	s := set.Start(t)
	url := path + "/" + recordsapi.Ada
	s.As(t, as(authapi.Alma), "PUT", url, `{"diagnosis":"Second"}`)
	s.As(t, as(authapi.Grace), "PUT", url, `{"diagnosis":"Third"}`)
	if r := s.As(t, as(authapi.Alma), "PUT", "/api/users/"+authapi.Nia.ID, `{"role":"admin"}`); r.Status != http.StatusOK { // Alma is not the last one
		t.Fatal(r.Status, r.Body)
	}
	before := s.As(t, as(authapi.Omar), "GET", url+"/history", nil).Body

	accounts, root := "/api/collections/users/records/", s.Superuser(t)
	for _, c := range []struct {
		name, method, path, body, in string
	}{
		{"the author's", "DELETE", accounts + authapi.Grace.ID, "", "medical_records"},
		{"who changed an earlier version", "DELETE", accounts + authapi.Alma.ID, "", "medical_record_versions"},
		{"in a batch", "POST", "/api/batch", `{"requests":[{"method":"DELETE","url":"` + accounts + authapi.Grace.ID + `"}]}`, "medical_records"},
		{"all accounts at once", "DELETE", "/api/collections/users/truncate", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := s.Do(t, c.method, c.path, root, c.body)
			if r.Status < 400 || r.Status >= 500 {
				t.Errorf("got %d, want a refusal: %s", r.Status, r.Body)
			}
			if c.in == "" || c.method == "POST" {
				return
			}
			if r.Status != http.StatusConflict || r.Code("error") != "account_named" || !strings.Contains(r.Body, "named in "+c.in+".") {
				t.Errorf("got %d, want 409 account_named in %s: %s", r.Status, c.in, r.Body)
			}
		})
	}
	if after := s.As(t, as(authapi.Omar), "GET", url+"/history", nil).Body; after != before {
		t.Errorf("the history was\n%s\nand is\n%s", before, after)
	}
	if r := s.Do(t, "DELETE", accounts+authapi.Rosa.ID, root, nil); r.Status != http.StatusNoContent {
		t.Errorf("an account that no record names: got %d %s", r.Status, r.Body)
	}
}
