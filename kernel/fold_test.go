package kernel_test

import (
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel"
)

func TestFoldedTextsAreFoundHoweverTheyAreTyped(t *testing.T) {
	for _, same := range [][]string{
		{"Müller", "MULLER", "muller", "Mu\u0308ller"},
		{"ÖZ", "öz", "oz", "Oz"},
		{"İpek", "ipek", "IPEK"},
		{"Łukasz Wiśniewski", "lukasz wisniewski"},
		{"Søren Ødegård", "soren odegard"},
		{"Straße", "STRASSE", "strasse"},
		{"Nguyễn Thị Ánh", "nguyen thi anh"},
		{"Шевченко Йосип", "шевченко иосип"},
		{"Παπαδόπουλος", "ΠΑΠΑΔΟΠΟΥΛΟΣ"},
		{"أَحْمَد", "أحمد"},
		{"O’Connor", "o'connor"},
		{"Ａｄａ", "ada"},
	} {
		for _, s := range same {
			if got, want := kernel.Fold(s), kernel.Fold(same[0]); got != want {
				t.Errorf("Fold(%q) = %q, Fold(%q) = %q", s, got, same[0], want)
			}
		}
	}
	for _, other := range [][2]string{{"की", "का"}, {"が", "か゛が"}, {"Müller", "Miller"}} {
		if kernel.Fold(other[0]) == kernel.Fold(other[1]) {
			t.Errorf("%q and %q are the same", other[0], other[1])
		}
	}
}

func FuzzFoldIsFoldedAlready(f *testing.F) {
	for _, s := range []string{"", "Müller", "ÖZ", "ß", "ŉ", "ﬁ", "\xff", "İ", "ς", "ʻ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := kernel.Fold(s)
		if twice := kernel.Fold(once); twice != once {
			t.Errorf("Fold(%q) = %q, folded again %q", s, once, twice)
		}
	})
}
