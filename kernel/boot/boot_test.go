package boot_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
)

// polyclinic is the real program.
var polyclinic program.Program

func TestMain(m *testing.M) {
	os.Exit(program.Test(m, "../..", func(p program.Program) { polyclinic = p },
		"-ldflags", "-X github.com/polyclinic-os/polyclinic/kernel/boot.Version=v9.8.7"))
}

func wantWords(t *testing.T, said string, status, wantStatus int, words ...string) {
	t.Helper()
	if status != wantStatus {
		t.Errorf("exit status %d, want %d", status, wantStatus)
	}
	for _, w := range words {
		if !strings.Contains(said, w) {
			t.Errorf("it does not say %q but:\n%s", w, said)
		}
	}
	if strings.Contains(said, "goroutine ") || strings.Contains(said, "Usage:") {
		t.Errorf("it says too much:\n%s", said)
	}
}

func TestVersion(t *testing.T) {
	said, status := polyclinic.Run(t, "--version")
	wantWords(t, said, status, 0, "polyclinic version v9.8.7")
}

func TestOfflineCommandsNeedNoDataFolder(t *testing.T) {
	for _, name := range []string{"modules", "config", "--version", "--help"} {
		c := polyclinic.Command(t, name)
		if said, status := program.Finish(t, c); status != 0 || said == "" {
			t.Errorf("%s: exit status %d\n%s", name, status, said)
		}
		if left, err := os.ReadDir(c.Dir); err != nil || len(left) > 0 {
			t.Errorf("%s left %v, %v", name, left, err)
		}
	}
}

func TestMistakesOnTheCommandLine(t *testing.T) {
	said, status := polyclinic.Run(t, "nosuch")
	wantWords(t, said, status, 1, `unknown command "nosuch"`)
	said, status = polyclinic.Run(t, "serve", "--demoo", "--dir", t.TempDir())
	wantWords(t, said, status, 1, "unknown flag: --demoo")
	said, status = polyclinic.Run(t, "health", "now")
	wantWords(t, said, status, 1, `unknown command "now"`)
	said, status = polyclinic.Run(t, "serve", "--http", "8090", "--dir", t.TempDir())
	wantWords(t, said, status, 1, "--http takes an address and a port", "127.0.0.1:8090")
	for _, group := range []string{"superuser", "analytics", "admin", "patient", "audit"} {
		said, status = polyclinic.Run(t, group, "verfiy")
		wantWords(t, said, status, 1, `unknown command "verfiy" for "polyclinic `+group+`"`)
		if said, status = polyclinic.Run(t, group); status != 0 || !strings.Contains(said, "Available Commands:") {
			t.Errorf("%s alone: exit status %d\n%s", group, status, said)
		}
	}
	c := polyclinic.Command(t, "modules")
	c.Env = append(os.Environ(), "POLYCLINIC_DISABLE=nosuch")
	said, status = program.Finish(t, c)
	wantWords(t, said, status, 1, `POLYCLINIC_DISABLE names "nosuch", which is not in this build`)
}

// TestACommandThatIsInterruptedSaysSo ends an import that waits for the rest of its file.
func TestACommandThatIsInterruptedSaysSo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bundle.json")
	if err := syscall.Mkfifo(file, 0o600); err != nil {
		t.Fatal(err)
	}
	c := polyclinic.Command(t, "import", "fhir", file, "--dir", filepath.Join(t.TempDir(), "data"))
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	rest, err := os.OpenFile(file, os.O_WRONLY, 0) // it has opened the other end
	if err != nil {
		t.Fatal(err)
	}
	defer rest.Close()
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // its status says more
	wantWords(t, said.String(), c.ProcessState.ExitCode(), 1, "interrupted", "not done")
}

