// Command gosec looks for insecure code in the packages that are named, such as ./..., but for
// the findings that were looked at one by one and are listed in accepted. It is gosec without
// its helpers from elsewhere, which take minutes to build, and loads everything once.
package main

import (
	"fmt"
	"go/token"
	"io"
	"log"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/securego/gosec/v2"
	"github.com/securego/gosec/v2/analyzers"
	"github.com/securego/gosec/v2/rules"
	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/singlechecker"
	"golang.org/x/tools/go/packages"
)

// gosec's own analyzer reads the source of every package that is imported. This one makes do
// with what is compiled of them.
func main() {
	singlechecker.Main(&analysis.Analyzer{Name: "gosec", Doc: "gosec finds insecure code.", Run: run})
}

func run(pass *analysis.Pass) (any, error) {
	pkg := &packages.Package{Name: pass.Pkg.Name(), PkgPath: pass.Pkg.Path(), Fset: pass.Fset, Types: pass.Pkg, TypesInfo: pass.TypesInfo, TypesSizes: pass.TypesSizes}
	at := map[string]*token.File{}
	for _, f := range pass.Files {
		file := pass.Fset.File(f.Pos())
		at[file.Name()] = file
		pkg.Syntax = append(pkg.Syntax, f)
		pkg.CompiledGoFiles = append(pkg.CompiledGoFiles, file.Name())
	}
	looker := gosec.NewAnalyzer(gosec.NewConfig(), true, true, false, 1, log.New(io.Discard, "", 0))
	looker.LoadRules(rules.Generate(false).RulesInfo())
	looker.LoadAnalyzers(analyzers.Generate(false).AnalyzersInfo())
	looker.CheckRules(pkg)
	looker.CheckAnalyzers(pkg)
	found, _, failed := looker.Report()
	for file, errs := range failed {
		return nil, fmt.Errorf("%s: %v", file, errs)
	}
	for _, f := range found {
		name := filepath.ToSlash(f.File)
		if isAccepted(f.RuleID, name) {
			continue
		}
		pos := pass.Files[0].Pos()
		first, _, _ := strings.Cut(f.Line, "-")
		if n, err := strconv.Atoi(first); err == nil && at[f.File] != nil && n <= at[f.File].LineCount() {
			pos = at[f.File].LineStart(n)
		}
		pass.Report(analysis.Diagnostic{Pos: pos, Category: f.RuleID, Message: f.RuleID + ": " + f.What})
	}
	return nil, nil
}

// isAccepted reports whether findings of the rule are accepted in the file.
func isAccepted(rule, file string) bool {
	return slices.ContainsFunc(accepted, func(a exception) bool {
		here := strings.HasSuffix(file, a.file) || strings.HasSuffix(a.file, "/") && strings.Contains(file, "/"+a.file)
		return here && slices.Contains(strings.Fields(a.rules), rule)
	})
}
