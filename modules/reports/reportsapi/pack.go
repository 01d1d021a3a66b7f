package reportsapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
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

// PacksByMonth returns the statement that puts a table's packs together by month, without
// sorting them as GROUP BY would, and its parameter {:months}: rows of a month of the range
// and its packs. With before there is one more, of the month "", for all days ahead of it.
func (r Range) PacksByMonth(table string, before bool) (statement, months string) {
	list := [][3]string{}
	if before {
		first, _ := clinicapi.ParseDay(r.From) // ParseRange made it
		list = append(list, [3]string{"", "", first.AddDate(0, 0, -1).Format(time.DateOnly)})
	}
	for _, m := range r.Months() {
		list = append(list, [3]string{m, max(r.From, m+"-01"), min(r.To, m+"-31")})
	}
	raw, _ := json.Marshal(list) // texts
	return `SELECT value ->> 0, coalesce((SELECT group_concat(pack, '') FROM ` + table + ` WHERE day BETWEEN value ->> 1 AND value ->> 2), '')
		FROM json_each({:months}) ORDER BY key`, string(raw)
}
