package exchangeapi

import (
	"strings"
	"unicode/utf8"
)

// formula are the first characters by which spreadsheets know a formula, also in their
// full-width forms. Source: OWASP, "CSV Injection".
const formula = "=+-@\t\r\n＝＋－＠"

// Guard puts an apostrophe before a value that a spreadsheet would run as a formula.
// Whatever writes a table for people passes its texts through it.
// Unguard(Guard(s)) is s for every s.
func Guard(s string) string {
	if dangerous(s) {
		return "'" + s
	}
	return s
}

// Unguard takes the apostrophe off that Guard puts before a value.
func Unguard(s string) string {
	if rest, ok := strings.CutPrefix(s, "'"); ok && dangerous(rest) {
		return rest
	}
	return s
}

// dangerous holds for s behind any number of apostrophes, so that Guard can be undone.
func dangerous(s string) bool {
	r, _ := utf8.DecodeRuneInString(strings.TrimLeft(s, "'"))
	return r != utf8.RuneError && strings.ContainsRune(formula, r)
}
