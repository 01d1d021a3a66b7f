package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// measuring are tests whose goroutine only reads a meter, which the race detector would put out.
var measuring = []string{"TestMemoryStaysFlat"}

// TestTheRaceDetectorSeesWhatRunsAtOnce holds the names in the Makefile's RACING to the
// tests of the modules that start goroutines.
func TestTheRaceDetectorSeesWhatRunsAtOnce(t *testing.T) {
	raw, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^RACING := (.+)$`).FindSubmatch(raw)
	if line == nil {
		t.Fatal("the Makefile has no RACING")
	}
	racing := regexp.MustCompile(string(line[1]))
	seen := 0
	sources(t, func(path string) {
		if !strings.HasPrefix(path, "modules/") || !strings.HasSuffix(path, "_test.go") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(fn.Name.Name, "Test") || !startsGoroutine(fn) || slices.Contains(measuring, fn.Name.Name) {
				continue
			}
			seen++
			if !racing.MatchString(fn.Name.Name) {
				t.Errorf("%s: %s starts goroutines, but its name has none of RACING's words: the race detector does not run it", path, fn.Name.Name)
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
