package backup_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

// grow makes every copy so much older, as far as the data folder knows.
func grow(t *testing.T, s *kerneltest.Server, by time.Duration) {
	t.Helper()
	for _, name := range []string{"state.json", "chain.json"} {
		path := filepath.Join(s.App.DataDir(), ".copies", name)
		var v map[string]any
		if err := json.Unmarshal(read(t, path), &v); err != nil {
			t.Fatal(err)
		}
		older(v, by)
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		overwrite(t, path, raw)
	}
}

func older(v any, by time.Duration) {
	switch v := v.(type) {
	case []any:
		for _, inner := range v {
			older(inner, by)
		}
	case map[string]any:
		for k, inner := range v {
			older(inner, by)
			text, _ := inner.(string)
			if at, err := time.Parse(time.RFC3339Nano, text); err == nil && at.Year() > 1 {
				v[k] = at.Add(-by).Format(time.RFC3339Nano)
			}
		}
	}
}

// tick runs the job of every minute.
func tick(t *testing.T, s *kerneltest.Server) error {
	t.Helper()
	for _, m := range s.Kernel.Modules {
		for _, j := range m.Jobs {
			if m.Name == "backup" && j.Name == "step" {
				return j.Run(s.App)
			}
		}
	}
	t.Fatal("no such job")
	return nil
}

func mustTick(t *testing.T, s *kerneltest.Server) {
	t.Helper()
	if err := tick(t, s); err != nil {
		t.Fatal(err)
	}
}

func TestTheServerMakesStepsAndKeepsAnHourOfThem(t *testing.T) {
	to := elsewhere(t)
	s := set.Start(t)
	token := s.Token(t, grace)
	mustTick(t, s)
	if bases, steps := copies(t, to); len(bases)+len(steps) > 0 {
		t.Errorf("nobody asked for them: %v %v", bases, steps)
	}
	t.Setenv("POLYCLINIC_BACKUP_EVERY", "5m")
	mustTick(t, s)
	mustTick(t, s) // not due
	if bases, steps := copies(t, to); len(bases) != 1 || len(steps) != 0 {
		t.Fatalf("there are %v, %v", bases, steps)
	}
	for i := range 20 {
		grow(t, s, 5*time.Minute)
		write(s, t, token, fmt.Sprint("entry ", i))
		mustTick(t, s)
	}
	bases, steps := copies(t, to)
	if len(bases) != 1 || len(steps) != 12 {
		t.Fatalf("there are %v, and %d steps", bases, len(steps))
	}
	// A day later there is another base; the former stays while a step of it does.
	grow(t, s, 23*time.Hour)
	mustTick(t, s)
	after, steps := copies(t, to)
	if len(after) != 2 || len(steps) != 3 {
		t.Fatalf("there are %v, %v", after, steps)
	}
	kerneltest.MustRun(t, s.Kernel, "backup", "verify", steps[0])
	for i := range 3 {
		grow(t, s, 30*time.Minute)
		write(s, t, token, fmt.Sprint("later ", i))
		mustTick(t, s)
	}
	last, steps := copies(t, to)
	if !slices.Equal(last, after[1:]) || len(steps) != 3 {
		t.Errorf("there are %v, %v", last, steps)
	}
	for _, f := range append(last, steps...) {
		kerneltest.MustRun(t, s.Kernel, "backup", "verify", f)
	}
}

func TestCopiesInTheClearStayHere(t *testing.T) {
	to := t.TempDir()
	s := set.Start(t)
	beginFactor(t, s)
	t.Setenv("POLYCLINIC_BACKUP_EVERY_TO", to)
	refused(t, s.Kernel, "has to be encrypted", "backup", "step")
	t.Setenv("POLYCLINIC_BACKUP_EVERY_TO", "")
	s.App.Settings().Backups.S3.Enabled = true
	refused(t, s.Kernel, "has to be encrypted", "backup", "step")
	s.App.Settings().Backups.S3.Enabled = false
	kerneltest.MustRun(t, s.Kernel, "backup", "step")
	own := filepath.Join(s.App.DataDir(), "backups", "copies")
	beginFactor(t, s)
	if said := kerneltest.MustRun(t, s.Kernel, "backup", "verify", newest(t, s, own)); !strings.Contains(said, "NOT IN IT") {
		t.Errorf("the key of second factors lies in the clear: %s", said)
	}
	sealed(t)
	t.Setenv("POLYCLINIC_BACKUP_EVERY_TO", filepath.Join(to, "not mounted"))
	refused(t, s.Kernel, "mount its disk", "backup", "step")
}

