package smoke

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

type part struct {
	Type, Name, Version, PURL string
	Ref                       string `json:"bom-ref"`
	Hashes                    []struct{ Alg, Content string }
	Properties                []struct{ Name, Value string }
	Components                []part
}

func (p part) property(name string) string {
	for _, q := range p.Properties {
		if q.Name == name {
			return q.Value
		}
	}
	return ""
}

type bill struct {
	BomFormat, SpecVersion, SerialNumber string
	Version                              int
	Metadata                             struct{ Component part }
	Components                           []part
	Dependencies                         []struct {
		Ref       string
		DependsOn []string
	}
}

func sbom(t *testing.T) (doc bill, raw string) {
	t.Helper()
	raw, status := polyclinic.Run(t, "version", "--sbom")
	if err := json.Unmarshal([]byte(raw), &doc); err != nil || status != 0 {
		t.Fatalf("exit status %d, %v: %s", status, err, raw)
	}
	return doc, raw
}

// compiledIn returns the modules of which packages are in the program, with their versions.
func compiledIn(t *testing.T) (all []string) {
	t.Helper()
	c := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}@{{.Version}}{{end}}{{end}}", ".")
	c.Dir, c.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestTheBillOfMaterialsNamesExactlyWhatIsCompiledIn(t *testing.T) {
	doc, raw := sbom(t)
	sums := read(t, "go.sum")
	var named []string
	for _, c := range doc.Components {
		if !strings.HasPrefix(c.PURL, "pkg:golang/") || c.Name == "std" {
			continue
		}
		named = append(named, c.Name+"@"+c.Version)
		sum := c.property("polyclinic:go:sum")
		if !strings.HasPrefix(sum, "h1:") || !strings.Contains(sums, c.Name+" "+c.Version+" "+sum+"\n") {
			t.Errorf("%s has the sum %q, which is not go.sum's", c.Name, sum)
		}
		if want := "pkg:golang/" + strings.ToLower(c.Name) + "@" + strings.ReplaceAll(c.Version, "+", "%2B"); c.PURL != want {
			t.Errorf("%s: %s, want %s", c.Name, c.PURL, want)
		}
	}
	slices.Sort(named)
	if want := compiledIn(t); !slices.Equal(named, want) || len(want) < 20 {
		t.Errorf("it names\n%v\nand compiled in are\n%v", named, want)
	}
	if _, again := sbom(t); again != raw {
		t.Error("it is another one the second time")
	}
}

// What CycloneDX 1.6 demands, and what it says of identifiers.
func TestTheBillOfMaterialsIsCycloneDX(t *testing.T) {
	doc, raw := sbom(t)
	if doc.BomFormat != "CycloneDX" || doc.SpecVersion != "1.6" || doc.Version != 1 {
		t.Errorf("%s %s %d", doc.BomFormat, doc.SpecVersion, doc.Version)
	}
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`).MatchString(doc.SerialNumber) {
		t.Errorf("the serial number is %s", doc.SerialNumber)
	}
	root := doc.Metadata.Component
	if root.Type != "application" || root.Name != "github.com/polyclinic-os/polyclinic" || root.Version == "" || root.Ref == "" {
		t.Errorf("it is of %+v", root)
	}
	refs := map[string]bool{root.Ref: true}
	var look func(p part)
	look = func(p part) {
		if !slices.Contains([]string{"library", "file"}, p.Type) || p.Name == "" {
			t.Errorf("%+v", p)
		}
		if p.Ref != "" && refs[p.Ref] {
			t.Errorf("two are called %s", p.Ref)
		}
		refs[p.Ref] = true
		for _, h := range p.Hashes {
			if h.Alg != "SHA-256" || len(h.Content) != 64 {
				t.Errorf("%s: %+v", p.Name, h)
			}
		}
		for _, c := range p.Components {
			look(c)
		}
	}
	for _, c := range doc.Components {
		look(c)
	}
	if len(doc.Dependencies) != 1 || doc.Dependencies[0].Ref != root.Ref || len(doc.Dependencies[0].DependsOn) != len(doc.Components) {
		t.Errorf("dependencies: %+v", doc.Dependencies)
	}
	for _, ref := range doc.Dependencies[0].DependsOn {
		if !refs[ref] {
			t.Errorf("it depends on %s, which is not in it", ref)
		}
	}
	if strings.Contains(raw, "null") {
		t.Error("a value is null")
	}
}

func TestTheBillOfMaterialsNamesWhatIsEmbeddedFromElsewhere(t *testing.T) {
	doc, _ := sbom(t)
	files := map[string]int{}
	for _, c := range doc.Components {
		if f := c.property("polyclinic:folder"); f != "" {
			files[f] = len(c.Components)
		}
	}
	foreign := 0
	err := filepath.WalkDir(filepath.Join(root, "modules"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "LICENSE" {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		if files[filepath.ToSlash(folder)] == 0 {
			t.Errorf("%s has a license of its own and is not in it", folder)
		}
		foreign++
		return err
	})
	if err != nil || foreign != len(files) || foreign == 0 {
		t.Errorf("%d folders, %v, %v", foreign, files, err)
	}
	if said, status := polyclinic.Run(t, "version"); status != 0 || !strings.HasPrefix(said, "polyclinic version ") {
		t.Errorf("%d %s", status, said)
	}
}