func TestOneServerOnAFolder(t *testing.T) {
	dir := t.TempDir()
	first := polyclinic.Serve(t, dir)
	said, status := polyclinic.Run(t, "serve", "--http", program.FreeAddress(t), "--dir", dir)
	wantWords(t, said, status, 1, "is in use: another Polyclinic (process "+fmt.Sprint(first.Process.Pid)+") is serving it", dir, "--dir")

	// A server that was killed leaves no lock.
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.Ended(t)
	if status := polyclinic.Serve(t, dir).Stop(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

func TestPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	said, status := polyclinic.Run(t, "serve", "--http", l.Addr().String(), "--dir", t.TempDir())
	wantWords(t, said, status, 1, "the port is taken", "--http")
}

func TestAddressOfAnotherMachine(t *testing.T) {
	said, status := polyclinic.Run(t, "serve", "--http", "192.0.2.1:8090", "--behind-proxy", "--dir", t.TempDir()) // RFC 5737: nobody's
	wantWords(t, said, status, 1, "the server cannot listen there", "--http")
}

// TestAnS3ThatCannotBeReached is no address that a server was to listen on.
func TestAnS3ThatCannotBeReached(t *testing.T) {
	dir := t.TempDir()
	polyclinic.Serve(t, dir, "--demo").Stop(t)
	nobody := program.FreeAddress(t)
	_, err := database(t, dir).NewQuery(`UPDATE _params SET value = json_set(value, '$.backups.s3', json({:s3})) WHERE id = 'settings'`).
		Bind(dbx.Params{"s3": `{"enabled":true,"bucket":"b","region":"r","endpoint":"http://` + nobody + `","accessKey":"k","secret":"s","forcePathStyle":true}`}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	c := polyclinic.Command(t, "backup", "--dir", dir)
	c.Env = append(os.Environ(), "POLYCLINIC_BACKUP_RECIPIENT=age1uvvjre0sd7925kna8prm50xxc4rdjm6tz46ema2yh28208xetshswgaf8l")
	said, status := program.Finish(t, c)
	wantWords(t, said, status, 1, nobody+" cannot be reached")
	if strings.Contains(said, "--http") {
		t.Errorf("it blames an address of the server:\n%s", said)
	}
}

// TestADiskThatIsFullElsewhere writes to a device that is always full.
func TestADiskThatIsFullElsewhere(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		return // this system has none
	}
	defer full.Close()
	dir := t.TempDir()
	polyclinic.Serve(t, dir, "--demo").Stop(t)
	c := polyclinic.Command(t, "export", "csv", "patients", "--dir", dir)
	var said bytes.Buffer
	c.Stdout, c.Stderr = full, &said
	_ = c.Run() // its status says more
	wantWords(t, said.String(), c.ProcessState.ExitCode(), 1, "is full: make room there")
	if strings.Contains(said.String(), dir) {
		t.Errorf("it blames the data folder:\n%s", said.String())
	}
}

func TestFolderNotWritable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	c := polyclinic.Command(t, "serve", "--http", program.FreeAddress(t), "--dir", dir)
	asSomebodyElse(t, c, dir)
	said, status := program.Finish(t, c)
	wantWords(t, said, status, 1, "the data folder "+dir+" cannot be written", "--dir")

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{file, filepath.Join(file, "data")} {
		said, status = polyclinic.Run(t, "serve", "--http", program.FreeAddress(t), "--dir", at)
		wantWords(t, said, status, 1, "cannot be written: it is a file", "--dir")
	}
}

func TestFolderThatCannotBeMade(t *testing.T) {
	dir := filepath.Join("/proc", "nope", "data")
	if _, err := os.Stat("/proc/self"); err != nil {
		dir = filepath.Join(t.TempDir(), strings.Repeat("x", 4096)) // longer than any name may be
	}
	for _, command := range [][]string{{"serve", "--http", program.FreeAddress(t)}, {"import", "fhir", "nothing.json"}} {
		said, status := polyclinic.Run(t, append(command, "--dir", dir)...)
		wantWords(t, said, status, 1, "the data folder "+dir+" cannot be made", "--dir")
	}
	if _, err := os.Stat("/proc/self"); err == nil { // a setting that names another folder is not the data folder's fault
		c := polyclinic.Command(t, "serve", "--http", program.FreeAddress(t), "--dir", filepath.Join(t.TempDir(), "data"))
		c.Env = append(os.Environ(), "POLYCLINIC_AUDIT_DIR=/proc/nope")
		said, status := program.Finish(t, c)
		wantWords(t, said, status, 1, "/proc/nope cannot be", "POLYCLINIC_AUDIT_DIR")
		if strings.Contains(said, "--dir") {
			t.Errorf("it blames the data folder:\n%s", said)
		}
	}
}

