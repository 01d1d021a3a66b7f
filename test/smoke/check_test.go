package smoke

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
)

// Another process than the server, with the same data folder.
func TestCheckSaysWhatOnlyTheServerSees(t *testing.T) {
	dir := t.TempDir()
	s := polyclinic.Serve(t, dir, "--demo")
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	said, _ := polyclinic.Run(t, "check", "--dir", dir)
	if strings.Contains(said, "proxy_undeclared") || strings.Contains(said, "demo_reachable") || !strings.Contains(said, "folder_readable") {
		t.Errorf("ahead of any proxy:\n%s", said)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest("GET", s.URL+"/api/clinic", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Forwarded-For", "203.0.113.7")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	for _, state := range []string{"while it runs", "after it has ended"} {
		said, status := polyclinic.Run(t, "check", "--dir", dir)
		for _, code := range []string{"proxy_undeclared", "demo_reachable"} {
			if n := strings.Count(said, "("+code+")"); n != 1 || status != 1 {
				t.Errorf("%s: %s is said %d times, exit status %d:\n%s", state, code, n, status, said)
			}
		}
		if !strings.Contains(said, "The server found this") {
			t.Errorf("%s: not how old it is:\n%s", state, said)
		}
		if strings.Contains(said, "folder_readable") {
			t.Errorf("%s: what was set right is said:\n%s", state, said)
		}
		if state == "while it runs" {
			s.Stop(t)
		}
	}
}

// What is set and does not do what somebody meant is named, without its value.
func TestCheckNamesSettingsThatDoNothing(t *testing.T) {
	dir := t.TempDir()
	polyclinic.Serve(t, dir).Stop(t)
	c := polyclinic.Command(t, "check", "--dir", dir)
	c.Env = append(os.Environ(), "POLYCLINIC_BACKUP_WEEKLY=many", "POLYCLINIC_BACKUP_PASSPHRASE=x7q", "AGORA_APP_ID=abc", "AGORA_APP_CERTIFICATE=zzz", "POLYCLINIC_ANALYTICS_URL=mysql://hidden@there", "POLYCLINIC_SITE_ID=a b", "POLYCLINIC_ANALYTICS_EXTRA=maybe", "POLYCLINIC_BACKUP_EVERY_TO="+dir, "POLYCLINIC_DISABEL=video")
	said, status := program.Finish(t, c)
	for _, name := range []string{"POLYCLINIC_BACKUP_WEEKLY must be", "POLYCLINIC_BACKUP_PASSPHRASE is too short", "AGORA_APP_ID must be 32", "AGORA_APP_CERTIFICATE must be 32", "POLYCLINIC_ANALYTICS_URL cannot be used", "POLYCLINIC_SITE_ID must be", "POLYCLINIC_ANALYTICS_EXTRA must be on or off", "POLYCLINIC_BACKUP_EVERY_TO is set", "reads the environment variable POLYCLINIC_DISABEL:"} {
		if strings.Count(said, name) != 1 || status != 1 {
			t.Errorf("%d: it does not say %q once:\n%s", status, name, said)
		}
	}
	for _, value := range []string{"x7q", "zzz", "many", "hidden", "maybe"} {
		if strings.Contains(said, value) {
			t.Errorf("it tells the value %s:\n%s", value, said)
		}
	}
	c = polyclinic.Command(t, "check", "--dir", dir)
	c.Env = append(os.Environ(), "POLYCLINIC_BACKUP_PASSPHRASE=six words that nobody would guess", "POLYCLINIC_SECRETS_KEY_FILE="+dir+"/secrets.key")
	if said, _ := program.Finish(t, c); strings.Contains(said, "setting_") {
		t.Errorf("what is right is named:\n%s", said)
	}
}
