package abuse

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
)

// formulas are what a spreadsheet would run.
var formulas = []string{`=HYPERLINK("http://evil.example","x")`, "+1+1", "-2+3", "@SUM(1)", "\t=1", "＝1+1", `=cmd|' /C calc'!A0`}

var elsewhere = []attack{
	{"no cell of an export is a formula", func(t *testing.T, c *clinic) {
		for _, f := range formulas {
			a := c.as(t, desk, "POST", "/api/patients", map[string]any{"name": f, "age": 20, "notes": f, "address": "12 " + f})
			held(t, a, 201, 400)
		}
		c.must(t, 201, c.as(t, pharmacy, "POST", "/api/inventory", map[string]any{"itemName": formulas[0], "quantity": 1, "supplier": formulas[1]}))
		out := filepath.Join(t.TempDir(), "out.csv")
		if said, status := polyclinic.Run(t, "export", "csv", "patients", out, "--dir", c.dir); status != 0 {
			t.Fatal(said)
		}
		raw, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		texts := []string{string(raw)}
		for _, path := range []string{"/api/reports/inventory?format=csv", "/api/reports/patient-summary?format=csv", "/api/audit?format=csv"} {
			texts = append(texts, c.must(t, 200, c.as(t, admin, "GET", path, nil)).body)
		}
		for _, text := range texts {
			for _, line := range strings.Split(text, "\n") {
				for _, cell := range strings.Split(line, ",") {
					cell = strings.Trim(cell, `"`)
					for _, f := range formulas {
						if strings.HasPrefix(cell, f[:min(len(f), 4)]) {
							t.Errorf("a cell begins with %q", f)
						}
					}
				}
			}
		}
	}},
	{"a file of rows with formulas, quotes and wrong lines brings in nothing by half", func(t *testing.T, c *clinic) {
		dir := filepath.Join(t.TempDir(), "data")
		file := filepath.Join(t.TempDir(), "in.csv")
		rows := "name,age\nTest One,20\n\"=1+1\",30\nTest Two,not a number\nTest \x00 Three,40\n\"unclosed,50\n"
		if err := os.WriteFile(file, []byte(rows), 0o600); err != nil {
			t.Fatal(err)
		}
		said, status := polyclinic.Run(t, "import", "csv", "patients", file, "--dir", dir)
		if status == 0 || strings.Contains(said, "Test One") || insides.MatchString(said) {
			t.Errorf("%d %s", status, said)
		}
		said, status = polyclinic.Run(t, "export", "csv", "patients", "--dir", dir)
		if status != 0 || strings.Contains(said, "Test One") {
			t.Errorf("half of it is in: %d %s", status, said)
		}
	}},
	{"signs that nobody sees, turned writing and control characters get into no text", func(t *testing.T, c *clinic) {
		for _, name := range []string{"Ada\u202eNovak", "Ada\u200bNovak", "Ada\x00Novak", "Ada\x1b[31mNovak", "Ada\u2066Novak", "Ada\ufeffNovak", "Ada\u0007"} {
			held(t, c.as(t, desk, "POST", "/api/patients", map[string]any{"name": name, "age": 3}), 400)
			held(t, c.as(t, admin, "PATCH", "/api/collections/users/records/"+adaAccount, map[string]any{"name": name}), 400)
			held(t, c.as(t, guest, "POST", "/api/auth/register", map[string]any{"name": name, "email": "sign@abuse.test", "password": "a long enough one"}), 400)
		}
	}},
	{"markup in a name stays text, and no answer that holds it is a page", func(t *testing.T, c *clinic) {
		id := c.must(t, 201, c.as(t, desk, "POST", "/api/patients", map[string]any{"name": "<script>alert(1)</script>", "age": 3})).id(t)
		for _, path := range []string{"/api/patients/" + id, "/api/patients?q=script", "/api/patients/<script>alert(1)</script>", "/<script>alert(1)</script>", "/api/auth/invitation?token=<script>alert(1)</script>"} {
			a := c.as(t, admin, "GET", strings.ReplaceAll(strings.ReplaceAll(path, "<", "%3C"), ">", "%3E"), nil)
			if strings.Contains(a.header.Get("Content-Type"), "html") && strings.Contains(a.body, "<script>alert(1)") {
				t.Errorf("%s is a page with it", path)
			}
		}
	}},
	{"an upload is what its bytes say, and is opened by no browser as a page", func(t *testing.T, c *clinic) {
		id, _ := c.record(t, adaPatient)
		record := "/api/collections/medical_records/records/" + id
		for name, content := range map[string]string{"scan.png": "<html><script>alert(1)</script></html>", "page.html": "<!doctype html><script>1</script>", "x.svg": `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`, "run.exe": "MZ\x90\x00\x03\x00\x00\x00", "a.pdf": "#!/bin/sh\nrm -rf /\n\x00\x01"} {
			held(t, c.upload(t, grace, "PATCH", record, "attachments+", name, content), 400)
		}
		a := c.must(t, 200, c.upload(t, grace, "PATCH", record, "attachments+", "../../../etc/a\\b;c\u202efdp.txt", "only text"))
		names := a.object(t)["attachments"].([]any)
		name := names[len(names)-1].(string)
		if strings.ContainsAny(name, "/\\;\u202e") || strings.Contains(name, "..") {
			t.Errorf("stored as %q", name)
		}
		own := c.must(t, 200, c.as(t, ada, "POST", "/api/files/token", nil)).text(t, "token")
		file := c.must(t, 200, c.as(t, guest, "GET", "/api/files/medical_records/"+id+"/"+name+"?token="+own, nil))
		if h := file.header; h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") || !strings.Contains(h.Get("Cache-Control"), "no-store") {
			t.Errorf("%v", h)
		}
	}},
	{"a FHIR file of nonsense, links and paths is taken for what it is", func(t *testing.T, c *clinic) {
		url, asked := decoy(t)
		dir := filepath.Join(t.TempDir(), "data")
		for name, text := range map[string]string{
			"link.json":   `{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"` + url + `/Patient/1","resource":{"resourceType":"Patient","id":"../../x","name":[{"family":"Test","given":["=1+1"]}],"photo":[{"url":"` + url + `/photo.png"}]}}]}`,
			"deep.json":   `{"resourceType":"Bundle","entry":` + strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000) + `}`,
			"type.json":   `{"resourceType":{"a":1},"entry":"x"}`,
			"broken.json": `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient"`,
		} {
			file := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			said, status := polyclinic.Run(t, "import", "fhir", file, "--dir", dir)
			if strings.Contains(said, "panic") || strings.Contains(said, "goroutine") || status == 2 {
				t.Errorf("%s: %d %.500s", name, status, said)
			}
		}
		if n := asked.Load(); n > 0 {
			t.Errorf("links were followed %d times", n)
		}
	}},
	{"a backup that was changed is not restored, and nothing is restored over living data", func(t *testing.T, c *clinic) {
		dir := t.TempDir()
		file := filepath.Join(dir, "b.backup")
		if said, status := polyclinic.Run(t, "backup", "--plain", "--to", file, "--dir", c.dir); status != 0 {
			t.Fatal(said)
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		raw[len(raw)/2] ^= 1
		if err := os.WriteFile(file+".bad", raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if said, status := polyclinic.Run(t, "restore", file+".bad", "--dir", filepath.Join(dir, "new")); status == 0 {
			t.Error(said)
		}
		if said, status := polyclinic.Run(t, "restore", file, "--dir", c.dir); status == 0 {
			t.Error(said)
		}
	}},
	{"a body is one JSON object: nothing behind it, no name twice with two meanings", func(t *testing.T, c *clinic) {
		held(t, c.as(t, desk, "POST", "/api/patients", `{"name":"Test A","age":3}{"name":"Test B"}`), 400)
		held(t, c.as(t, ada, "PATCH", "/api/collections/users/records/"+adaAccount, `{"name":"Ada Novak","role":"patient","role":"admin"}`), 400, 403)
		held(t, c.as(t, ada, "PATCH", "/api/collections/users/records/"+adaAccount, `{"name":"Ada Novak","role":"admin","role":"patient"}`), 200, 400, 403)
		if row := c.as(t, root, "GET", "/api/collections/users/records/"+adaAccount, nil); row.text(t, "role") != "patient" {
			t.Error(row.body)
		}
	}},
}

// without starts a second server, on data of its own, with a module switched off.
func (c *clinic) without(t *testing.T, module string) *program.Server {
	t.Helper()
	addr := program.FreeAddress(t)
	cmd := polyclinic.Command(t, "serve", "--http", addr, "--dir", filepath.Join(t.TempDir(), "data"))
	cmd.Env = append(os.Environ(), "POLYCLINIC_DISABLE="+module)
	return program.Start(t, cmd, addr)
}