// asSomebodyElse runs c as nobody where the test runs as root, which may write anywhere.
func asSomebodyElse(t *testing.T, c *exec.Cmd, dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	const nobody = 65534
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	for _, p := range []string{dir, c.Dir} {
		for p = filepath.Dir(p); p != os.TempDir() && p != "/"; p = filepath.Dir(p) {
			if err := os.Chmod(p, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Chmod(c.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestASiteScriptThatIsBroken(t *testing.T) {
	site := t.TempDir()
	if err := os.Mkdir(filepath.Join(site, "pb_hooks"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(site, "pb_hooks", "ward.pb.js"), []byte("nonsense("), 0o600); err != nil {
		t.Fatal(err)
	}
	said, status := polyclinic.Run(t, "serve", "--http", program.FreeAddress(t), "--dir", filepath.Join(site, "pb_data"))
	wantWords(t, said, status, 1, "ward.pb.js")
	said, status = polyclinic.Run(t, "modules", "--dir", filepath.Join(site, "pb_data"))
	wantWords(t, said, status, 0, "kernel")
}

func database(t *testing.T, dir string) *dbx.DB {
	t.Helper()
	db, err := kernel.Connect(filepath.Join(dir, "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestDataOfANewerVersion(t *testing.T) {
	for i, step := range []string{"1999999999_auth_future.go", "1800000000_laboratory_orders.go", "1778900000_of_pocketbase.go"} {
		dir := t.TempDir()
		if status := polyclinic.Serve(t, dir).Stop(t); status != 0 {
			t.Fatalf("exit status %d", status)
		}
		db := database(t, dir)
		if _, err := db.Insert("_migrations", dbx.Params{"file": step, "applied": 1}).Execute(); err != nil {
			t.Fatal(err)
		}
		said, status := polyclinic.Run(t, "serve", "--http", program.FreeAddress(t), "--dir", dir)
		wantWords(t, said, status, 1, "was written by a newer Polyclinic", step, "restore a backup")
		commands := [][]string{{"superuser", "upsert", "root@polyclinic.test", "password-1"}, {"doctor"}, {"backup", "--plain"}, {"check"}, {"export", "csv", "patients"}, {"migrate", "up"}}
		if i > 0 {
			commands = commands[:1]
		}
		for _, args := range commands {
			said, status = polyclinic.Run(t, append(args, "--dir", dir)...)
			wantWords(t, said, status, 1, "was written by a newer Polyclinic", step)
		}

		// A site's own script is no newer version.
		if _, err := db.Update("_migrations", dbx.Params{"file": "1999999999_ward.js"}, dbx.HashExp{"file": step}).Execute(); err != nil {
			t.Fatal(err)
		}
		if status := polyclinic.Serve(t, dir).Stop(t); status != 0 {
			t.Errorf("a site's script: exit status %d", status)
		}
	}
}

func TestDamagedData(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "data.db"), bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	said, status := polyclinic.Run(t, "serve", "--http", program.FreeAddress(t), "--dir", dir)
	wantWords(t, said, status, 1, "is damaged: restore a backup")
}

func TestARealClinicHasNoKnownPassword(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := polyclinic.Serve(t, dir)
	for email, password := range map[string]string{
		"admin@gmail.com": "admin123$#", "user@gmail.com": "user123$#", "doctor@gmail.com": "doctor123$#", "staff@gmail.com": "staff123$#", "nurse@gmail.com": "nurse123$#",
	} {
		body := fmt.Sprintf(`{"identity":%q,"password":%q}`, email, password)
		res, err := http.Post("http://"+s.Addr+"/api/collections/users/auth-with-password", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode == http.StatusOK {
			t.Errorf("%s signs in", email)
		}
	}
	s.Stop(t)
	if strings.Contains(s.Said(), "DEMO") {
		t.Errorf("it speaks of a demo:\n%s", s.Said())
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others may look into the data folder: %v, %v", info.Mode(), err)
	}
}

func TestADemoSaysSoAndTakesNoFolderWithPeople(t *testing.T) {
	dir := t.TempDir()
	for range 2 { // a folder that is a demo stays one, with or without the flag
		s := polyclinic.Serve(t, dir, "--demo")
		s.Stop(t)
		if !strings.Contains(s.Said(), "DEMO: ") {
			t.Errorf("it does not say that it is a demo:\n%s", s.Said())
		}
	}
	s := polyclinic.Serve(t, dir)
	s.Stop(t)
	if !strings.Contains(s.Said(), "DEMO: ") {
		t.Errorf("it does not say that it is a demo:\n%s", s.Said())
	}

	real := t.TempDir()
	polyclinic.Serve(t, real).Stop(t)
	if _, err := database(t, real).Insert("users", dbx.Params{"id": "somebodyreal001", "email": "real@polyclinic.test", "tokenKey": "k", "password": "p"}).Execute(); err != nil {
		t.Fatal(err)
	}
	said, status := polyclinic.Run(t, "serve", "--demo", "--http", program.FreeAddress(t), "--dir", real)
	wantWords(t, said, status, 1, "already holds people", "--dir")
}

func TestAStopLetsRequestsFinish(t *testing.T) {
	s := polyclinic.Serve(t, t.TempDir(), "--demo")

	// A realtime connection, which never ends by itself.
	live, err := http.Get("http://" + s.Addr + "/api/realtime")
	if err != nil {
		t.Fatal(err)
	}
	defer live.Body.Close()

	// A request of which the server has half when it is told to stop.
	conn, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const body = `{"identity":"admin@gmail.com","password":"admin123$#"}`
	fmt.Fprintf(conn, "POST /api/collections/users/auth-with-password HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(body))
	answers := bufio.NewReader(conn)
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") { // the handler is reading
		t.Fatalf("%q, %v", line, err)
	}
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(program.Patience); ; { // stopping has begun when nobody else is let in
		c, err := net.Dial("tcp", s.Addr)
		if err != nil {
			break
		}
		c.Close()
		if time.Now().After(until) {
			t.Fatal("the server goes on listening")
		}
	}
	if _, err := io.Copy(io.Discard, live.Body); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	_, _ = answers.ReadString('\n')       // the end of the 100
	<-time.After(1200 * time.Millisecond) // PocketBase alone would have cut the request off by now
	if _, err := io.WriteString(conn, body); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatalf("the request was cut off: %v", err)
	}
	answer, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("got %s: %s", res.Status, answer)
	}
	if status := s.Ended(t); status != 0 {
		t.Errorf("exit status %d\n%s", status, s.Said())
	}
}

func TestHealth(t *testing.T) {
	s := polyclinic.Serve(t, t.TempDir())
	_, port, _ := net.SplitHostPort(s.Addr)
	for _, addr := range []string{s.Addr, "0.0.0.0:" + port, ":" + port, "localhost:" + port} {
		said, status := polyclinic.Run(t, "health", "--http", addr)
		wantWords(t, said, status, 0, "well")
	}
	s.Stop(t)
	said, status := polyclinic.Run(t, "health", "--http", s.Addr)
	wantWords(t, said, status, 1, "no answer from "+s.Addr)
	said, status = polyclinic.Run(t, "health", "--http", "nonsense")
	wantWords(t, said, status, 1, "--http nonsense")
}

// A script's own paths may lie below the product's. One that is the product's ends the start in words.
func TestASiteScriptsRoutes(t *testing.T) {
	site := t.TempDir()
	dir := filepath.Join(site, "pb_data")
	script := func(lines string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(site, "pb_hooks"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(site, "pb_hooks", "r.pb.js"), []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script(`routerAdd("GET", "/api/patients/mine", (e) => e.json(200, {mine: 1}))`)
	s := polyclinic.Serve(t, dir)
	if status, answer := s.Do(t, "GET", "/api/patients/mine", "", ""); status != 200 || !strings.Contains(answer, `"mine":1`) {
		t.Errorf("got %d %s", status, answer)
	}
	if status := s.Stop(t); status != 0 {
		t.Errorf("stopped with %d", status)
	}
	script(`routerAdd("GET", "/api/patients/{patient}", (e) => e.json(200, {}))`)
	said, status := polyclinic.Run(t, "serve", "--http", program.FreeAddress(t), "--dir", dir)
	wantWords(t, said, status, 1, "GET /api/patients/{patient} takes requests of GET /api/patients/{id}")
}
