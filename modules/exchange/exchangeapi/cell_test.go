package exchangeapi_test

import (
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/exchange/exchangeapi"
)

func TestFormulasAreGuarded(t *testing.T) {
	for _, s := range []string{"=1+1", "+1 555", "-2", "@SUM(A1)", "\tx", "\rx", "\nx", "＝1", "'=1", "''=1", "'", "''", "O'Neill", "'tis", "plain", "", "'plain", "\xff"} {
		g := exchangeapi.Guard(s)
		if got := exchangeapi.Unguard(g); got != s {
			t.Errorf("Unguard(Guard(%q)) = %q", s, got)
		}
		if strings.IndexAny(g, "=+-@\t\r\n") == 0 || strings.HasPrefix(g, "＝") {
			t.Errorf("Guard(%q) = %q begins a formula", s, g)
		}
	}
	if got := exchangeapi.Unguard("'+1 555"); got != "+1 555" {
		t.Errorf("Unguard takes the apostrophe off: %q", got)
	}
	if got := exchangeapi.Guard("O'Neill"); got != "O'Neill" {
		t.Errorf("Guard leaves other values alone: %q", got)
	}
}

func FuzzGuard(f *testing.F) {
	f.Add("=cmd|' /C calc'!A0")
	f.Add("'-")
	f.Fuzz(func(t *testing.T, s string) {
		if got := exchangeapi.Unguard(exchangeapi.Guard(s)); got != s {
			t.Errorf("Unguard(Guard(%q)) = %q", s, got)
		}
	})
}
