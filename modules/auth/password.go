package auth

import (
	_ "embed"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

var (
	errShort  = kernel.Fail(http.StatusBadRequest, "password_too_short", "The password is too short.").At("password")
	errLong   = kernel.Fail(http.StatusBadRequest, "password_too_long", "The password may have at most 71 bytes.").At("password")
	errCommon = kernel.Fail(http.StatusBadRequest, "password_common", "This password is one of the first that an attacker tries.").At("password")

	passwordErrors = []*kernel.Error{errShort, errLong, errCommon}
)

// maxPasswordBytes is PocketBase's limit; bcrypt ignores what comes after 72 bytes.
const maxPasswordBytes = 71

// checkPassword returns what is wrong with a new password by the clinic's settings, nil
// when nothing is. The second result is a fault.
func checkPassword(app core.App, password, name, email string) (*kernel.Error, error) {
	clinic, err := clinicapi.Current(app)
	if err != nil {
		return nil, err
	}
	return weakness(clinic, password, name, email), nil
}

// weakness returns what is wrong with a new password, nil when nothing is.
func weakness(clinic clinicapi.Settings, password, name, email string) *kernel.Error {
	switch {
	case len([]rune(password)) < clinic.PasswordMinLength:
		return errShort.Saying(fmt.Sprintf("Must have at least %d characters.", clinic.PasswordMinLength))
	case len(password) > maxPasswordBytes:
		return errLong
	case clinic.PasswordRefuseCommon && common(password, name, email, clinic.Name):
		return errCommon
	}
	return nil
}

// commonText holds words that most common passwords are made of, see its first lines.
//
//go:embed common.txt
var commonText string

var commonWords = sync.OnceValue(func() map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(commonText) {
		if !strings.HasPrefix(line, "#") {
			for _, w := range strings.Fields(line) {
				out[w] = true
			}
		}
	}
	return out
})

// maxAdded is how many digits and signs around a common word leave it common:
// "Welcome2026!".
const maxAdded = 6

// common reports whether a password is one or two words of the list, or words known of its
// owner, with a few digits and signs around them; or repeats itself; or walks along the
// keyboard or the alphabet.
func common(password string, known ...string) bool {
	p := []rune(strings.ToLower(password))
	if repeats(p) || walks(p) {
		return true
	}
	own := map[string]bool{}
	for _, k := range known {
		own[strings.ToLower(k)] = len([]rune(k)) >= 3 // the e-mail address, the full name
		for _, w := range strings.FieldsFunc(strings.ToLower(k), func(r rune) bool { return !unicode.IsLetter(r) }) {
			own[w] = len([]rune(w)) >= 3
		}
	}
	isWord := func(w string) bool { return commonWords()[w] || own[w] }
	for lead := 0; lead <= maxAdded && lead < len(p) && signs(p[:lead]); lead++ {
		for trail := 0; lead+trail <= maxAdded && lead+trail < len(p) && signs(p[len(p)-trail:]); trail++ {
			if oneOrTwo(p[lead:len(p)-trail], isWord) {
				return true
			}
		}
	}
	return false
}

func signs(p []rune) bool { return !slices.ContainsFunc(p, unicode.IsLetter) }

// oneOrTwo tries the letters that digits and signs stand for, too: "p@ssw0rd".
func oneOrTwo(p []rune, isWord func(string) bool) bool {
	for _, read := range []func(rune) rune{asWritten, letterOf, secondLetterOf} {
		w := strings.Map(read, string(p))
		if isWord(w) {
			return true
		}
		for at := range w {
			if at > 0 && isWord(strings.TrimRight(w[:at], " ._-")) && isWord(w[at:]) {
				return true
			}
		}
	}
	return false
}

// repeats reports whether p is a shorter text over and over: "aaaaaaaaaa", "adminadmin".
func repeats(p []rune) bool {
	for period := 1; period*2 <= len(p); period++ {
		if slices.Equal(p[period:], p[:len(p)-period]) {
			return true
		}
	}
	return false
}

// keyRows is an English keyboard; each row is half a key to the right of the one above.
var keyRows = []string{"1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./"}

var keyPlace = sync.OnceValue(func() map[rune][2]int {
	out := map[rune][2]int{}
	for y, row := range keyRows {
		for x, r := range []rune(row) {
			out[r] = [2]int{x, y}
		}
	}
	return out
})

// walks reports whether nearly every step of p goes to a neighbouring key or the next
// letter: "qwertyuiop", "1q2w3e4r5t", "abcdefghij", "0987654321".
func walks(p []rune) bool {
	steps := 0
	for i := 1; i < len(p); i++ {
		if p[i] == p[i-1] || p[i]-p[i-1] == 1 || p[i]-p[i-1] == -1 || neighbours(p[i-1], p[i]) {
			steps++
		}
	}
	return len(p) > 3 && steps*10 >= (len(p)-1)*8
}

func neighbours(a, b rune) bool {
	from, ok := keyPlace()[a]
	to, ok2 := keyPlace()[b]
	if !ok || !ok2 {
		return false
	}
	dx, dy := to[0]-from[0], to[1]-from[1]
	return dx >= -1 && dx <= 1 && dy >= -1 && dy <= 1
}

func asWritten(r rune) rune { return r }

// letterOf reads the signs that stand for letters.
func letterOf(r rune) rune {
	switch r {
	case '@', '4':
		return 'a'
	case '0':
		return 'o'
	case '1', '!':
		return 'i'
	case '3':
		return 'e'
	case '$', '5':
		return 's'
	case '7', '+':
		return 't'
	case '8':
		return 'b'
	}
	return r
}

// secondLetterOf is letterOf where 1 is an l, as in "1ove".
func secondLetterOf(r rune) rune {
	if r == '1' || r == '!' {
		return 'l'
	}
	return letterOf(r)
}
