package hooks_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

// Findings 9, 10, 27 and 28.
func TestBackDoorsOfTheDashboardAreShut(t *testing.T) {
	s := set.Start(t)
	token := superuser(t, s)
	for _, c := range []struct {
		method, path string
		body         any
		want         int
	}{
		{"POST", "/api/sql", `{"query":"DELETE FROM things"}`, 404},
		{"POST", "/api/sql/", `{"query":"DELETE FROM things"}`, 404},
		{"POST", "/API/SQL", `{"query":"DELETE FROM things"}`, 404},
		{"POST", "/api/collections/users/impersonate/userpatient0001", `{"duration":1000}`, 404},
		{"POST", "/api/collections/USERS/impersonate/userpatient0001", nil, 404},
		{"POST", "/api/backups/any.zip/restore", nil, 404},
		{"POST", "/api/backups/upload", nil, 404},
		{"DELETE", "/api/collections/things/truncate", nil, 403},
		{"DELETE", "/api/collections/THINGS/truncate", nil, 403},
	} {
		wantStatus(t, c.method+" "+c.path, s.Do(t, c.method, c.path, token, c.body), c.want)
	}
	if n := count(t, s, "things"); n != 3 {
		t.Errorf("%d rows", n)
	}
}

func TestTheDashboardCannotEditWhatModulesDeclare(t *testing.T) {
	s := set.Start(t)
	token := superuser(t, s)
	things := s.Do(t, "GET", "/api/collections/things", token, nil).JSON(t)
	fields, _ := things["fields"].([]any)
	without := func(name string) (out []any) {
		for _, f := range fields {
			if f.(map[string]any)["name"] != name {
				out = append(out, f)
			}
		}
		return out
	}
	renamed := func() (out []any) {
		for _, f := range fields {
			c := map[string]any{}
			for k, v := range f.(map[string]any) {
				c[k] = v
			}
			if c["name"] == "note" {
				c["name"] = "x_note"
			}
			out = append(out, c)
		}
		return out
	}
	for _, c := range []struct {
		name string
		body map[string]any
		want int
	}{
		{"open a rule", map[string]any{"listRule": ""}, 403},
		{"change a rule", map[string]any{"updateRule": "id != ''"}, 403},
		{"close a rule", map[string]any{"viewRule": nil}, 403},
		{"rename it", map[string]any{"name": "stuff"}, 403},
		{"drop a field", map[string]any{"fields": without("note")}, 403},
		{"rename a field", map[string]any{"fields": renamed()}, 403},
		{"add a field of any name", map[string]any{"fields": append(without(""), map[string]any{"name": "ward", "type": "text"})}, 403},
		{"add a site's field", map[string]any{"fields": append(without(""), map[string]any{"name": "x_ward", "type": "text"})}, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantStatus(t, "by name", s.Do(t, "PATCH", "/api/collections/things", token, c.body), c.want)
		})
	}
	wantStatus(t, "drop it", s.Do(t, "DELETE", "/api/collections/things", token, nil), http.StatusForbidden)
	wantStatus(t, "import over it", s.Do(t, "PUT", "/api/collections/import", token, map[string]any{"collections": []any{things}}), http.StatusForbidden)
	wantStatus(t, "import over it under its id", s.Do(t, "PUT", "/api/collections/import", token, map[string]any{"collections": []any{map[string]any{"id": things["id"], "name": "stuff", "type": "base"}}}), http.StatusForbidden)
	wantStatus(t, "import over it under another name", s.Do(t, "PUT", "/api/collections/import", token, map[string]any{"collections": []any{map[string]any{"id": "pbc_0000000001", "name": "THINGS", "type": "base"}}}), http.StatusForbidden)
	wantStatus(t, "import and drop the rest", s.Do(t, "PUT", "/api/collections/import", token, map[string]any{"deleteMissing": true, "collections": []any{map[string]any{"name": "site", "type": "base"}}}), http.StatusForbidden)

	// The site's field is there, can be written and asked for, and outlives a start.
	if err := s.Kernel.Reconcile(s.App); err != nil {
		t.Fatal(err)
	}
	s.On(t, []kerneltest.Scenario{
		{Name: "the site's field is written", As: alma, Path: path, Body: `{"name":"bed","x_ward":"North"}`, Want: 201, Has: []string{`"x_ward":"North"`}},
		{Name: "and asked for", As: alma, Method: "GET", Path: path + "?filter=x_ward='North'", Want: 200, Has: []string{`"totalItems":1`}},
	})
}

