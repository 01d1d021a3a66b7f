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
		name  string
		args  []string
		want  []string
		error string
	}{
		{"a folder, definitions first", at(""), at(
			"exports/Organization.gz", "hospitalInformation1.json", "practitionerInformation1.json.gz",
			"exports/PractitionerRole.ndjson", "exports/01_Patient.jsonl", "exports/Encounter.000.ndjson.GZ",
			"Adam_X_2.json.gz", "Zoe_Y_1.json", "exports/MedicationRequest.ndjson", "exports/Claim.ndjson"), ""},
		{"files, each once", at("Zoe_Y_1.json", "hospitalInformation1.json", "empty/../Zoe_Y_1.json"),
			at("hospitalInformation1.json", "Zoe_Y_1.json"), ""},
		{"a file of any name", at("notes.txt"), at("notes.txt"), ""},
		{"nothing", nil, nil, "no files or folders given"},
		{"not there", at("Zoe_Y_1.json", "nobody.json"), nil, "no such file"},
		{"nothing in it", at("empty"), nil, "no .json, .ndjson, .jsonl or .gz file in this folder"},
	}
	for _, test := range tests {
		files, err := Files(test.args)
		if test.error != "" {
			if err == nil || !strings.Contains(err.Error(), test.error) {
				t.Errorf("%s: got %v, want %q", test.name, err, test.error)
			}
			continue
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
}
