package main

import (
	"bufio"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "github.com/polyclinic-os/polyclinic"

// homes are the libraries that one module alone may import, by the start of their path; "" is
// nobody. What such a library does is asked of that module, through its api package.
var homes = map[string]string{
	"github.com/jackc/pgx":                      "modules/analytics",
	"filippo.io/age":                            "modules/backup",
	"github.com/AgoraIO/":                       "modules/video",
	"github.com/AgoraIO-Community/":             "modules/video",
	"github.com/golang-jwt/jwt":                 "modules/auth",
	"github.com/pquerna/otp":                    "modules/auth",
	"github.com/go-pdf/fpdf":                    "modules/billing",
	"codeberg.org/go-pdf/fpdf":                  "modules/billing",
	"github.com/phpdave11/gofpdf":               "modules/billing",
	"github.com/jung-kurt/gofpdf":               "modules/billing",
	"github.com/dop251/goja":                    "",
	"modernc.org/sqlite":                        "",
	"github.com/mattn/go-sqlite3":               "",
	"github.com/stretchr/testify":               "",
	"github.com/pocketbase/pocketbase/plugins/": "kernel/boot",
}

// contract is what the kernel's signatures speak of.
var contract = []string{"github.com/pocketbase/", "github.com/spf13/cobra"}

// edge is one import between two of our packages, "" being package main.
type edge struct{ from, to string }

// mayImport says whether one of our packages may import another.
func mayImport(e edge) bool {
	from, to := strings.Split(e.from, "/"), strings.Split(e.to, "/")
	switch {
	case e.to == "":
		return false // package main
	case e.from == "" || from[0] == "test":
		return true
	case from[0] == "kernel":
		return to[0] == "kernel"
	case from[0] == "hooks", from[0] == "pb_migrations", from[0] == "web":
		return to[0] == "kernel" || to[0] == from[0]
	case from[0] != "modules" || len(from) < 2:
		return true
	case isAPI(e.from):
		return e.to == "kernel" || isAPI(e.to)
	case to[0] == "kernel":
		return true
	case to[0] == "modules" && len(to) > 1:
		return from[1] == to[1] || isAPI(e.to)
	}
	return false
}

// isAPI reports whether the package is modules/<name>/<name>api.
func isAPI(pkg string) bool {
	p := strings.Split(pkg, "/")
	return len(p) == 3 && p[0] == "modules" && p[2] == p[1]+"api"
}

func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		from := ours(f[0])
		for _, imported := range f[1:] {
			if imported == root || strings.HasPrefix(imported, root+"/") {
				if to := ours(imported); !mayImport(edge{from, to}) {
					t.Errorf("%s may not import %s", from, to)
				}
				continue
			}
			for lib, home := range homes {
				if strings.HasPrefix(imported, lib) && (home == "" || from != home && !strings.HasPrefix(from, home+"/")) {
					t.Errorf("%s may not import %s: its home is %q", from, imported, home)
				}
			}
			outside := strings.Contains(strings.Split(imported, "/")[0], ".")
			if isAPI(from) && outside && !slices.ContainsFunc(contract, func(p string) bool { return strings.HasPrefix(imported, p) }) {
				t.Errorf("%s may not import %s: an api package has the kernel, and what the kernel's own signatures speak of", from, imported)
			}
		}
	}
}

func ours(pkg string) string { return strings.TrimPrefix(strings.TrimPrefix(pkg, root), "/") }

// The rules refuse what they should.
func TestImportRules(t *testing.T) {
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"", "modules/billing", true},
		{"kernel/boot", "kernel", true},
		{"kernel", "modules/auth/authapi", false},
		{"hooks", "kernel", true},
		{"hooks", "modules/auth/authapi", false},
		{"modules/billing", "kernel", true},
		{"modules/billing", "hooks", false},
		{"modules/billing", "modules/patients", false},
		{"modules/billing", "modules/patients/patientsapi", true},
		{"modules/billing", "modules/patients/internal", false},
		{"modules/video", "modules/video/agora", true},
		{"modules/billing", "modules/video/agora", false},
		{"modules/billing/billingapi", "modules/auth/authapi", true},
		{"modules/billing/billingapi", "modules/billing", false},
		{"modules/billing/billingapi", "kernel/boot", false},
		{"modules/billing", "", false},
	} {
		if got := mayImport(edge{c.from, c.to}); got != c.want {
			t.Errorf("%q imports %q: got %v, want %v", c.from, c.to, got, c.want)
		}
	}
}