// A view is SQL that runs past every rule.
func TestTheDashboardMakesNoViews(t *testing.T) {
	s := set.Start(t)
	token := superuser(t, s)
	view := map[string]any{"name": "v_usr", "type": "view", "viewQuery": "SELECT id, email, tokenKey FROM users", "listRule": ""}
	wantStatus(t, "a trial run", s.Do(t, "POST", "/api/collections/meta/dry-run-view", token, map[string]any{"query": view["viewQuery"]}), http.StatusForbidden)
	r := s.Do(t, "POST", "/api/collections", token, view)
	wantStatus(t, "make one", r, http.StatusForbidden)
	if !strings.Contains(r.Body, "view_is_sql") || !strings.Contains(r.Body, "pb_migrations") {
		t.Errorf("got %s", r.Body)
	}
	wantStatus(t, "import one", s.Do(t, "PUT", "/api/collections/import", token, map[string]any{"collections": []any{view}}), http.StatusForbidden)

	// A site's migrations run with full rights.
	made := core.NewViewCollection("v_things")
	made.ViewQuery = "SELECT id, name FROM things"
	if err := s.App.Save(made); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, "read one that a migration made", s.Do(t, "GET", "/api/collections/v_things/records", token, nil), http.StatusOK)
	for name, body := range map[string]map[string]any{"another query": {"viewQuery": view["viewQuery"]}, "open it": {"listRule": ""}} {
		wantStatus(t, name, s.Do(t, "PATCH", "/api/collections/v_things", token, body), http.StatusForbidden)
	}
	for name, ref := range map[string]map[string]any{"by name": {"name": "v_things"}, "by id": {"id": made.Id, "name": "v_other"}} {
		ref["viewQuery"] = view["viewQuery"]
		wantStatus(t, "import over it "+name, s.Do(t, "PUT", "/api/collections/import", token, map[string]any{"collections": []any{ref}}), http.StatusForbidden)
	}
	wantStatus(t, "a collection of the site's own", s.Do(t, "POST", "/api/collections", token, map[string]any{"name": "wards", "type": "base"}), http.StatusOK)
	wantStatus(t, "drop the view", s.Do(t, "DELETE", "/api/collections/v_things", token, nil), http.StatusNoContent)
}

// changedField returns the fields of a collection, one of them with other options.
func changedField(t *testing.T, s *kerneltest.Server, token, collection, field string, options map[string]any) map[string]any {
	t.Helper()
	fields, _ := s.Do(t, "GET", "/api/collections/"+collection, token, nil).JSON(t)["fields"].([]any)
	for _, f := range fields {
		if f := f.(map[string]any); f["name"] == field {
			maps.Copy(f, options)
			return map[string]any{"fields": fields}
		}
	}
	t.Fatalf("%s has no field %s", collection, field)
	return nil
}

