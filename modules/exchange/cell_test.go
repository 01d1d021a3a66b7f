package exchange

import (
	"strings"
	"testing"
)

func TestFormulasAreGuarded(t *testing.T) {
	for _, s := range []string{"=1+1", "+1 555", "-2", "@SUM(A1)", "\tx", "\rx", "\nx", "＝1", "'=1", "''=1", "'", "''", "O'Neill", "'tis", "plain", "", "'plain", "\xff"} {
		g := guard(s)
		if got := unguard(g); got != s {
			t.Errorf("unguard(guard(%q)) = %q", s, got)
		}
		if strings.IndexAny(g, "=+-@\t\r\n") == 0 || strings.HasPrefix(g, "＝") {
			t.Errorf("guard(%q) = %q begins a formula", s, g)
		}
	}
	if got := unguard("'+1 555"); got != "+1 555" {
		t.Errorf("unguard takes the apostrophe off: %q", got)
	}
	if got := guard("O'Neill"); got != "O'Neill" {
		t.Errorf("guard leaves other values alone: %q", got)
	}
}

func FuzzGuard(f *testing.F) {
	f.Add("=cmd|' /C calc'!A0")
	f.Add("'-")
	f.Fuzz(func(t *testing.T, s string) {
		if got := unguard(guard(s)); got != s {
			t.Errorf("unguard(guard(%q)) = %q", s, got)
		}
	})
}

func TestSeparator(t *testing.T) {
	for line, want := range map[string]rune{
		"name,contact\nx;y;z;w": ',', "name;contact": ';', "name\tcontact\tage": '\t', "name": ',', "": ',',
	} {
		if got := separator([]byte(line)); got != want {
			t.Errorf("separator(%q) = %q, want %q", line, got, want)
		}
	}
}
