package audit_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/audit"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

// run runs `polyclinic audit` with arguments on the server's data folder.
func run(s *kerneltest.Server, args ...string) (said string, err error) {
	var out bytes.Buffer
	c := audit.Command(s.Kernel)
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetOut(&out)
	c.SetArgs(args)
	err = c.Execute()
	return out.String(), err
}

func TestTheCommandVerifies(t *testing.T) {
	anchors := filepath.Join(t.TempDir(), "anchors")
	t.Setenv("POLYCLINIC_AUDIT_ANCHORS", anchors)
	s := set.Start(t)
	s.As(t, as(authapi.Grace), "PUT", "/api/patients/"+patientsapi.Ada, map[string]any{"notes": "n"})
	audit.Entries(t, s.App)
	audit.Anchor(s.App)
	said, err := run(s, "verify")
	if err != nil || !strings.Contains(said, "whole: ") || !strings.Contains(said, "1 anchors agree") {
		t.Fatal(said, err)
	}
	file := filepath.Join(t.TempDir(), "trail.jsonl.gz")
	if said, err = run(s, "export", file); err != nil {
		t.Fatal(said, err)
	}
	if _, err := run(s, "export", file); err == nil {
		t.Error("a file was overwritten")
	}
	if info, _ := os.Stat(file); info.Mode().Perm() != 0o600 {
		t.Error(info.Mode())
	}
	if said, err = run(s, "verify", "--file", file, "--anchors", anchors); err != nil || !strings.Contains(said, "1 anchors agree") {
		t.Error(said, err)
	}

	db := open(t, audit.Dir(s.App))
	exec(t, db, "DROP TRIGGER entries_kept_u")
	exec(t, db, "UPDATE entries SET body = body || ' ' WHERE seq = 2")
	if said, err = run(s, "verify"); err == nil || !strings.Contains(err.Error(), "BROKEN at entry 2") {
		t.Error(said, err)
	}
	if said, err = run(s, "verify", "--file", file); err != nil {
		t.Error(said, err)
	}
	if _, err = run(s, "verify", "--file", anchors); err == nil || !strings.Contains(err.Error(), "no exported audit trail") {
		t.Error(err)
	}
}

func TestAnExportOfTheTrailIsInIt(t *testing.T) {
	s := set.Start(t)
	got := since(t, s, func() {
		if said, err := run(s, "export", filepath.Join(t.TempDir(), "trail.jsonl")); err != nil {
			t.Fatal(said, err)
		}
	})
	want{action: "export", target: "audit trail", outcome: "ok"}.among(t, got)
	if said, err := run(s, "verify"); err != nil {
		t.Error(said, err)
	}
}