func TestTheDashboardCannotOpenFieldsOrDropIndexes(t *testing.T) {
	s := set.Start(t)
	token := superuser(t, s)
	patch := func(name, collection string, body map[string]any, want int) {
		t.Helper()
		wantStatus(t, name, s.Do(t, "PATCH", "/api/collections/"+collection, token, body), want)
	}
	for _, c := range []struct {
		name, collection, field string
		options                 map[string]any
	}{
		{"files without rules", "things", "scan", map[string]any{"protected": false}},
		{"files of any type", "things", "scan", map[string]any{"mimeTypes": []any{"text/html"}, "maxSize": 1 << 30}},
		{"what is hidden", "things", "hidden", map[string]any{"hidden": false}},
		{"secrets of authenticators", "authenticators", "secret", map[string]any{"hidden": false}},
		{"what must be there", "things", "name", map[string]any{"required": false}},
		{"more values", "users", "role", map[string]any{"values": []any{"admin", "doctor", "nurse", "staff", "patient", "owner"}}},
		{"rows that go along", "things", "ownerId", map[string]any{"cascadeDelete": true}},
	} {
		patch(c.name, c.collection, changedField(t, s, token, c.collection, c.field, c.options), 403)
	}
	patch("what was read, sent back", "things", changedField(t, s, token, "things", "scan", nil), 200)
	index := "CREATE INDEX `idx_things_owner` ON `things` (`ownerId`)"
	patch("no indexes", "things", map[string]any{"indexes": []any{}}, 403)
	patch("another one in its place", "things", map[string]any{"indexes": []any{"CREATE INDEX `idx_things_owner` ON `things` (`note`)"}}, 403)
	patch("a constraint on a module's field", "things", map[string]any{"indexes": []any{index, "CREATE UNIQUE INDEX `idx_x` ON `things` (`name`)"}}, 403)
	for name, rule := range map[string]string{"who manages accounts": "manageRule", "who signs in": "authRule"} {
		patch(name, "users", map[string]any{rule: "id != ''"}, 403)
	}

	// The clinic's own fields and their indexes are the clinic's.
	own := func(f map[string]any) map[string]any {
		body := changedField(t, s, token, "things", "name", nil)
		return map[string]any{"fields": append(body["fields"].([]any), f)}
	}
	patch("a file of its own that anyone could fetch", "things", own(map[string]any{"name": "x_photo", "type": "file"}), 403)
	patch("a protected one", "things", own(map[string]any{"name": "x_photo", "type": "file", "protected": true}), 200)
	patch("opened later", "things", changedField(t, s, token, "things", "x_photo", map[string]any{"protected": false}), 403)
	wards := map[string]any{"type": "relation", "name": "x_w", "collectionId": s.Do(t, "POST", "/api/collections", token, map[string]any{"name": "wards", "type": "base"}).JSON(t)["id"], "maxSelect": 1}
	along := maps.Clone(wards)
	along["cascadeDelete"] = true
	patch("a relation that rows go along with", "things", own(along), 403)
	patch("one that they do not", "things", own(wards), 200)
	patch("made so later", "things", changedField(t, s, token, "things", "x_w", map[string]any{"cascadeDelete": true}), 403)
	patch("a text", "things", own(map[string]any{"name": "x_bed", "type": "text"}), 200)
	patch("with other options", "things", changedField(t, s, token, "things", "x_bed", map[string]any{"max": 20}), 200)
	patch("that takes a module's name", "things", changedField(t, s, token, "things", "x_bed", map[string]any{"name": "bed"}), 403)
	patch("its index", "things", map[string]any{"indexes": []any{index, "CREATE INDEX `idx_x` ON `things` (`x_bed`)"}}, 200)
	patch("and without it", "things", map[string]any{"indexes": []any{index}}, 200)

	// How accounts sign in is changed in the dashboard.
	patch("one-time passwords and MFA", "users", map[string]any{"otp": map[string]any{"enabled": true}, "mfa": map[string]any{"enabled": true}}, 200)
	patch("a mail", "users", map[string]any{"resetPasswordTemplate": map[string]any{"subject": "Your password", "body": "<p>{APP_URL}/{TOKEN}</p>"}}, 200)
	patch("shorter tokens", "users", map[string]any{"authToken": map[string]any{"duration": 3600}}, 200)
	if err := s.Kernel.Reconcile(s.App); err != nil {
		t.Errorf("the next start is refused: %v", err)
	}
}

