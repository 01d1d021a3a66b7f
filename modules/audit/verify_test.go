package audit_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/audit"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

// worked is a server on which reads and writes have left their entries.
func worked(t *testing.T) *kerneltest.Server {
	t.Helper()
	s := set.Start(t)
	for i := range 3 {
		s.As(t, as(authapi.Grace), "PUT", "/api/patients/"+patientsapi.Bob, map[string]any{"notes": fmt.Sprint("n", i)})
		s.As(t, as(authapi.Omar), "GET", "/api/patients/"+patientsapi.Ada, nil)
	}
	if n := s.As(t, as(authapi.Alma), "GET", "/api/audit", nil); n.Status != 200 { // it is indexed
		t.Fatal(n.Body)
	}
	return s
}

// refused verifies the server's folder and wants an error with the words, also of a backup.
func refused(t *testing.T, s *kerneltest.Server, words string) {
	t.Helper()
	if said, err := run(s, "verify"); err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("verify said %q, %v; want an error with %q", said, err, words)
	}
	if err := audit.WholeTrail(s.App.DataDir()); err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("of a backup: %v; want %q", err, words)
	}
}

func data(t *testing.T, s *kerneltest.Server, statements ...string) {
	t.Helper()
	for _, q := range statements {
		if _, err := s.App.NonconcurrentDB().NewQuery(q).Execute(); err != nil {
			t.Fatal(q, err)
		}
	}
}

