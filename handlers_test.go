package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"
)

// A hook keeps one handler of an id: a second one takes the place of the first, and what the
// first guarded is open, without a word.
func TestNoHandlerTakesAnothersPlace(t *testing.T) {
	var b bound
	sources(t, func(p string) {
		if strings.HasSuffix(p, "_test.go") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		b.look(p, file)
	})
	if len(b.at) < 50 {
		t.Errorf("only %d handlers were found: they are bound in another way by now", len(b.at))
	}
	for _, wrong := range b.wrong {
		t.Error(wrong)
	}
}

// The rule refuses what it should.
func TestHandlersThatTakeAnothersPlace(t *testing.T) {
	for _, c := range []struct {
		body  string
		wrong int
	}{
		{`k.App.OnServe().Bind(&hook.Handler[E]{Id: "a"}); k.App.OnServe().Bind(&hook.Handler[E]{Id: "b"})`, 0},
		{`k.App.OnServe().Bind(&hook.Handler[E]{Id: "a"}); se.Router.Bind(&hook.Handler[E]{Id: "a"})`, 0},
		{`k.App.OnRecordUpdate("x").Bind(&hook.Handler[E]{Id: "a"}); k.App.OnRecordUpdate("y").Bind(&hook.Handler[E]{Id: "a"})`, 1},
		{`app.OnRecordUpdate().Bind(made("a")); k.App.OnRecordUpdate("y").Bind(&hook.Handler[E]{Id: "a"})`, 1},
		{`for _, c := range all { app.OnRecordUpdate(c).Bind(&hook.Handler[E]{Id: "a"}) }`, 1},
		{`for _, c := range all { app.OnRecordUpdate(c).Bind(&hook.Handler[E]{Id: "a " + c}) }`, 0},
		{`bind := func(h *hook.Hook) { h.Bind(&hook.Handler[E]{Id: "a"}) }`, 1},
		{`bind := func(h *hook.Hook, id string) { h.Bind(&hook.Handler[E]{Id: id}) }`, 0},
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nfunc f() {"+c.body+"}", parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		var b bound
		if b.look("x.go", file); len(b.wrong) != c.wrong {
			t.Errorf("%s: got %v", c.body, b.wrong)
		}
	}
}

// bound is what handlers are bound to, as far as their source tells.
type bound struct {
	at    map[string]string // where, by hook and id
	wrong []string
}

// look notes the handlers of a file whose id is written out, and finds those of which there
// can be two.
func (b *bound) look(path string, file *ast.File) {
	if b.at == nil {
		b.at = map[string]string{}
	}
	var loops []ast.Node
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			loops = append(loops, n)
		case *ast.CallExpr:
			on, id := bind(n)
			key := on + " " + id
			switch {
			case id == "":
			case on == "":
				b.wrong = append(b.wrong, fmt.Sprintf("%s: who is given a hook is given the id, too, and not %s for each", path, id))
			case within(loops, n):
				b.wrong = append(b.wrong, fmt.Sprintf("%s: %s is bound to %s more than once: what differs belongs into its id", path, id, on))
			case b.at[key] != "":
				b.wrong = append(b.wrong, fmt.Sprintf("%s: %s takes the place of the handler of %s on %s", path, id, b.at[key], on))
			default:
				b.at[key] = path
			}
		}
		return true
	})
}

// bind returns the hook to which a call binds a handler, "" where it is a variable, and the
// handler's id, "" unless it is written out.
func bind(call *ast.CallExpr) (on, id string) {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || method.Sel.Name != "Bind" || len(call.Args) != 1 {
		return "", ""
	}
	switch handler := call.Args[0].(type) {
	case *ast.UnaryExpr:
		lit, ok := handler.X.(*ast.CompositeLit)
		if !ok || !strings.HasPrefix(types.ExprString(lit.Type), "hook.Handler") {
			return "", ""
		}
		for _, e := range lit.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok && types.ExprString(kv.Key) == "Id" {
				id = written(kv.Value)
			}
		}
	case *ast.CallExpr: // a function that makes it
		for _, arg := range handler.Args {
			if id == "" {
				id = written(arg)
			}
		}
	}
	switch hook := method.X.(type) {
	case *ast.CallExpr: // k.App.OnServe()
		if f, ok := hook.Fun.(*ast.SelectorExpr); ok {
			on = f.Sel.Name
		}
	case *ast.SelectorExpr: // se.Router
		on = hook.Sel.Name
	}
	return on, id
}

func written(e ast.Expr) string {
	if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
		return lit.Value
	}
	return ""
}

func within(loops []ast.Node, n ast.Node) bool {
	for _, l := range loops {
		if l.Pos() <= n.Pos() && n.End() <= l.End() {
			return true
		}
	}
	return false
}
