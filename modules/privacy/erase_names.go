package privacy

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// shortestName is how many letters a part of a name must have to be looked for by itself.
const shortestName = 3

// nameWords returns the ways in which the parts of names are looked for as whole words: as they
// were entered and in capitals. What was entered all small or all in capitals is looked for with
// a capital first letter, never small: many names are ordinary words. A small word within a name
// that is not all small, such as "van", says nobody.
func nameWords(names []string) map[string]bool {
	words := map[string]bool{}
	for _, name := range names {
		parts := strings.FieldsFunc(name, func(r rune) bool { return !inWord(r) })
		small := strings.ToLower(name) == name
		for _, part := range parts {
			letters := 0
			for _, r := range part {
				if unicode.IsLetter(r) {
					letters++
				}
			}
			lower, upper := strings.ToLower(part), strings.ToUpper(part)
			if letters < shortestName || part == lower && lower != upper && !small {
				continue
			}
			words[upper] = true
			if part == lower || part == upper {
				first, n := utf8.DecodeRuneInString(lower)
				words[string(unicode.ToTitle(first))+lower[n:]] = true
			}
			if part != lower || lower == upper { // the latter: a script without capitals
				words[part] = true
			}
		}
	}
	return words
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }

// between is what may stand between two parts of one name: "Wolkenstein, Quirinus".
const between = " ,.-'’\u00a0"

// replaceWords puts the pseudonym where words of the set stand as whole words; several in a row
// become one.
func replaceWords(text string, words map[string]bool, pseudonym string) string {
	var out strings.Builder
	kept := 0 // up to here text is in out
	last := -1
	for start := 0; start < len(text); {
		r, n := utf8.DecodeRuneInString(text[start:])
		if !inWord(r) {
			start += n
			continue
		}
		end := start
		for end < len(text) {
			r, n := utf8.DecodeRuneInString(text[end:])
			if !inWord(r) {
				break
			}
			end += n
		}
		if words[text[start:end]] {
			if last < 0 || last != kept || strings.Trim(text[last:start], between) != "" {
				out.WriteString(text[kept:start])
				out.WriteString(pseudonym)
			}
			kept, last = end, end
		}
		start = end
	}
	if kept == 0 {
		return text
	}
	out.WriteString(text[kept:])
	return out.String()
}
