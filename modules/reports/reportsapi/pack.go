package reportsapi

import (
	"fmt"
	"strings"
)

// Packs. How many different patients there are in a range cannot be added up from sums,
// and counting them in SQL takes seconds at a million rows. Triggers therefore keep what
// is counted of the rows of a day in one text, the day's pack: an entry a row, the byte
// '!', then numbers of a fixed width, six bits a byte, each as the character 48 + bits.
// '!' is no such character, so that a trigger finds and takes out one entry with instr.
// Patients and doctors are numbered by tables that triggers fill.

// Digits returns the number in the bytes of a pack's entry.
func Digits(b []byte) (n int64) {
	for _, c := range b {
		n = n<<6 | int64(c-48)
	}
	return n
}

// PackSQL returns the SQL of the digits of a number, see Digits. Stored packs and released
// migrations depend on it: it never changes.
func PackSQL(number string, digits int) string {
	parts := make([]string, digits)
	for i := range parts {
		parts[i] = fmt.Sprintf("48 + (%s >> %d & 63)", number, 6*(digits-1-i))
	}
	return "char(" + strings.Join(parts, ", ") + ")"
}

// UnpackSQL returns the SQL of the number whose digits begin at the byte first, counted
// from 1, of an entry without its '!'.
func UnpackSQL(entry string, first, digits int) string {
	parts := make([]string, digits)
	for i := range parts {
		parts[i] = fmt.Sprintf("(unicode(substr(%s, %d)) - 48) * %d", entry, first+i, int64(1)<<(6*(digits-1-i)))
	}
	return "(" + strings.Join(parts, " + ") + ")"
}

// EntriesSQL returns the SQL of a table function whose column value is the entries of a
// pack, without their '!'.
func EntriesSQL(pack string) string {
	return `json_each('["' || replace(replace(substr(` + pack + `, 2), '\', '\\'), '!', '","') || '"]')`
}