func indexOf(t *testing.T, s *kerneltest.Server) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(audit.Dir(s.App), "index.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// TestVerifyKnowsWhatDataKnows takes from the trail what nothing in the trail itself shows.
func TestVerifyKnowsWhatDataKnows(t *testing.T) {
	noIndex := func(t *testing.T, s *kerneltest.Server) {
		for _, end := range []string{"", "-wal", "-shm"} {
			if err := os.Remove(filepath.Join(audit.Dir(s.App), "index.db"+end)); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
		}
	}
	cut := func(t *testing.T, s *kerneltest.Server) {
		db := open(t, audit.Dir(s.App))
		exec(t, db, "DROP TRIGGER entries_kept_d")
		exec(t, db, "DELETE FROM entries WHERE seq > 2")
	}
	for _, c := range []struct {
		name, words string
		do          func(*testing.T, *kerneltest.Server)
	}{
		{"the end is cut off", "the end was cut off", func(t *testing.T, s *kerneltest.Server) { noIndex(t, s); cut(t, s) }},
		{"the end is cut off, and the index has it", "the end was cut off", cut},
		{"the folder is gone", "data.db handed it", func(t *testing.T, s *kerneltest.Server) {
			if err := os.RemoveAll(audit.Dir(s.App)); err != nil {
				t.Fatal(err)
			}
		}},
		{"kept values are taken out", "no entry says that they were erased", func(t *testing.T, s *kerneltest.Server) {
			data(t, s, "UPDATE audit_writes SET diff = NULL, salt = NULL")
		}},
		{"their rows are deleted", "no entry says that they were erased", func(t *testing.T, s *kerneltest.Server) {
			data(t, s, "UPDATE audit_writes SET diff = NULL, salt = NULL", "DELETE FROM audit_writes")
		}},
		{"writes that wait are deleted", "that waited", func(t *testing.T, s *kerneltest.Server) {
			data(t, s, "INSERT INTO audit_writes (body) VALUES ('{}')", "INSERT INTO audit_writes (body) VALUES ('{}')", "DROP TRIGGER audit_writes_kept_d", "DELETE FROM audit_writes WHERE id = (SELECT max(id) FROM audit_writes)")
		}},
		{"a patient is taken out of the index", "index says something else", func(t *testing.T, s *kerneltest.Server) {
			exec(t, indexOf(t, s), "DELETE FROM patients WHERE patient = '"+patientsapi.Ada+"'")
		}},
		{"one is put in", "index says something else", func(t *testing.T, s *kerneltest.Server) {
			exec(t, indexOf(t, s), "INSERT INTO patients VALUES ('zzz', 2)")
		}},
		{"an actor is another in the index", "index says something else", func(t *testing.T, s *kerneltest.Server) {
			exec(t, indexOf(t, s), "UPDATE entries SET actor = 'guest' WHERE actor = '"+omar+"'")
		}},
		{"an entry is taken out of the index", "index says something else", func(t *testing.T, s *kerneltest.Server) {
			exec(t, indexOf(t, s), "DELETE FROM entries WHERE seq = 2")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := worked(t)
			if said, err := run(s, "verify"); err != nil {
				t.Fatal(said, err)
			}
			if err := audit.Close(s.App); err != nil { // nothing is copied meanwhile
				t.Fatal(err)
			}
			c.do(t, s)
			refused(t, s, c.words)
		})
	}
}

func TestVerifyWantsATrail(t *testing.T) {
	s := set.Start(t)
	t.Setenv("POLYCLINIC_AUDIT_DIR", filepath.Join(t.TempDir(), "nowhere"))
	if said, err := run(s, "verify"); err == nil {
		t.Errorf("where no trail is: %q", said)
	}
	data(t, s, "DROP TABLE audit_state") // a data folder that tells nothing
	if said, err := run(s, "verify"); err == nil || !strings.Contains(err.Error(), "there is no audit trail in ") {
		t.Errorf("where nothing is: %q, %v", said, err)
	}
	if err := audit.WholeTrail(t.TempDir()); err != nil {
		t.Errorf("a backup of a clinic that was never served: %v", err)
	}
}

func TestWhatIsTakenOffTheIndexsEndIsPutBack(t *testing.T) {
	s := worked(t)
	exec(t, indexOf(t, s), "DELETE FROM entries; DELETE FROM patients; DELETE FROM marks")
	r := s.As(t, as(authapi.Alma), "GET", "/api/audit?action=read&actor=userdoctor00002", nil)
	if len(r.Items(t)) != 3 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if said, err := run(s, "verify"); err != nil {
		t.Error(said, err)
	}
}

// TestAGapStaysKnown loses a trail as a whole: the next start begins another one, which is in
// order by itself.
func TestAGapStaysKnown(t *testing.T) {
	s := worked(t)
	if err := audit.Close(s.App); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(audit.Dir(s.App)); err != nil {
		t.Fatal(err)
	}
	back := again(t, s.App.DataDir())
	gap := func() (codes []string) {
		for _, c := range kernel.All[kernel.Check](back.Kernel) {
			if c.Name == "audit" {
				for _, f := range c.Run(back.App) {
					if f.Code == "audit_gap" {
						codes = append(codes, f.Text)
					}
				}
			}
		}
		return codes
	}
	if said, err := run(back, "verify"); err == nil || !strings.Contains(err.Error(), "entry 1, ") || !strings.Contains(err.Error(), "it lacks writes 1 to ") {
		t.Errorf("%q, %v", said, err)
	}
	file := filepath.Join(t.TempDir(), "trail.jsonl")
	if said, err := run(back, "export", file); err != nil {
		t.Fatal(said, err)
	}
	if said, err := run(back, "verify", "--file", file); err == nil || !strings.Contains(err.Error(), "GAP") {
		t.Errorf("%q, %v", said, err)
	}
	if found := gap(); len(found) != 1 || !strings.Contains(found[0], "entry 1)") {
		t.Errorf("the check finds %q", found)
	}
	if err := audit.WholeTrail(back.App.DataDir()); err != nil {
		t.Errorf("a backup of it cannot be restored: %v", err)
	}
	if said, err := run(back, "verify", "--known-gaps", "1"); err != nil || !strings.Contains(said, "a known gap: entry 1, ") {
		t.Errorf("%q, %v", said, err)
	}
	t.Setenv("POLYCLINIC_AUDIT_KNOWN_GAPS", "7, 1")
	if said, err := run(back, "verify"); err != nil || !strings.Contains(said, "a known gap: entry 1, ") || len(gap()) > 0 {
		t.Errorf("%q, %v, %v", said, err, gap())
	}
	t.Setenv("POLYCLINIC_AUDIT_KNOWN_GAPS", "all")
	if said, err := run(back, "verify"); err == nil || len(gap()) != 1 {
		t.Errorf("%q, %v", said, err)
	}
}

// TestVerifyBesideManyWriters raises no false alarm.
func TestVerifyBesideManyWriters(t *testing.T) {
	s := set.Start(t)
	token := s.Token(t, as(authapi.Grace))
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			s.Do(t, "PUT", "/api/patients/"+patientsapi.Bob, token, map[string]any{"notes": fmt.Sprint("n", i)})
			s.Do(t, "GET", "/api/patients", token, nil)
		}
	}()
	for range 20 {
		if said, err := run(s, "verify"); err != nil {
			t.Error(said, err)
		}
	}
	close(stop)
	<-done
}

// TestATrailWhoseWritesAreAllElsewhere has only reads since the last archive.
func TestATrailWhoseWritesAreAllElsewhere(t *testing.T) {
	s := worked(t)
	audit.Entries(t, s.App)
	if err := audit.Rotate(s.App); err != nil {
		t.Fatal(err)
	}
	if err := audit.Close(s.App); err != nil {
		t.Fatal(err)
	}
	if said, err := run(s, "archive", filepath.Join(t.TempDir(), "cold"), "--before", "2999-01-01"); err != nil || !strings.Contains(said, "entries 1 to ") {
		t.Fatal(said, err)
	}
	if said, err := run(s, "verify"); err != nil {
		t.Error(said, err)
	}
	back := again(t, s.App.DataDir())
	for _, e := range audit.Entries(t, back.App) {
		if e.Action == "trail-lost" {
			t.Errorf("%+v", e)
		}
	}
	if said, err := run(back, "verify"); err != nil {
		t.Error(said, err)
	}
}
