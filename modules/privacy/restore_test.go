package privacy_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/backup"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

var backed = &kerneltest.Set{Modules: append([]kernel.Module{backup.Module("v1.2.3")}, trailed.Modules...)}

// hidden is what bobsLife says of Bob, and must be nowhere afterwards.
var hidden = []string{"Tanaka", "tanaka", "Hidden Lane", "987654", "bob.private", authapi.Bob.Email, "Secret words"}

func bobsLife(t *testing.T, s *kerneltest.Server) {
	t.Helper()
	do(t, s, alma, "PUT", "/api/patients/"+patientsapi.Bob, `{"address":"7 Hidden Lane","contact":"+1 555 987654","email":"bob.private@example.org"}`, 200)
	do(t, s, omar, "POST", "/api/medical-records", `{"patientId":"`+patientsapi.Bob+`","diagnosis":"Cough","notes":"Bob Tanaka lives at 7 Hidden Lane"}`, 201)
	do(t, s, bob, "POST", "/api/messages", `{"receiverId":"`+authapi.Omar.ID+`","messageText":"Secret words of mine"}`, 201)
}

// settled waits until the outbox is empty.
func settled(t *testing.T, s *kerneltest.Server) {
	t.Helper()
	for left, until := 1, time.Now().Add(30*time.Second); left > 0; time.Sleep(10 * time.Millisecond) {
		if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE outbox SET dueAt = '2000-01-01 00:00:00.000Z', state = 'waiting'").Execute(); err != nil {
			t.Fatal(err)
		}
		s.Kernel.Deliver()
		if err := s.App.DB().NewQuery("SELECT count(*) FROM outbox").Row(&left); err != nil || time.Now().After(until) {
			t.Fatal("events wait", left, err)
		}
	}
}