func TestWhatTheCheckFindsOfCopies(t *testing.T) {
	s := set.Start(t)
	want := func(what, w string) {
		t.Helper()
		var list []string
		for _, c := range kernel.All[kernel.Check](s.Kernel) {
			if c.Name != "copies" {
				continue
			}
			for _, f := range c.Run(s.App) {
				list = append(list, string(f.Level)+" "+f.Code)
			}
		}
		if got := strings.Join(list, ", "); got != w {
			t.Errorf("%s: got %s, want %s", what, got, w)
		}
	}
	want("nothing is set", "")
	to := elsewhere(t)
	want("there is a place", "note copies_off")
	t.Setenv("POLYCLINIC_BACKUP_EVERY", "often")
	want("no time", "risk copies_every")
	t.Setenv("POLYCLINIC_BACKUP_EVERY", "5m")
	want("none yet", "note copies_none, risk copies_same_disk")
	mustTick(t, s)
	want("a base", "risk copies_same_disk")
	grow(t, s, 14*time.Minute)
	want("a while", "risk copies_same_disk")
	t.Setenv("POLYCLINIC_BACKUP_EVERY_TO", filepath.Join(to, "away"))
	if tick(t, s) == nil {
		t.Error("it copied to nowhere")
	}
	t.Setenv("POLYCLINIC_BACKUP_EVERY_TO", to)
	want("one failed", "risk copies_failed, risk copies_same_disk")
	grow(t, s, 2*time.Minute)
	want("all fail", "alarm copies_old, risk copies_same_disk")
	write(s, t, s.Token(t, grace), "one")
	grow(t, s, 5*time.Minute)
	mustTick(t, s)
	want("again", "risk copies_same_disk")
	bases, _ := copies(t, to)
	overwrite(t, filepath.Join(to, "copy_20200101000000000-abcdef_base.tar.gz.age"), read(t, bases[0]))
	grow(t, s, 25*time.Hour)
	mustTick(t, s)
	want("of another folder", "risk copies_same_disk, note copies_strange")
	key := os.Getenv("POLYCLINIC_BACKUP_RECIPIENT")
	t.Setenv("POLYCLINIC_BACKUP_RECIPIENT", "")
	want("no key", "alarm copies_plain, risk copies_same_disk, note copies_strange")
	t.Setenv("POLYCLINIC_BACKUP_RECIPIENT", key)
	if _, err := os.Stat(filepath.Join(to, "copy_20200101000000000-abcdef_base.tar.gz.age")); err != nil {
		t.Error("what another folder made was removed")
	}
}

func TestAStepIsOpenedByItselfOnceForEachBase(t *testing.T) {
	to := elsewhere(t)
	s := trailed.Start(t)
	t.Setenv("POLYCLINIC_BACKUP_EVERY", "5m")
	token := s.Token(t, grace)
	next := func(text string) {
		t.Helper()
		grow(t, s, 5*time.Minute)
		write(s, t, token, text)
		mustTick(t, s)
	}
	mustTick(t, s)
	next("one")
	findings := func() string {
		t.Helper()
		look(t, s)
		var codes []string
		for _, c := range kernel.All[kernel.Check](s.Kernel) {
			if c.Name != "copies" {
				continue
			}
			for _, f := range c.Run(s.App) {
				if f.Code != "copies_same_disk" {
					codes = append(codes, string(f.Level)+" "+f.Code)
				}
			}
		}
		return strings.Join(codes, ", ")
	}
	wantFound(t, "a whole one", findings(), "")
	next("two")
	_, steps := copies(t, to)
	flipFile(t, steps[len(steps)-1])
	wantFound(t, "a later step of the same base", findings(), "")
	// A base that rots is noticed, and replaced within the hour.
	grow(t, s, 24*time.Hour)
	next("three")
	next("four")
	bases, _ := copies(t, to)
	flipFile(t, bases[len(bases)-1])
	wantFound(t, "a base that rotted", findings(), "alarm copies_not_whole")
	grow(t, s, time.Hour)
	next("five")
	next("six")
	if after, _ := copies(t, to); slices.Equal(after, bases) {
		t.Errorf("there are %v", after)
	}
	wantFound(t, "a new base", findings(), "")
	// A server that cannot open its own copies looks through the base before it is encrypted.
	t.Setenv("POLYCLINIC_BACKUP_IDENTITY", "")
	if err := os.RemoveAll(filepath.Join(s.App.DataDir(), ".copies")); err != nil {
		t.Fatal(err)
	}
	mustTick(t, s)
	next("seven")
	wantFound(t, "sealed", findings(), "note copies_strange") // those of before
	if err := os.RemoveAll(filepath.Join(s.App.DataDir(), "audit")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(s.App.DataDir(), ".copies")); err != nil {
		t.Fatal(err)
	}
	mustTick(t, s)
	if got := findings(); !strings.HasPrefix(got, "alarm copies_not_whole") {
		t.Errorf("a trail that was cut off: %s", got)
	}
}
