package kernel

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// HasHidden reports whether a text has characters that nobody sees or that show it as
// something else than it is, or is no UTF-8.
func HasHidden(s string) bool { return !utf8.ValidString(s) || strings.ContainsFunc(s, hidden) }

// HasHiddenIn is HasHidden for every text and name in a JSON value.
func HasHiddenIn(v any) bool {
	switch v := v.(type) {
	case string:
		return HasHidden(v)
	case []any:
		return slices.ContainsFunc(v, HasHiddenIn)
	case map[string]any:
		for name, v := range v {
			if HasHidden(name) || HasHiddenIn(v) {
				return true
			}
		}
	}
	return false
}

// Legible returns s without such characters, for what other systems send: there a stray
// one is no reason to refuse a record.
func Legible(s string) string {
	return strings.Map(func(r rune) rune {
		if hidden(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// hidden knows the characters that no text of a clinic needs. The joiners U+200C and
// U+200D and the marks U+200E and U+200F stay: Persian, Hindi, Hebrew and emoji need them.
// Source: Unicode Technical Report 36, sections 2.5 and 3.6.
func hidden(r rune) bool {
	switch {
	case r == '\t' || r == '\n' || r == '\r':
		return false
	case unicode.IsControl(r):
		return true
	case r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069: // embeddings, overrides, isolates
		return true
	case r == 0x200B, r >= 0x2060 && r <= 0x2065, r == 0xFEFF: // spaces and operators without a width
		return true
	case r >= 0xFFF9 && r <= 0xFFFB, r >= 0xE0001 && r <= 0xE001F: // annotations, language tags
		return true
	}
	return false
}
