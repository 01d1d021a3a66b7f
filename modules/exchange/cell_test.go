package exchange

import "testing"

func TestSeparator(t *testing.T) {
	for line, want := range map[string]rune{
		"name,contact\nx;y;z;w": ',', "name;contact": ';', "name\tcontact\tage": '\t', "name": ',', "": ',',
	} {
		if got := separator([]byte(line)); got != want {
			t.Errorf("separator(%q) = %q, want %q", line, got, want)
		}
	}
}
