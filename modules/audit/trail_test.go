package audit_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/audit"
	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

// open opens the segment that grows, as somebody beside the server could.
func open(t *testing.T, dir string) *sql.DB {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "trail-*.db"))
	db, err := sql.Open("sqlite", "file:"+files[len(files)-1]+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func exec(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

func TestWithoutATrailNothingIsShown(t *testing.T) {
	s := set.Start(t)
	token, root := s.Token(t, as(authapi.Grace)), superuser(t, s)
	db := open(t, audit.Dir(s.App))
	exec(t, db, "CREATE TRIGGER full BEFORE INSERT ON entries BEGIN SELECT RAISE(ABORT, 'disk full'); END")
	for _, c := range []struct{ method, url, token string }{
		{"GET", "/api/patients", token}, {"GET", "/api/patients/" + patientsapi.Ada, token},
		{"GET", "/api/collections/patients/records", token}, {"GET", "/api/collections/patients/records", root.token},
		{"GET", "/api/medical-records/" + patientsapi.Ada, token}, {"GET", "/api/patients/" + patientsapi.Ada + "/access-log", root.token},
		{"POST", "/api/collections/users/auth-refresh", token}, {"GET", "/api/billing/none00000000001", token},
		{"GET", "/api/settings", root.token},
	} {
		r := s.Do(t, c.method, c.url, c.token, nil)
		if r.Status != 503 || r.Code("error") != "audit_unavailable" || strings.Contains(r.Body, "Novak") {
			t.Errorf("%s %s: got %d: %s", c.method, c.url, r.Status, r.Body)
		}
	}
	if r := s.Do(t, "GET", "/api/clinic", "", nil); r.Status != 200 {
		t.Errorf("what has no patients: got %d", r.Status)
	}
	var found []kernel.Finding
	for _, c := range kernel.All[kernel.Check](s.Kernel) {
		if c.Name == "audit" {
			found = c.Run(s.App)
		}
	}
	if len(found) == 0 || found[0].Level != kernel.Alarm {
		t.Errorf("no alarm: %v", found)
	}
	exec(t, db, "DROP TRIGGER full")
	if r := s.Do(t, "GET", "/api/patients", token, nil); r.Status != 200 {
		t.Errorf("it does not recover: %d %s", r.Status, r.Body)
	}
}

func TestAWriteWithoutItsEntryIsUndone(t *testing.T) {
	s := set.Start(t)
	if _, err := s.App.NonconcurrentDB().NewQuery("CREATE TRIGGER full BEFORE INSERT ON audit_writes BEGIN SELECT RAISE(ABORT, 'disk full'); END").Execute(); err != nil {
		t.Fatal(err)
	}
	url := "/api/patients/" + patientsapi.Ada
	if r := s.As(t, as(authapi.Grace), "PUT", url, map[string]any{"notes": "unseen"}); r.Status < 500 {
		t.Errorf("got %d: %s", r.Status, r.Body)
	}
	if r := s.As(t, as(authapi.Grace), "GET", url, nil); r.Status != 200 || strings.Contains(r.Body, "unseen") {
		t.Errorf("it was written: %s", r.Body)
	}
}

func TestManyClientsAtOnceLeaveAWholeTrail(t *testing.T) {
	s := set.Start(t)
	token := s.Token(t, as(authapi.Grace))
	before := len(audit.Entries(t, s.App))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				s.Do(t, "GET", "/api/patients/"+patientsapi.Ada, token, nil)
				s.Do(t, "PUT", "/api/patients/"+patientsapi.Bob, token, map[string]any{"notes": "n"})
			}
		})
	}
	wg.Wait()
	if n := len(audit.Entries(t, s.App)) - before; n != 160 {
		t.Errorf("%d entries, want 160", n)
	}
	if err := audit.WholeTrail(s.App.DataDir()); err != nil {
		t.Error(err)
	}
}

// again starts a server on a copy of a data folder.
func again(t *testing.T, dir string) *kerneltest.Server {
	t.Helper()
	return set.StartOn(t, dir)
}

func TestCrashBetweenTheTrailAndTheData(t *testing.T) {
	s := set.Start(t)
	s.As(t, as(authapi.Grace), "PUT", "/api/patients/"+patientsapi.Bob, map[string]any{"notes": "n"})
	before := len(audit.Entries(t, s.App))
	// As if the process had ended after the chain's commit and before data.db's.
	if _, err := s.App.NonconcurrentDB().NewQuery("DROP TRIGGER audit_writes_kept_u").Execute(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE audit_writes SET body = '{}'").Execute(); err != nil {
		t.Fatal(err)
	}
	if n := len(audit.Entries(t, s.App)); n != before {
		t.Errorf("%d writes were copied twice", n-before)
	}
}

