package privacy

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// fewestDigits is how many digits a telephone number must have, without the prefix of its
// country and the 0 in front, to be looked for by its digits.
const fewestDigits = 7

// separated is what may stand between two digits of one number.
const separated = `[\s\p{Zs}\p{Pd}./()]{0,3}`

var (
	numberIn   = regexp.MustCompile(`\+?\(?\d(?:` + separated + `\d)*`)
	trunk      = regexp.MustCompile(`\(\s*0\s*\)`)
	twoDigitCC = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98"
)

// countryPrefix returns the prefix of the country that international digits begin with: of one
// digit, two or three, by ITU-T E.164.
func countryPrefix(digits string) string {
	switch {
	case digits == "":
		return ""
	case digits[0] == '1' || digits[0] == '7':
		return digits[:1]
	case len(digits) > 1 && slices.Contains(strings.Fields(twoDigitCC), digits[:2]):
		return digits[:2]
	case len(digits) > 2:
		return digits[:3]
	}
	return ""
}

// numberPatterns returns what finds the telephone numbers in the texts that were entered, by
// their digits: with any separators, and with the prefix of the country, a 0 in front, or
// neither. Where a number was entered without the prefix, it is found with any.
func numberPatterns(entered []string) (list []*regexp.Regexp) {
	seen := map[string]bool{}
	for _, text := range entered {
		for _, number := range numberIn.FindAllString(trunk.ReplaceAllString(text, ""), -1) {
			digits := strings.Map(func(r rune) rune {
				if r < '0' || r > '9' {
					return -1
				}
				return r
			}, number)
			country := `[1-9]\d{0,2}`
			if rest, ok := strings.CutPrefix(digits, "00"); ok || strings.HasPrefix(number, "+") {
				country = countryPrefix(rest)
				digits = strings.TrimPrefix(rest, country)
			}
			digits = strings.TrimLeft(digits, "0")
			if len(digits) < fewestDigits || seen[country+" "+digits] {
				continue
			}
			seen[country+" "+digits] = true
			sign := `(?:\+|00)`
			if country[0] != '[' {
				sign += "?" // the digits that were entered are enough
			}
			list = append(list, regexp.MustCompile(`\(?(?:`+sign+separated+country+separated+`)?(?:\(?0\)?`+separated+`)?\(?`+strings.Join(strings.Split(digits, ""), separated)))
		}
	}
	return list
}

// replaceNumbers puts the pseudonym where a pattern finds a number that no further digit stands
// at.
func replaceNumbers(text string, patterns []*regexp.Regexp, pseudonym string) string {
	for _, p := range patterns {
		var out strings.Builder
		kept := 0
		for _, at := range p.FindAllStringIndex(text, -1) {
			before, _ := utf8.DecodeLastRuneInString(text[:at[0]])
			after, _ := utf8.DecodeRuneInString(text[at[1]:])
			if unicode.IsDigit(before) || unicode.IsDigit(after) {
				continue
			}
			out.WriteString(text[kept:at[0]])
			out.WriteString(pseudonym)
			kept = at[1]
		}
		if kept > 0 {
			out.WriteString(text[kept:])
			text = out.String()
		}
	}
	return text
}
