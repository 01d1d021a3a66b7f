package kernel_test

import (
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel"
)

func TestLegible(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain text", "Zoë 田中\n", "Zoë 田中\n"},
		{"a control character", "a\x00b\x1fc", "abc"},
		{"a turn of direction", "abc\u202edef", "abcdef"},
		{"a space without width", "Nov\u200bak\ufeff", "Novak"},
		{"joiners that writing needs", "می\u200cخواهم", "می\u200cخواهم"},
		{"no UTF-8", "ab\xffc", "abc"},
	} {
		if got := kernel.Legible(c.in); got != c.want || kernel.HasHidden(got) || kernel.HasHidden(c.in) != (c.in != c.want) {
			t.Errorf("%s: got %q", c.name, got)
		}
	}
}
