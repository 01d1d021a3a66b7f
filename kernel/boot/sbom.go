package boot

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// bom is a document of CycloneDX 1.6 in JSON, as far as this program has something to say.
type bom struct {
	Schema       string       `json:"$schema"`
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Serial       string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     bomMetadata  `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type bomMetadata struct {
	Timestamp string    `json:"timestamp,omitempty"`
	Component component `json:"component"`
}

type component struct {
	Type       string      `json:"type"`
	Ref        string      `json:"bom-ref,omitempty"`
	Name       string      `json:"name"`
	Version    string      `json:"version,omitempty"`
	Hashes     []bomHash   `json:"hashes,omitempty"`
	Licenses   []license   `json:"licenses,omitempty"`
	PURL       string      `json:"purl,omitempty"`
	Properties []property  `json:"properties,omitempty"`
	Components []component `json:"components,omitempty"`
}

type bomHash struct {
	Alg     string `json:"alg"`
	Content string `json:"content"`
}

type license struct {
	Expression string `json:"expression"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

// materials returns the bill of materials of a build: its Go modules with their sums, Go's own
// library, and what modules embed. The same build gives the same document.
func materials(info *debug.BuildInfo, version string, embedded []kernel.Vendored) (bom, error) {
	setting := map[string]string{}
	for _, s := range info.Settings {
		setting[s.Key] = s.Value
	}
	root := component{Type: "application", Ref: "polyclinic", Name: info.Main.Path, Version: version, PURL: goPURL(info.Main.Path, version)}
	for _, key := range []string{"GOOS", "GOARCH", "CGO_ENABLED", "vcs.revision", "vcs.modified"} {
		if v := setting[key]; v != "" {
			root.Properties = append(root.Properties, property{"polyclinic:build:" + key, v})
		}
	}
	std := strings.TrimPrefix(info.GoVersion, "go")
	std, _, _ = strings.Cut(std, " ") // experiments follow
	list := []component{{Type: "library", Ref: "std@" + std, Name: "std", Version: std, PURL: goPURL("std", std)}}
	for _, m := range info.Deps {
		list = append(list, goModule(m))
	}
	for _, v := range embedded {
		c, err := embeddedIn(v)
		if err != nil {
			return bom{}, fmt.Errorf("%s: %w", v.Name, err)
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b component) int { return cmp.Compare(a.Ref, b.Ref) })
	refs := make([]string, len(list))
	for i, c := range list {
		refs[i] = c.Ref
	}
	out := bom{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", Spec: "1.6", Version: 1,
		Metadata: bomMetadata{setting["vcs.time"], root}, Components: list, Dependencies: []dependency{{root.Ref, refs}},
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return bom{}, err
	}
	out.Serial = "urn:uuid:" + uuidOf(raw)
	return out, nil
}

// goModule has the module's h1 sum as a property: it is a sum of sums, and no file's hash.
func goModule(m *debug.Module) component {
	c := component{Type: "library", Name: m.Path}
	if m.Replace != nil {
		c.Properties = append(c.Properties, property{"polyclinic:go:replaces", m.Path + "@" + m.Version})
		m = m.Replace
	}
	c.Ref, c.Name, c.Version, c.PURL = m.Path+"@"+m.Version, m.Path, m.Version, goPURL(m.Path, m.Version)
	if m.Sum != "" {
		c.Properties = append(c.Properties, property{"polyclinic:go:sum", m.Sum})
	}
	return c
}

// goPURL follows the package URL's rules for Go: small letters, and an escaped plus.
func goPURL(path, version string) string {
	return "pkg:golang/" + strings.ToLower(path) + "@" + strings.ReplaceAll(version, "+", "%2B")
}

func embeddedIn(v kernel.Vendored) (component, error) {
	c := component{
		Type: "library", Ref: v.Folder, Name: v.Name, Version: v.Version, PURL: v.PURL, Licenses: []license{{v.License}},
		Properties: []property{{"polyclinic:folder", v.Folder}},
	}
	for _, pattern := range v.Patterns {
		names, err := fs.Glob(v.Files, pattern)
		if err == nil && len(names) == 0 {
			err = fs.ErrNotExist
		}
		if err != nil {
			return c, fmt.Errorf("%s: %w", pattern, err)
		}
		for _, name := range names {
			raw, err := fs.ReadFile(v.Files, name)
			if err != nil {
				return c, err
			}
			sum := sha256.Sum256(raw)
			c.Components = append(c.Components, component{Type: "file", Name: path.Base(name), Hashes: []bomHash{{"SHA-256", hex.EncodeToString(sum[:])}}})
		}
	}
	return c, nil
}

// uuidOf returns a UUID (RFC 9562, version 8) that is the content's own.
func uuidOf(content []byte) string {
	b := sha256.Sum256(content)
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
