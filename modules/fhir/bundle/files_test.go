package bundle

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"Zoe_Y_1.json", "Adam_X_2.json.gz", "hospitalInformation1.json", "practitionerInformation1.json.gz",
		"exports/Claim.ndjson", "exports/Encounter.000.ndjson.GZ", "exports/01_Patient.jsonl", "exports/Organization.gz",
		"exports/PractitionerRole.ndjson", "exports/MedicationRequest.ndjson",
		"notes.txt", "table.csv.gz", "all.tar.gz", "._Zoe_Y_1.json", ".cache/x.json", "empty/readme.md",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := func(names ...string) []string {
		for i := range names {
			names[i] = filepath.Join(dir, names[i])
		}
		return names
	}
	tests := []struct {
		name    string
		args    []string
		want    []string
		problem string
	}{
		{"a folder, definitions first", at(""), at(
			"exports/Organization.gz", "hospitalInformation1.json", "practitionerInformation1.json.gz",
			"exports/PractitionerRole.ndjson", "exports/01_Patient.jsonl", "exports/Encounter.000.ndjson.GZ",
			"Adam_X_2.json.gz", "Zoe_Y_1.json", "exports/MedicationRequest.ndjson", "exports/Claim.ndjson"), ""},
		{"files, each once", at("Zoe_Y_1.json", "hospitalInformation1.json", "empty/../Zoe_Y_1.json"),
			at("hospitalInformation1.json", "Zoe_Y_1.json"), ""},
		{"a file of any name", at("notes.txt"), at("notes.txt"), ""},
		{"not there, and the rest comes", at("nobody.json", "Zoe_Y_1.json"), at("Zoe_Y_1.json"), "nobody.json: open: no such file"},
		{"a folder that is not there", at("nowhere/", "Zoe_Y_1.json"), at("Zoe_Y_1.json"), "nowhere: open: no such file"},
		{"nothing in it", at("empty"), nil, "no .json, .ndjson, .jsonl or .gz file in this folder"},
	}
	for _, test := range tests {
		files, problems, err := Files(test.args)
		if test.problem == "" && len(problems) > 0 || test.problem != "" && (len(problems) != 1 || !strings.Contains(problems[0].Error(), test.problem)) {
			t.Errorf("%s: got %v, want %q", test.name, problems, test.problem)
		}
		var got []string
		for _, f := range files {
			got = append(got, f.Path)
			if f.Size != 2 {
				t.Errorf("%s: size of %s is %d", test.name, f.Path, f.Size)
			}
		}
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, %v, want %q", test.name, got, err, test.want)
		}
	}
	if _, _, err := Files(nil); err == nil || !strings.Contains(err.Error(), "no files or folders given") {
		t.Errorf("nothing given: got %v", err)
	}
}

// What cannot be read within a folder keeps nothing else out.
func TestFilesOfAFolderThatIsPartlyUnreadable(t *testing.T) {
	dir := t.TempDir()
	good, shut := filepath.Join(dir, "good.json"), filepath.Join(dir, "shut")
	if err := os.WriteFile(good, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "gone"), filepath.Join(dir, "link.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(shut, 0); err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Join(dir, "link.json") + ": open: no such file or directory"}
	if os.Getuid() != 0 { // who may read everything
		want = append(want, shut+": open: permission denied")
	}
	files, problems, err := Files([]string{dir})
	var got []string
	for _, p := range problems {
		got = append(got, p.Error())
	}
	if err != nil || len(files) != 1 || files[0].Path != good || !slices.Equal(got, want) {
		t.Errorf("got %v, %q, %v, want %s and %q", files, got, err, good, want)
	}
}