// With a secret of one's own choice one signs in as anybody.
func TestNobodyChoosesWhatTokensAreSignedWith(t *testing.T) {
	s := set.Start(t)
	token := superuser(t, s)
	secret := strings.Repeat("x", 50)
	for _, kind := range []string{"authToken", "passwordResetToken", "emailChangeToken", "verificationToken", "fileToken"} {
		wantStatus(t, kind, s.Do(t, "PATCH", "/api/collections/users", token, map[string]any{kind: map[string]any{"secret": secret}}), http.StatusOK)
	}
	c, err := s.App.FindCollectionByNameOrId("users")
	if err != nil {
		t.Fatal(err)
	}
	for _, config := range []core.TokenConfig{c.AuthToken, c.PasswordResetToken, c.EmailChangeToken, c.VerificationToken, c.FileToken} {
		if config.Secret == secret || len(config.Secret) < 30 {
			t.Errorf("got %q", config.Secret)
		}
	}
}

// Rules that were changed behind the server's back are code again at the next start.
func TestRulesAreRestoredAtTheStart(t *testing.T) {
	s := set.Start(t)
	c, err := s.App.FindCollectionByNameOrId("things")
	if err != nil {
		t.Fatal(err)
	}
	want := *c.ListRule
	open := ""
	c.ListRule, c.DeleteRule = &open, nil
	if err := s.App.Save(c); err != nil {
		t.Fatal(err)
	}
	if err := s.Kernel.Reconcile(s.App); err != nil {
		t.Fatal(err)
	}
	if c, err = s.App.FindCollectionByNameOrId("things"); err != nil || *c.ListRule != want || c.DeleteRule == nil {
		t.Errorf("got %v, delete %v, %v", *c.ListRule, c.DeleteRule, err)
	}
}

// So are files that a script opened and indexes that it dropped: the server starts.
func TestFilesAndIndexesAreMendedAtTheStart(t *testing.T) {
	s := set.Start(t)
	c, err := s.App.FindCollectionByNameOrId("things")
	if err != nil {
		t.Fatal(err)
	}
	c.Fields.GetByName("scan").(*core.FileField).Protected = false
	c.Fields.Add(&core.FileField{Name: "x_photo"})
	c.Indexes = nil
	if err := s.App.Save(c); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second start finds nothing to do
		if err := s.Kernel.Reconcile(s.App); err != nil {
			t.Fatal(err)
		}
	}
	if c, err = s.App.FindCollectionByNameOrId("things"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"scan", "x_photo"} {
		if !c.Fields.GetByName(name).(*core.FileField).Protected {
			t.Errorf("anyone can fetch %s", name)
		}
	}
	if len(c.Indexes) != 1 || !strings.Contains(c.Indexes[0], "ownerId") {
		t.Errorf("got %v", c.Indexes)
	}
}

// Nor does a row of a module go with one that a clinic's own relation names.
func TestCascadesAreMendedAtTheStart(t *testing.T) {
	s := set.Start(t)
	wards := core.NewBaseCollection("wards")
	open := ""
	wards.DeleteRule = &open
	if err := s.App.Save(wards); err != nil {
		t.Fatal(err)
	}
	ward := core.NewRecord(wards)
	if err := s.App.Save(ward); err != nil {
		t.Fatal(err)
	}
	c, err := s.App.FindCollectionByNameOrId("things")
	if err != nil {
		t.Fatal(err)
	}
	c.Fields.Add(&core.RelationField{Name: "x_ward", CollectionId: wards.Id, MaxSelect: 1, CascadeDelete: true})
	if err := s.App.Save(c); err != nil {
		t.Fatal(err)
	}
	if err := s.Kernel.Reconcile(s.App); err != nil {
		t.Fatal(err)
	}
	id := s.As(t, alma, "POST", path, map[string]any{"name": "bed", "x_ward": ward.Id}).JSON(t)["id"].(string)
	wantStatus(t, "anybody deletes the ward", s.Do(t, "DELETE", "/api/collections/wards/records/"+ward.Id, "", nil), http.StatusNoContent)
	r := s.As(t, alma, "GET", path+"/"+id, nil)
	if r.Status != http.StatusOK || r.JSON(t)["x_ward"] != "" {
		t.Errorf("the bed: %d %s", r.Status, r.Body)
	}
}
