package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// unraced are folders of tests that the race detector leaves out, and why.
var unraced = map[string]string{
	"modules/fhir/bundle":            "its goroutine only reads a meter, which the detector would put out",
	"modules/analytics/postgrestest": "it is what tests are made with",
	"modules/analytics/faults":       "it drives other processes",
	"modules/backup":                 "it drives other processes",
}

// TestTheRaceDetectorSeesWhatRunsAtOnce holds the Makefile's RACING and RACED to the tests
// that start goroutines.
func TestTheRaceDetectorSeesWhatRunsAtOnce(t *testing.T) {
	raw, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^RACING := (.+)$`).FindSubmatch(raw)
	list := regexp.MustCompile(`(?m)^RACED := (.+) \$\(addprefix modules/,(.+)\)$`).FindSubmatch(raw)
	if line == nil || list == nil {
		t.Fatal("the Makefile has no RACING or no RACED")
	}
	racing, raced := regexp.MustCompile(string(line[1])), strings.Fields(string(list[1]))
	for _, name := range strings.Fields(string(list[2])) {
		raced = append(raced, "modules/"+name)
	}
	seen := 0
	sources(t, func(p string) {
		of, _, _ := strings.Cut(p, "/")
		if !slices.Contains([]string{"kernel", "hooks", "modules"}, of) || !strings.HasSuffix(p, "_test.go") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		folder := path.Dir(p)
		for _, d := range file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(fn.Name.Name, "Test") || !startsGoroutine(fn) || unraced[folder] != "" {
				continue
			}
			seen++
			if !racing.MatchString(fn.Name.Name) {
				t.Errorf("%s: %s starts goroutines, but its name has none of RACING's words: the race detector does not run it", p, fn.Name.Name)
			}
			if !slices.Contains(raced, folder) {
				t.Errorf("%s: %s starts goroutines, but RACED has not %s", p, fn.Name.Name, folder)
			}
		}
	})
	if seen < 10 {
		t.Errorf("only %d tests that start goroutines were found", seen)
	}
}

func startsGoroutine(fn *ast.FuncDecl) (found bool) {
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = true
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Go" {
				found = true
			}
		}
		return true
	})
	return found
}
