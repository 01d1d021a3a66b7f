package privacy_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

func runJob(t *testing.T, s *kerneltest.Server, module, job string) error {
	t.Helper()
	for _, m := range s.Kernel.Modules {
		for _, j := range m.Jobs {
			if m.Name == module && j.Name == job {
				return j.Run(s.App)
			}
		}
	}
	t.Fatalf("there is no job %s.%s", module, job)
	return nil
}

func TestTheListLiesOnTheS3ThatHasTheBackups(t *testing.T) {
	s, file := erasedSince(t)
	store, remote := kerneltest.NewBucket(t)
	s.App.Settings().Backups.S3 = remote
	if err := s.App.Save(s.App.Settings()); err != nil {
		t.Fatal(err)
	}
	// The S3 is away when somebody is erased: what could not be written then is in the next one.
	store.Refuse("PUT")
	do(t, s, alma, "POST", "/api/patients/"+patientsapi.Bob+"/erase", `{"reason":"Asked to be forgotten again"}`, 200)
	s.Kernel.Deliver()
	if names := store.Names(); len(names) > 0 {
		t.Fatalf("the bucket has %v", names)
	}
	if err := runJob(t, s, "privacy", "list"); err == nil {
		t.Error("a list that did not arrive was called written")
	}
	store.Refuse("")
	if err := runJob(t, s, "privacy", "list"); err != nil {
		t.Fatal(err)
	}
	fetched := filepath.Join(t.TempDir(), "erasures.json")
	if err := os.WriteFile(fetched, store.Object("erasures.json"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "new")
	if said := kerneltest.MustRun(t, s.Kernel, "restore", file, "--erasures", fetched, "--dir", dir); !strings.Contains(said, "1 erasures are done again") {
		t.Errorf("restore says: %s", said)
	}
	// The restored clinic has none of the three that the S3's list has, and its settings lead there:
	// nothing is forgotten by that.
	dir = filepath.Join(t.TempDir(), "without")
	kerneltest.MustRun(t, s.Kernel, "restore", file, "--erasures", "none", "--dir", dir)
	back := backed.StartOn(t, dir, func(app *tests.TestApp) {
		app.OnServe().BindFunc(func(se *core.ServeEvent) error {
			app.Settings().Backups.S3 = remote
			return se.Next()
		})
	})
	if err := runJob(t, back, "privacy", "list"); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(store.Object("erasures.json"), []byte("patientId")); n != 3 {
		t.Errorf("the list has %d erasures: %s", n, store.Object("erasures.json"))
	}
	// What somebody put in its place is kept aside.
	store.Put("erasures.json", []byte("nonsense"))
	if err := runJob(t, s, "privacy", "list"); err != nil {
		t.Fatal(err)
	}
	names := store.Names()
	if len(names) != 2 || !strings.HasPrefix(names[0], "erasures-aside-") || string(store.Object(names[0])) != "nonsense" || bytes.Count(store.Object("erasures.json"), []byte("patientId")) != 3 {
		t.Errorf("the bucket has %v", names)
	}
}

// snapshot puts a copy of the database where upgrades do.
func snapshot(t *testing.T, dir, name string, made time.Time) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "snapshots"), 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "snapshots", name)
	if err := kernel.CopyDatabase(filepath.Join(dir, "data.db"), path); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, made, made); err != nil {
		t.Fatal(err)
	}
}

func TestCopiesFromBeforeUpgradesDoNotKeepErasedPatients(t *testing.T) {
	s := set.Start(t)
	dir := s.App.DataDir()
	day := 24 * time.Hour
	snapshot(t, dir, "pre-v1-10.db", time.Now().Add(-20*day))
	snapshot(t, dir, "pre-v2-20.db", time.Now().Add(-3*day))
	want := func(when string, names ...string) {
		t.Helper()
		found, err := filepath.Glob(filepath.Join(dir, "snapshots", "*"))
		for i := range found {
			found[i] = filepath.Base(found[i])
		}
		if err != nil || !slices.Equal(found, names) {
			t.Errorf("%s: %v, %v", when, found, err)
		}
	}
	daily := func() {
		t.Helper()
		if err := runJob(t, s, "privacy", "snapshots"); err != nil {
			t.Fatal(err)
		}
	}
	daily()
	want("nobody was erased", "pre-v1-10.db", "pre-v2-20.db")
	do(t, s, alma, "POST", eraseBob, `{"reason":"Asked to be forgotten"}`, 200)
	settled(t, s)
	want("an upgrade of this week can be gone back from", "pre-v2-20.db")
	snapshot(t, dir, "pre-v3-30.db", time.Now().Add(time.Hour))
	daily()
	want("the next day", "pre-v2-20.db", "pre-v3-30.db")
	if err := os.Chtimes(filepath.Join(dir, "snapshots", "pre-v2-20.db"), time.Now(), time.Now().Add(-15*day)); err != nil {
		t.Fatal(err)
	}
	daily()
	want("after two weeks, and what was copied after the erasure stays", "pre-v3-30.db")
}
