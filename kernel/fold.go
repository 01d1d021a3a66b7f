package kernel

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// letters that Unicode does not take apart, and what people type who lack them.
var letters = strings.NewReplacer("ß", "ss", "ø", "o", "ł", "l", "đ", "d", "ð", "d", "þ", "th", "æ", "ae", "œ", "oe", "ħ", "h", "ı", "i", "ŋ", "n", "ſ", "s", "ς", "σ", "’", "'", "ʻ", "'")

// Fold returns the form in which texts are searched: small letters without accents, so
// that "MULLER" finds "Müller" and "oz" finds "ÖZ". Marks that are letters of their own,
// such as the vowels of Indian scripts, stay.
func Fold(s string) string {
	if ascii(s) {
		return strings.ToLower(s)
	}
	var b strings.Builder
	for _, r := range norm.NFKD.String(strings.ToLower(s)) {
		if !accent(r) {
			b.WriteRune(r)
		}
	}
	return letters.Replace(norm.NFC.String(strings.ToLower(b.String())))
}

// accent reports whether the combining mark is one that people leave out: those of Latin,
// Greek and Cyrillic letters, and the points of Hebrew and Arabic.
func accent(r rune) bool {
	return unicode.Is(unicode.Mn, r) && (r >= 0x300 && r <= 0x36F || r >= 0x483 && r <= 0x487 || r >= 0x591 && r <= 0x5C7 || r >= 0x64B && r <= 0x65F || r == 0x670)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