// nowhereIn looks for the texts in every file of a folder.
func nowhereIn(t *testing.T, dir string, texts ...string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		for _, text := range texts {
			if at := bytes.Index(raw, []byte(text)); at >= 0 {
				t.Errorf("%s has %q: %q", path, text, raw[max(0, at-60):min(len(raw), at+60)])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// erasedSince is a clinic of which there is a backup, and where Bob was erased after it: so was
// somebody who was not registered yet. Ada was erased ahead of it.
func erasedSince(t *testing.T) (s *kerneltest.Server, file string) {
	t.Helper()
	t.Setenv("POLYCLINIC_BACKUP_RECIPIENT", "")
	s = backed.Start(t)
	bobsLife(t, s)
	do(t, s, alma, "POST", "/api/patients/"+patientsapi.Ada+"/erase", `{"reason":"Asked to be forgotten"}`, 200)
	settled(t, s)
	file = filepath.Join(t.TempDir(), "older.tar.gz")
	kerneltest.MustRun(t, s.Kernel, "backup", "--plain", "--to", file)
	late := do(t, s, alma, "POST", "/api/patients", `{"name":"Late Comer","dateOfBirth":"1990-01-01","gender":"female"}`, 201).ID(t)
	for _, id := range []string{late, patientsapi.Bob} {
		do(t, s, alma, "POST", "/api/patients/"+id+"/erase", `{"reason":"Asked to be forgotten"}`, 200)
	}
	settled(t, s)
	return s, file
}

func listOf(s *kerneltest.Server) string {
	return filepath.Join(s.App.DataDir(), "backups", "erasures.json")
}

func copyTo(t *testing.T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// erasedAgain starts the restored folder and wants Bob to be erased in it, and nobody else's data changed.
func erasedAgain(t *testing.T, dir string) *kerneltest.Server {
	t.Helper()
	before := others(t, dir)
	snapshot(t, dir, "pre-v1.2.3-90.db", time.Now()) // as an upgrade makes it that comes with this start
	s := backed.StartOn(t, dir)
	do(t, s, alma, "GET", "/api/patients/"+patientsapi.Bob, nil, 404)
	do(t, s, kerneltest.Account{}, "POST", "/api/auth/login", map[string]any{"email": authapi.Bob.Email, "password": authapi.Bob.Password}, 400)
	settled(t, s)
	nowhereIn(t, s.App.DataDir(), hidden...)
	if after := others(t, s.App.DataDir()); after != before {
		t.Errorf("others were changed:\n%s\n%s", before, after)
	}
	trail := do(t, s, alma, "GET", "/api/audit?perPage=200&action=erase&patient="+patientsapi.Bob, nil, 200)
	if items := trail.Items(t); len(items) != 1 || items[0]["actor"] != "system" {
		t.Errorf("the trail: %s", trail.Body)
	}
	var left int
	if err := s.App.DB().Select("count(*)").From("_params").Where(dbx.HashExp{"id": kernel.UnsettledParam}).Row(&left); err != nil || left != 0 {
		t.Errorf("it is to be done again: %d, %v", left, err)
	}
	return s
}

// others are the rows of everybody but Bob.
func others(t *testing.T, dir string) string {
	t.Helper()
	db, err := kernel.Connect(filepath.Join(dir, "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows := []string{}
	for _, q := range []string{
		"SELECT json_group_array(json_array(id, name, mrn, contact, address, updated)) FROM patients WHERE id != '" + patientsapi.Bob + "'",
		"SELECT json_group_array(json_array(id, name, email, status, updated)) FROM users WHERE id NOT IN ('" + authapi.Bob.ID + "', '" + authapi.Alma.ID + "')",
		"SELECT json_group_array(json_array(id, patientId, diagnosis, notes, updated)) FROM medical_records WHERE patientId != '" + patientsapi.Bob + "'",
	} {
		var row string
		if err := db.NewQuery(q).Row(&row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return strings.Join(rows, "\n")
}

func TestARestoreBringsNoErasedPatientBack(t *testing.T) {
	s, file := erasedSince(t)
	nowhereIn(t, filepath.Dir(listOf(s)), append([]string{"Comer", "forgotten", "Erased "}, hidden...)...)
	elsewhere := filepath.Join(t.TempDir(), "list")
	copyTo(t, listOf(s), elsewhere)
	former, closed := t.TempDir(), t.TempDir()
	err := s.App.RunInTransaction(func(core.App) error { // nobody else writes meanwhile
		for _, name := range []string{"data.db", "data.db-wal"} {
			copyTo(t, filepath.Join(s.App.DataDir(), name), filepath.Join(former, name))
			copyTo(t, filepath.Join(s.App.DataDir(), name), filepath.Join(closed, name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(former, "data.db-wal")); err != nil || info.Size() == 0 {
		t.Fatal("the former database has no log", err)
	}
	db, err := kernel.Connect(filepath.Join(closed, "data.db"))
	if err == nil {
		_, err = db.NewQuery("PRAGMA wal_checkpoint(TRUNCATE)").Execute()
	}
	if err != nil || db.Close() != nil {
		t.Fatal(err)
	}
	beside := t.TempDir()
	copyTo(t, file, filepath.Join(beside, "older.tar.gz"))
	copyTo(t, listOf(s), filepath.Join(beside, "erasures.json"))
	for name, args := range map[string][]string{
		"a list beside the backup":     {filepath.Join(beside, "older.tar.gz")},
		"a list that is named":         {file, "--erasures", elsewhere},
		"a folder with a list":         {file, "--erasures", beside},
		"the former data folder":       {file, "--erasures", former},
		"one that was closed well":     {file, "--erasures", closed},
		"one whose data.db is missing": {file, "--erasures", withoutData(t, listOf(s))},
	} {
		t.Run(name, func(t *testing.T) {
			was := bytesOf(t, former) + bytesOf(t, closed)
			dir := filepath.Join(t.TempDir(), "new")
			said := kerneltest.MustRun(t, s.Kernel, append([]string{"restore"}, append(args, "--dir", dir)...)...)
			if !strings.Contains(said, "1 erasures are done again by the first start") {
				t.Errorf("restore says: %s", said)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
				t.Errorf("it left %v", left)
			}
			again := erasedAgain(t, dir)
			if now := bytesOf(t, former) + bytesOf(t, closed); now != was {
				t.Error("a former folder was changed")
			}
			// The list goes on, and a further start finds nothing to do.
			next := backed.StartOn(t, again.App.DataDir())
			if n := do(t, next, alma, "GET", "/api/erasures", nil, 200).JSON(t)["totalItems"]; n != 2.0 {
				t.Errorf("%v erasures", n)
			}
		})
	}
}

// withoutData is what a broken disk left of a former data folder.
func withoutData(t *testing.T, list string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "backups"), 0o700); err != nil {
		t.Fatal(err)
	}
	copyTo(t, list, filepath.Join(dir, "backups", "erasures.json"))
	return dir
}

// bytesOf is the database of a folder, and which files are beside it.
func bytesOf(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	out := strings.Join(names, "\n")
	for _, name := range []string{"data.db", "data.db-wal"} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		out += "\n" + string(raw)
	}
	return out
}

func TestARestoreWithoutAListSaysSo(t *testing.T) {
	s, file := erasedSince(t)
	said := kerneltest.MustRun(t, s.Kernel, "restore", file, "--dir", filepath.Join(t.TempDir(), "new"))
	for _, words := range []string{"NO LIST OF ERASURES was found", "--erasures", "former data folder", "Patients who were erased since"} {
		if !strings.Contains(said, words) {
			t.Errorf("it does not say %q:\n%s", words, said)
		}
	}
	said = kerneltest.MustRun(t, s.Kernel, "restore", file, "--erasures", "none", "--dir", filepath.Join(t.TempDir(), "new"))
	if !strings.Contains(said, "Patients who were erased since") || !strings.Contains(said, "Erase them again") {
		t.Errorf("it says: %s", said)
	}
	if _, err := kerneltest.Run(t, s.Kernel, "restore", file, "--erasures", filepath.Join(t.TempDir(), "nowhere"), "--dir", filepath.Join(t.TempDir(), "new")); err == nil {
		t.Error("a list that is not there is passed over")
	}
}

// A copy of every few minutes lies in a folder below that of backups.
func TestARestoreOfACopyFindsTheListAboveIt(t *testing.T) {
	s, file := erasedSince(t)
	copies := filepath.Join(s.App.DataDir(), "backups", "copies")
	if err := os.MkdirAll(copies, 0o700); err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(copies, filepath.Base(file))
	copyTo(t, file, below)
	dir := filepath.Join(t.TempDir(), "new")
	if said := kerneltest.MustRun(t, s.Kernel, "restore", below, "--dir", dir); strings.Contains(said, "NO LIST") {
		t.Fatalf("it says: %s", said)
	}
	erasedAgain(t, dir)
}

func TestAListThatWasAlteredOrIsBrokenStopsARestore(t *testing.T) {
	s, file := erasedSince(t)
	raw, err := os.ReadFile(listOf(s))
	if err != nil {
		t.Fatal(err)
	}
	var list map[string]any
	if err := json.Unmarshal(raw, &list); err != nil || len(list["erasures"].([]any)) != 3 {
		t.Fatal(err, string(raw))
	}
	altered := func(change func(map[string]any)) []byte {
		var l map[string]any
		if err := json.Unmarshal(raw, &l); err != nil {
			t.Fatal(err)
		}
		change(l)
		out, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	other := backed.Start(t) // the list of a clinic with another key
	if _, err := other.App.NonconcurrentDB().NewQuery(`UPDATE _params SET value = '"another"' WHERE id = 'polyclinic_erasures_key'`).Execute(); err != nil {
		t.Fatal(err)
	}
	do(t, other, alma, "POST", eraseBob, `{"reason":"Asked to be forgotten"}`, 200)
	settled(t, other)
	foreign, err := os.ReadFile(listOf(other))
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]struct {
		raw   []byte
		words string
	}{
		"cut off":              {raw[:len(raw)/2], "damaged or cut off"},
		"empty":                {nil, "damaged or cut off"},
		"two":                  {append(append([]byte{}, raw...), raw...), "damaged or cut off"},
		"noise":                {[]byte("\x00\x01\x02"), "damaged or cut off"},
		"an erasure less":      {altered(func(l map[string]any) { l["erasures"] = l["erasures"].([]any)[1:] }), "it was altered"},
		"somebody else":        {bytes.ReplaceAll(raw, []byte(patientsapi.Bob), []byte(patientsapi.Ada)), "it was altered"},
		"another instant":      {altered(func(l map[string]any) { l["at"] = "2000-01-01 00:00:00.000Z" }), "it was altered"},
		"without its seal":     {altered(func(l map[string]any) { l["seal"] = "" }), "damaged or cut off"},
		"of a newer version":   {altered(func(l map[string]any) { l["format"] = 2 }), "newer Polyclinic"},
		"of another clinic":    {foreign, "another clinic"},
		"a scope nobody knows": {altered(func(l map[string]any) { l["erasures"].([]any)[0].(map[string]any)["scope"] = "half" }), "damaged"},
	} {
		path := filepath.Join(t.TempDir(), "list")
		if err := os.WriteFile(path, bad.raw, 0o600); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "new")
		_, err := kerneltest.Run(t, s.Kernel, "restore", file, "--erasures", path, "--dir", dir)
		if err == nil || !strings.Contains(err.Error(), bad.words) || !strings.Contains(err.Error(), "--erasures none") {
			t.Errorf("%s: %v", name, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: something was restored", name)
		}
	}
	beside := t.TempDir()
	copyTo(t, file, filepath.Join(beside, "older.tar.gz"))
	if err := os.WriteFile(filepath.Join(beside, "erasures.json"), raw[:40], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := kerneltest.Run(t, s.Kernel, "restore", filepath.Join(beside, "older.tar.gz"), "--dir", filepath.Join(t.TempDir(), "new")); err == nil {
		t.Error("a damaged list beside the backup is passed over")
	}
	if err := os.WriteFile(filepath.Join(beside, "data.db"), bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := kerneltest.Run(t, s.Kernel, "restore", file, "--erasures", beside, "--dir", filepath.Join(t.TempDir(), "new")); err == nil {
		t.Error("a damaged former data folder is passed over")
	}
}

func TestAnOlderListSaysThatItIsOne(t *testing.T) {
	s, _ := erasedSince(t)
	file := filepath.Join(t.TempDir(), "newer.tar.gz")
	kerneltest.MustRun(t, s.Kernel, "backup", "--plain", "--to", file)
	said := kerneltest.MustRun(t, s.Kernel, "restore", file, "--erasures", listOf(s), "--dir", filepath.Join(t.TempDir(), "new"))
	if !strings.Contains(said, "Nobody has to be erased again") || !strings.Contains(said, "BEFORE THE BACKUP WAS MADE") {
		t.Errorf("it says: %s", said)
	}
}

// As when somebody goes back to the copy that an upgrade kept.
func TestAnOlderDatabaseThatWasPutBackHasNoErasedPatient(t *testing.T) {
	t.Setenv("POLYCLINIC_BACKUP_RECIPIENT", "")
	s := backed.Start(t)
	bobsLife(t, s)
	older := filepath.Join(t.TempDir(), "older.db")
	if err := kernel.CopyDatabase(filepath.Join(s.App.DataDir(), "data.db"), older); err != nil {
		t.Fatal(err)
	}
	do(t, s, alma, "POST", eraseBob, `{"reason":"Asked to be forgotten"}`, 200)
	settled(t, s)
	dir := t.TempDir()
	for _, name := range []string{"audit", "backups"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(s.App.DataDir(), name))); err != nil {
			t.Fatal(err)
		}
	}
	copyTo(t, older, filepath.Join(dir, "data.db"))
	back := backed.StartOn(t, dir)
	do(t, back, alma, "GET", "/api/patients/"+patientsapi.Bob, nil, 404)
	settled(t, back)
	nowhereIn(t, back.App.DataDir(), hidden...)
}
