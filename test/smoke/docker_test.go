package smoke

import (
	"debug/elf"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
)

// image is what the Dockerfile says, by instruction.
type image map[string][]string

func dockerfile(t *testing.T) image {
	t.Helper()
	out := image{}
	for line := range strings.Lines(strings.ReplaceAll(read(t, "Dockerfile"), "\\\n", " ")) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word != "" && !strings.HasPrefix(word, "#") {
			out[word] = append(out[word], strings.TrimSpace(rest))
		}
	}
	return out
}

// words reads the JSON form of a command.
func words(t *testing.T, text string) (out []string) {
	t.Helper()
	_, list, _ := strings.Cut(text, "[")
	if err := json.Unmarshal([]byte("["+list), &out); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return out
}

// There is no Docker where this is tested: every command of the Dockerfile is run outside,
// with folders and a port of the test's own.
func TestTheDockerfilesCommands(t *testing.T) {
	file := dockerfile(t)
	base := t.TempDir()
	if err := os.Chmod(filepath.Dir(base), 0o755); err != nil { // nonroot passes through
		t.Fatal(err)
	}
	if err := os.Chmod(base, 0o755); err != nil {
		t.Fatal(err)
	}
	addr := program.FreeAddress(t)
	here := strings.NewReplacer("/pb_data", base+"/pb_data", "/polyclinic ", base+"/polyclinic ", "0.0.0.0:8090", addr, documented, addr)
	place := func(word string) string { return strings.TrimSuffix(here.Replace(word+" "), " ") }

	for _, run := range file["RUN"] {
		run = strings.ReplaceAll(run, "-o /polyclinic .", "-o "+base+"/polyclinic .")
		run = strings.ReplaceAll(run, "/polyclinic version --sbom >/", base+"/polyclinic version --sbom >"+base+"/")
		run = strings.ReplaceAll(run, "mkdir -p /pb_data", "mkdir -p "+base+"/pb_data")
		c := exec.Command("sh", "-c", run)
		c.Dir, c.Env = root, append(os.Environ(), "VERSION=v7.7.7")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("RUN %s: %v\n%s", run, err, out)
		}
	}
	binary, err := elf.Open(base + "/polyclinic")
	if err != nil {
		t.Fatal(err)
	}
	defer binary.Close()
	for _, p := range binary.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the binary is not static: the image has no libc")
		}
	}

	command := func(words []string) *exec.Cmd {
		p := program.Program{Path: place(words[0])}
		c := p.Command(t)
		for _, w := range words[1:] {
			c.Args = append(c.Args, place(w))
		}
		asNonroot(t, c, base+"/pb_data")
		return c
	}
	if raw, err := os.ReadFile(base + "/polyclinic.cdx.json"); err != nil || !strings.Contains(string(raw), `"version": "v7.7.7"`) {
		t.Errorf("the image's bill of materials: %v", err)
	}
	entry := words(t, file["ENTRYPOINT"][0])
	said, status := program.Finish(t, command(append(entry, "--version")))
	if status != 0 || !strings.Contains(said, "v7.7.7") {
		t.Errorf("--version: %d %s", status, said)
	}
	_, check, _ := strings.Cut(file["HEALTHCHECK"][0], "CMD ")
	if said, status = program.Finish(t, command(words(t, check))); status != 1 {
		t.Errorf("the health check of no server: %d %s", status, said)
	}
	s := program.Start(t, command(append(entry, words(t, file["CMD"][0])...)), addr)
	if said, status = program.Finish(t, command(words(t, check))); status != 0 {
		t.Errorf("the health check: %d %s", status, said)
	}
	if status := s.Stop(t); status != 0 {
		t.Errorf("exit status %d\n%s", status, s.Said())
	}
	for _, name := range []string{"data.db", "auxiliary.db"} {
		if _, err := os.Stat(filepath.Join(base, "pb_data", name)); err != nil {
			t.Error(err)
		}
	}
}

// asNonroot runs c as the image's user, where the test may.
func asNonroot(t *testing.T, c *exec.Cmd, data string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	const nonroot = 65532 // as the Dockerfile has it
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nonroot, Gid: nonroot}}
	if err := os.Chown(data, nonroot, nonroot); err != nil {
		t.Fatal(err)
	}
	for p := c.Dir; p != os.TempDir() && p != "/"; p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheDockerfileIsPlain(t *testing.T) {
	file := dockerfile(t)
	for instruction, want := range map[string]string{"USER": "65532:65532", "VOLUME": "/pb_data", "EXPOSE": "8090"} {
		if got := strings.Join(file[instruction], " "); got != want {
			t.Errorf("%s %q, want %q", instruction, got, want)
		}
	}
	if from := file["FROM"]; len(from) != 2 || !strings.HasPrefix(from[0], "golang:1.26 ") || from[1] != "scratch" {
		t.Errorf("FROM %q", from)
	}
	ignored := read(t, ".dockerignore")
	for _, name := range []string{".git\n", "**/pb_data\n", "**/node_modules\n"} {
		if !strings.Contains(ignored, name) {
			t.Errorf(".dockerignore lets %s into the image", strings.TrimSpace(name))
		}
	}
}
