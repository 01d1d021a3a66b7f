package smoke

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
)

var reFence = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")

// section returns the README from a heading to the next of the same rank.
func section(t *testing.T, heading string) string {
	t.Helper()
	_, text, found := strings.Cut(read(t, "README.md"), "\n"+heading+"\n")
	if !found {
		t.Fatalf("the README has no %q", heading)
	}
	rank, _, _ := strings.Cut(heading, " ")
	text, _, _ = strings.Cut(text, "\n"+rank+" ")
	return text
}

// blocks returns the fenced blocks of a language.
func blocks(text, language string) (out []string) {
	for _, m := range reFence.FindAllStringSubmatch(text, -1) {
		if m[1] == language {
			out = append(out, m[2])
		}
	}
	return out
}

func TestTheFirstCommandOfTheReadme(t *testing.T) {
	commands := blocks(section(t, "## Try it"), "sh")
	if len(commands) != 2 || strings.TrimSpace(commands[1]) != "make test" {
		t.Fatalf("the README's two commands are %q", commands)
	}
	addr := program.FreeAddress(t)
	words := append(strings.Fields(commands[0]), "--http", addr, "--dir", filepath.Join(t.TempDir(), "pb_data"))
	c := exec.Command(words[0], words[1:]...)
	c.Dir = root
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // go run hands no signal on
	t.Cleanup(func() {
		if c.Process != nil {
			_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) // it may have ended
		}
	})
	s := program.Start(t, c, addr)
	if status, answer := s.Do(t, "GET", "/api/docs", "", ""); status != 200 || !strings.Contains(answer, "<html") {
		t.Errorf("/api/docs: got %d", status)
	}
	if status, _ := s.Do(t, "GET", "/_/", "", ""); status != 200 {
		t.Errorf("/_/: got %d", status)
	}
	rows := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| `([^`]+)` \\| (\\w+)").FindAllStringSubmatch(section(t, "## Try it"), -1)
	if len(rows) != 5 {
		t.Fatalf("the README lists %d accounts", len(rows))
	}
	for _, row := range rows {
		status, answer := s.Do(t, "POST", "/api/auth/login", "", fmt.Sprintf(`{"email":%q,"password":%q}`, row[1], row[2]))
		if status != 200 || !strings.Contains(answer, `"role":"`+row[3]+`"`) {
			t.Errorf("%s: got %d %s", row[1], status, answer)
		}
	}
	if err := syscall.Kill(-s.Process.Pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.Ended(t)
}

func TestTheReadmesCurlCommands(t *testing.T) {
	steps := section(t, "## First steps with curl")
	s := polyclinic.Serve(t, filepath.Join(t.TempDir(), "pb_data"), "--demo")
	var script strings.Builder
	script.WriteString("set -eu -o pipefail\n")
	for i, b := range blocks(steps, "sh") {
		fmt.Fprintf(&script, "echo; echo '== %d'\n%s", i, strings.ReplaceAll(b, documented, s.Addr))
	}
	c := exec.Command("bash", "-c", script.String())
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	answers := strings.Split(string(out), "\n== ")
	wants := 0
	for i, b := range blocks(steps, "sh") {
		for _, m := range regexp.MustCompile(`(?m)^# → (.*)$`).FindAllStringSubmatch(b, -1) {
			wants++
			if !strings.Contains(answers[i+1], m[1]) {
				t.Errorf("step %d does not answer %s but:\n%s", i, m[1], answers[i+1])
			}
		}
	}
	if wants < 3 {
		t.Errorf("only %d answers are checked", wants)
	}
}

// The README shows the files of examples/ward as they are.
func TestTheReadmeShowsTheExamples(t *testing.T) {
	readme := read(t, "README.md")
	marks := regexp.MustCompile("(?ms)^<!-- (examples/\\S+) -->\n```js\n(.*?)^```$").FindAllStringSubmatch(readme, -1)
	if len(marks) != 2 {
		t.Fatalf("the README shows %d files", len(marks))
	}
	for _, m := range marks {
		if m[2] != read(t, m[1]) {
			t.Errorf("the README shows %s otherwise than it is", m[1])
		}
	}
}

func TestTheReadmesConfigurationTable(t *testing.T) {
	const begin, end = "<!-- configuration: written by UPDATE=1 go test ./test/smoke -->\n", "<!-- end -->"
	var table strings.Builder
	for line := range strings.Lines(read(t, "docs/generated/configuration.md")) {
		if strings.HasPrefix(line, "|") {
			table.WriteString(line)
		}
	}
	readme := read(t, "README.md")
	head, rest, found := strings.Cut(readme, begin)
	got, tail, foundEnd := strings.Cut(rest, end)
	if !found || !foundEnd {
		t.Fatal("the README has no place for the table")
	}
	want := "\n" + table.String() + "\n"
	if got == want {
		return
	}
	if os.Getenv("UPDATE") == "" {
		t.Fatal("the README's table is not docs/generated/configuration.md's: run UPDATE=1 go test ./test/smoke")
	}
	if err := os.WriteFile(filepath.Join(root, "README.md"), []byte(head+begin+want+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The commands of the README's table are there.
func TestTheReadmesOtherCommands(t *testing.T) {
	for _, m := range regexp.MustCompile("(?m)^\\| `polyclinic ([a-z]+)(?: ([a-z]+))?").FindAllStringSubmatch(section(t, "## Commands"), -1) {
		args := []string{m[1]}
		if m[2] != "" {
			args = append(args, m[2])
		}
		said, status := polyclinic.Run(t, append(args, "--help")...)
		if status != 0 || !strings.Contains(said, "polyclinic "+strings.Join(args, " ")) {
			t.Errorf("%v: exit status %d\n%s", args, status, said)
		}
	}
}

// The service's command line starts a clinic that asks for its first administrator.
func TestTheReadmesService(t *testing.T) {
	unit := blocks(section(t, "### As a service"), "ini")
	if len(unit) != 1 {
		t.Fatalf("the README has %d units", len(unit))
	}
	m := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/polyclinic (.*)$`).FindStringSubmatch(unit[0])
	if m == nil {
		t.Fatal("the unit starts nothing")
	}
	addr, dir := program.FreeAddress(t), filepath.Join(t.TempDir(), "polyclinic")
	args := strings.Fields(strings.NewReplacer(documented, addr, "/var/lib/polyclinic", dir).Replace(m[1]))
	s := program.Start(t, polyclinic.Command(t, args...), addr)
	if !strings.Contains(s.Said(), "http://"+addr+"/api/auth/setup?token=") {
		t.Errorf("it does not say how the first administrator is made:\n%s", s.Said())
	}
	if _, err := os.Stat(filepath.Join(dir, "pb_data", "data.db")); err != nil {
		t.Error(err)
	}
	if status := s.Stop(t); status != 0 {
		t.Errorf("exit status %d\n%s", status, s.Said())
	}
}
