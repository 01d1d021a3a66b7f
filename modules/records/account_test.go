package records_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

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

// Neither does plain SQL delete it, of a script or of another program; and the trigger that says
// so stands in the way of no change of the schema.
func TestPlainSQLDeletesNoAccountOfAnAuthor(t *testing.T) {
	s := set.Start(t)
	s.As(t, as(authapi.Alma), "PUT", path+"/"+recordsapi.Ada, `{"diagnosis":"Second"}`)
	s.As(t, as(authapi.Omar), "PUT", path+"/"+recordsapi.Ada, `{"diagnosis":"Third"}`)
	remove := func(id string) error {
		_, err := s.App.NonconcurrentDB().NewQuery("DELETE FROM users WHERE id = {:id}").Bind(map[string]any{"id": id}).Execute()
		return err
	}
	refused := func(what, id string) {
		t.Helper()
		if err := remove(id); err == nil || !strings.Contains(err.Error(), "polyclinic:account_named") {
			t.Errorf("%s: %v", what, err)
		}
	}
	schema := func(change func(*core.Collection)) {
		t.Helper()
		c, err := s.App.FindCollectionByNameOrId("medical_records")
		if err != nil {
			t.Fatal(err)
		}
		if change(c); s.App.Save(c) != nil {
			t.Fatal("the schema cannot be changed")
		}
	}
	refused("the author's", authapi.Grace.ID)
	refused("who changed an earlier version", authapi.Alma.ID)
	_, err := s.App.NonconcurrentDB().NewQuery("INSERT OR REPLACE INTO users SELECT * FROM users WHERE id = {:id}").Bind(map[string]any{"id": authapi.Grace.ID}).Execute()
	if err == nil || !strings.Contains(err.Error(), "polyclinic:account_named") {
		t.Errorf("by a REPLACE: %v", err)
	}

	users, err := s.App.FindCollectionByNameOrId("users")
	if err != nil {
		t.Fatal(err)
	}
	schema(func(c *core.Collection) {
		c.Fields.Add(&core.RelationField{Name: "x_reviewers", CollectionId: users.Id, MaxSelect: 3})
	})
	if r := s.As(t, as(authapi.Grace), "PUT", path+"/"+recordsapi.Ada, map[string]any{"x_reviewers": []string{authapi.Nia.ID, authapi.Rosa.ID}}); r.Status != http.StatusOK {
		t.Fatal(r.Status, r.Body)
	}
	refused("in the clinic's own field", authapi.Rosa.ID)
	schema(func(c *core.Collection) { c.Fields.RemoveByName("x_reviewers") })
	refused("the author's, after that", authapi.Grace.ID)
	if err := remove(authapi.Rosa.ID); err != nil {
		t.Errorf("whom nothing names any more: %v", err)
	}
}