// sources calls fn for every Go file of this repository that a person wrote.
func sources(t *testing.T, fn func(path string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "node_modules", "testdata", "pb_data", ".cache"}, d.Name()):
			return filepath.SkipDir
		case strings.HasSuffix(p, ".go") && !strings.HasSuffix(p, ".gen.go"):
			fn(filepath.ToSlash(p))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFilesAreShort(t *testing.T) {
	sources(t, func(p string) {
		f, err := os.Open(p)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		n := 0
		for s := bufio.NewScanner(f); s.Scan(); {
			n++
		}
		if n > 500 {
			t.Errorf("%s has %d lines: more than 500 is more than one idea", p, n)
		}
	})
}

// namesOfNothing are package names that say nothing of what a package gives.
var namesOfNothing = []string{"util", "utils", "common", "helper", "helpers", "shared", "types", "models", "services", "misc", "base"}

// There is no hidden state: nothing runs on import and nothing is registered in a variable.
func TestNoHiddenState(t *testing.T) {
	sources(t, func(p string) {
		file, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(namesOfNothing, file.Name.Name) || slices.Contains(namesOfNothing, path.Base(path.Dir(p))) {
			t.Errorf("%s: a package is named for what it gives, not %s", p, file.Name.Name)
		}
		if strings.HasSuffix(p, "_test.go") {
			return
		}
		vars := packageVars(file)
		ast.Inspect(file, func(n ast.Node) bool {
			if fn, ok := n.(*ast.FuncDecl); ok {
				if fn.Recv == nil && fn.Name.Name == "init" {
					t.Errorf("%s: init hides what a program does; call it from main", p)
				}
				for _, name := range assigned(fn, vars) {
					t.Errorf("%s: %s changes the package variable %s", p, fn.Name.Name, name)
				}
			}
			return true
		})
	})
}

// packageVars returns the names of the file's package-level variables.
func packageVars(file *ast.File) map[string]bool {
	vars := map[string]bool{}
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, s := range g.Specs {
			for _, name := range s.(*ast.ValueSpec).Names {
				vars[name.Name] = true
			}
		}
	}
	return vars
}

// assigned returns the package variables of the file that fn assigns to, fills or appends to,
// unless fn declares a variable of that name itself.
func assigned(fn *ast.FuncDecl, vars map[string]bool) (names []string) {
	own := map[string]bool{}
	note := func(e ast.Expr) {
		if x, ok := e.(*ast.IndexExpr); ok {
			e = x.X
		}
		if id, ok := e.(*ast.Ident); ok && id.Name != "_" && vars[id.Name] && !own[id.Name] {
			names = append(names, id.Name)
		}
	}
	declare := func(fields *ast.FieldList) {
		if fields == nil {
			return
		}
		for _, f := range fields.List {
			for _, n := range f.Names {
				own[n.Name] = true
			}
		}
	}
	declare(fn.Recv)
	declare(fn.Type.Params)
	declare(fn.Type.Results)
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			declare(n.Type.Params)
		case *ast.ValueSpec:
			for _, id := range n.Names {
				own[id.Name] = true
			}
		case *ast.RangeStmt:
			for _, e := range []ast.Expr{n.Key, n.Value} {
				if id, ok := e.(*ast.Ident); ok && n.Tok == token.DEFINE {
					own[id.Name] = true
				}
			}
		case *ast.AssignStmt:
			for _, e := range n.Lhs {
				if id, ok := e.(*ast.Ident); ok && n.Tok == token.DEFINE {
					own[id.Name] = true
					continue
				}
				note(e)
			}
		case *ast.IncDecStmt:
			note(n.X)
		}
		return true
	})
	return names
}