// TestAnExportThatCannotBeEnteredIsNone has the trail's table refuse what is put into it.
func TestAnExportThatCannotBeEnteredIsNone(t *testing.T) {
	s := set.Start(t)
	data(t, s, "CREATE TRIGGER full BEFORE INSERT ON audit_writes BEGIN SELECT RAISE(ABORT, 'disk full'); END")
	file := filepath.Join(t.TempDir(), "trail.jsonl")
	if said, err := run(s, "export", file); err == nil || !strings.Contains(err.Error(), "nothing was exported") {
		t.Error(said, err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("there is a file")
	}
	if said, err := run(s, "export"); err == nil || said != "" {
		t.Errorf("%q, %v", said, err)
	}
}

func TestAFindingSaysWhereNoAnchorCouldBeSet(t *testing.T) {
	t.Setenv("POLYCLINIC_AUDIT_ANCHORS", filepath.Join(t.TempDir(), "away", "anchors.txt"))
	s := set.Start(t)
	audit.Anchor(s.App)
	if f := finding(s, "audit_not_anchored"); !strings.Contains(f.Text, "anchors.txt") {
		t.Errorf("no finding names the place: %+v", f)
	}
}

// finding returns what the trail's check has found by that code.
func finding(s *kerneltest.Server, code string) kernel.Finding {
	for _, c := range kernel.All[kernel.Check](s.Kernel) {
		if c.Name != "audit" {
			continue
		}
		for _, f := range c.Run(s.App) {
			if f.Code == code {
				return f
			}
		}
	}
	return kernel.Finding{}
}

func TestAFindingSaysThatTheTrailIsGone(t *testing.T) {
	s := worked(t)
	audit.Entries(t, s.App)
	if f := finding(s, "audit_gone"); f.Code != "" {
		t.Errorf("beside a trail: %+v", f)
	}
	if err := errors.Join(audit.Close(s.App), os.RemoveAll(audit.Dir(s.App))); err != nil {
		t.Fatal(err)
	}
	if f := finding(s, "audit_gone"); f.Level != kernel.Alarm || !strings.Contains(f.Text, audit.Dir(s.App)) {
		t.Errorf("%+v", f)
	}
	// Where no server has run since an import there is none yet.
	data(t, s, "UPDATE audit_state SET epoch = 'new+' || (SELECT seq FROM sqlite_sequence WHERE name = 'audit_writes')")
	if f := finding(s, "audit_gone"); f.Code != "" {
		t.Errorf("of a clinic that was only imported: %+v", f)
	}
}

// TestAServerEndsBeforeItHasTakenOverAnImport leaves many writes waiting: they are on the disk,
// and the next server goes on with them.
func TestAServerEndsBeforeItHasTakenOverAnImport(t *testing.T) {
	s := set.Start(t)
	audit.Entries(t, s.App)
	waiting := func() (n int) {
		t.Helper()
		if err := s.App.DB().NewQuery("SELECT count(*) FROM audit_writes WHERE body IS NOT NULL").Row(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const many = 60_000
	data(t, s, fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO audit_writes (body) SELECT '{"v":1,"at":"2026-01-02T03:04:05.678Z","req":"' || i || '","actor":"command import fhir","action":"create","outcome":"ok","items":["patients/p' || i || '"]}' FROM n`, many))
	for waiting() > many-1000 { // it has begun
		time.Sleep(time.Millisecond)
	}
	if err := s.App.OnTerminate().Trigger(&core.TerminateEvent{App: s.App}, func(*core.TerminateEvent) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if waiting() == 0 {
		t.Error("it took all of them over first")
	}
	back := again(t, s.App.DataDir())
	if said, err := run(back, "verify"); err != nil {
		t.Error(said, err)
	}
	audit.Entries(t, back.App)
	if said, err := run(back, "verify"); err != nil {
		t.Error(said, err)
	}
}

func TestTheCommandArchives(t *testing.T) {
	s := set.Start(t)
	token := s.Token(t, as(authapi.Grace))
	for range 2 {
		s.Do(t, "GET", "/api/patients", token, nil)
		audit.Entries(t, s.App)
		if err := audit.Rotate(s.App); err != nil {
			t.Fatal(err)
		}
	}
	s.Do(t, "GET", "/api/patients", token, nil)
	if err := audit.Close(s.App); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "cold")
	if said, err := run(s, "archive", to); err != nil || !strings.Contains(said, "no closed segment is that old") {
		t.Fatal(said, err)
	}
	said, err := run(s, "archive", to, "--before", "2999-01-01")
	if err != nil || strings.Count(said, "entries ") != 2 {
		t.Fatal(said, err)
	}
	files, _ := filepath.Glob(filepath.Join(to, "trail-*.db"))
	if len(files) != 2 {
		t.Fatal(files)
	}
	if said, err = run(s, "verify"); err != nil || !strings.Contains(said, "are elsewhere") {
		t.Error(said, err)
	}
	left, _ := filepath.Glob(filepath.Join(audit.Dir(s.App), "trail-*.db"))
	if said, err = run(s, "verify", "--file", strings.Join(append(files, left...), ",")); err != nil || !strings.Contains(said, ", 1 to ") {
		t.Error(said, err)
	}
	// A server goes on with what is left.
	back := again(t, s.App.DataDir())
	back.As(t, as(authapi.Grace), "GET", "/api/patients", nil)
	if said, err = run(back, "verify"); err != nil {
		t.Error(said, err)
	}
}

// TestVerifyNamesAnchorsThatAreAway takes the anchors that the trail was to be compared with.
func TestVerifyNamesAnchorsThatAreAway(t *testing.T) {
	away := filepath.Join(t.TempDir(), "mnt")
	if err := os.Mkdir(away, 0o700); err != nil {
		t.Fatal(err)
	}
	anchors := filepath.Join(away, "anchors.txt")
	t.Setenv("POLYCLINIC_AUDIT_ANCHORS", anchors)
	s := set.Start(t)
	audit.Anchor(s.App)
	if said, err := run(s, "verify"); err != nil {
		t.Fatal(said, err)
	}
	whole, err := os.ReadFile(anchors)
	if err != nil {
		t.Fatal(err)
	}
	export := filepath.Join(t.TempDir(), "trail.jsonl")
	if said, err := run(s, "export", export); err != nil {
		t.Fatal(said, err)
	}
	for name, text := range map[string]string{"none": "", "a comment": "# none yet\n", "other text": "hello\n", "text without an end": "hello", "text after an anchor": string(whole) + "hello\n"} {
		if err := os.WriteFile(anchors, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"verify"}, {"verify", "--file", export, "--anchors", anchors}} {
			if said, err := run(s, args...); err == nil || !strings.Contains(err.Error(), "anchors.txt") {
				t.Errorf("%s: %v said %q, %v", name, args, said, err)
			}
		}
	}
	// What a crash left of the last line is no anchor yet.
	if err := os.WriteFile(anchors, append(whole, whole[:30]...), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := run(s, "verify"); err != nil || !strings.Contains(said, "1 anchors agree") {
		t.Error(said, err)
	}
	// The next one begins a line of its own.
	s.As(t, as(authapi.Omar), "GET", "/api/patients/"+patientsapi.Ada, nil)
	audit.Anchor(s.App)
	if said, err := run(s, "verify"); err != nil || !strings.Contains(said, "2 anchors agree") {
		t.Error("after what a crash left:", said, err)
	}
	if err := os.Remove(anchors); err != nil {
		t.Fatal(err)
	}
	if said, err := run(s, "verify"); err == nil || !strings.Contains(err.Error(), "anchors.txt") || !strings.Contains(said, "whole: ") {
		t.Error("the file is gone:", said, err)
	}
	if err := os.Remove(away); err != nil {
		t.Fatal(err)
	}
	if said, err := run(s, "verify"); err == nil || !strings.Contains(err.Error(), "anchors.txt") {
		t.Error("its folder is gone:", said, err)
	}
}