func TestTheRightNamesForWhoWritesOutsideOfRequests(t *testing.T) {
	s := set.Start(t)
	got := since(t, s, func() {
		err := s.App.RunInTransaction(func(tx core.App) error {
			for _, id := range []string{patientsapi.Ada, patientsapi.Bob} {
				r, err := tx.FindRecordById("patients", id)
				if err != nil {
					return err
				}
				r.Set("notes", "by a job")
				if err := tx.Save(r); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	want{actor: "system", action: "update", patient: patientsapi.Ada}.among(t, got)
	// The cast was written before a server ran: one entry sums up what a command made.
	list := audit.Entries(t, s.App)
	want{action: "create", item: "patients/" + patientsapi.Ada, patient: patientsapi.Ada}.among(t, list)
	for _, e := range list {
		if e.Writes > 1 && len(e.Items) < 2 {
			t.Errorf("%+v", e)
		}
	}
}

func TestABackupHoldsAWholeTrail(t *testing.T) {
	s := set.Start(t)
	s.As(t, as(authapi.Grace), "PUT", "/api/patients/"+patientsapi.Bob, map[string]any{"notes": "n"})
	audit.Entries(t, s.App)
	to := t.TempDir()
	if _, err := s.App.NonconcurrentDB().NewQuery("VACUUM INTO '" + filepath.Join(to, "data.db") + "'").Execute(); err != nil {
		t.Fatal(err)
	}
	if err := audit.CopyTrail(s.App, to); err != nil {
		t.Fatal(err)
	}
	if err := audit.WholeTrail(to); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(to, "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db, "DROP TRIGGER audit_writes_kept_u")
	exec(t, db, "UPDATE audit_writes SET diff = replace(diff, '\"n\"', '\"m\"')")
	db.Close()
	if err := audit.WholeTrail(to); err == nil || !strings.Contains(err.Error(), "values before and after") {
		t.Errorf("a changed value was not noticed: %v", err)
	}
}

func TestARestoredCopyIsNoted(t *testing.T) {
	s := set.Start(t)
	audit.Entries(t, s.App)
	old := filepath.Join(t.TempDir(), "old")
	if err := os.MkdirAll(old, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := s.App.NonconcurrentDB().NewQuery("VACUUM INTO '" + filepath.Join(old, "data.db") + "'").Execute(); err != nil {
		t.Fatal(err)
	}
	s.As(t, as(authapi.Grace), "PUT", "/api/patients/"+patientsapi.Bob, map[string]any{"notes": "lost"})
	audit.Entries(t, s.App)
	if err := audit.CopyTrail(s.App, old); err != nil {
		t.Fatal(err)
	}
	back := again(t, old)
	list := audit.Entries(t, back.App)
	want{actor: "system", action: "restored"}.among(t, list)
	back.As(t, as(authapi.Grace), "PUT", "/api/patients/"+patientsapi.Bob, map[string]any{"notes": "anew"})
	audit.Entries(t, back.App)
	if r, err := chain.Verify(chain.Folder(audit.Dir(back.App)), nil, true, nil); err != nil || r.Problem != nil {
		t.Error(r, err)
	}
}

func TestALostTrailIsNoted(t *testing.T) {
	s := set.Start(t)
	audit.Entries(t, s.App)
	alone := t.TempDir()
	if _, err := s.App.NonconcurrentDB().NewQuery("VACUUM INTO '" + filepath.Join(alone, "data.db") + "'").Execute(); err != nil {
		t.Fatal(err)
	}
	want{actor: "system", action: "trail-lost"}.among(t, audit.Entries(t, again(t, alone).App))
}

// TestEveryCollectionIsThoughtOf fails for a collection of patients' data that leaves no
// entry when it is read.
func TestEveryCollectionIsThoughtOf(t *testing.T) {
	s := set.Start(t)
	var all []*core.Collection
	if err := s.App.CollectionQuery().All(&all); err != nil {
		t.Fatal(err)
	}
	exempt := map[string]bool{}
	for _, name := range audit.WithoutPatients() {
		exempt[name] = true
		if _, err := s.App.FindCollectionByNameOrId(name); err != nil {
			t.Errorf("there is no collection %s", name)
		}
	}
	patients, _ := s.App.FindCollectionByNameOrId("patients")
	for _, c := range all {
		for _, f := range c.Fields {
			if rel, ok := f.(*core.RelationField); ok && exempt[c.Name] && rel.CollectionId == patients.Id {
				t.Errorf("%s has patients' data and leaves no entry", c.Name)
			}
		}
	}
}
