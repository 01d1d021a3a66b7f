package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

// set is the whole product with its cast.
var set = &kerneltest.Set{Modules: modules()}

// TestGeneratedDocs compares docs/generated with the declarations. UPDATE=1 writes them.
func TestGeneratedDocs(t *testing.T) {
	s := set.Start(t)
	api, err := s.Kernel.OpenAPI(s.App, "dev")
	if err != nil {
		t.Fatal(err)
	}
	rawAPI, err := json.MarshalIndent(api, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	collections, err := s.Kernel.CollectionsDoc(s.App)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]string{
		"access.md": s.Kernel.Matrix(), "openapi.json": string(rawAPI) + "\n", "rules.md": s.Kernel.RulesDoc(),
		"events.md": s.Kernel.EventsDoc(), "configuration.md": s.Kernel.SettingsDoc(),
		"migrations.md": s.Kernel.MigrationsDoc(), "collections.md": collections,
	} {
		file := filepath.Join("docs", "generated", name)
		want, err := os.ReadFile(file)
		if err == nil && string(want) == got {
			continue
		}
		if os.Getenv("UPDATE") == "" {
			t.Errorf("%s is stale: run UPDATE=1 go test . and read its diff", file)
			continue
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOpenAPIIsServed looks at the document and its page as a browser would.
func TestOpenAPIIsServed(t *testing.T) {
	s := set.Start(t)
	guest := kerneltest.Account{}
	s.On(t, []kerneltest.Scenario{
		{Name: "the document", As: guest, Method: "GET", Path: "/api/openapi.json", Want: 200, Has: []string{`"openapi":"3.1.0"`, `"/api/patients/{id}"`}},
		{Name: "the page", As: guest, Method: "GET", Path: "/api/docs", Want: 200, Has: []string{"swagger-ui-bundle.js"}, Not: []string{"https://", "http://"}},
		{Name: "its script", As: guest, Method: "GET", Path: "/api/docs/swagger-ui-bundle.js", Want: 200, Has: []string{"SwaggerUIBundle"}},
		{Name: "nothing else", As: guest, Method: "GET", Path: "/api/docs/../module.go", Want: 404},
	})
}
