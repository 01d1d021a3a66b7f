package reportsapi

import (
	"fmt"
	"strings"

	"github.com/pocketbase/dbx"
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

// EachPack calls add with what decode makes of the packs of each month, of the days from
// first to last, both included: oldest first, without the months that have none. Packs of a
// day that is not known are of the month "". bytes is about what a value takes in memory. The
// table has stamps, see Stamp.
func EachPack[V any](c *Call, table, first, last string, decode func(packs []byte) (v V, bytes int, err error), add func(month string, v V) error) error {
	months, err := c.stamps(table, Month(first), Month(last))
	if err != nil {
		return err
	}
	parts := make([]part, len(months))
	for i, m := range months {
		parts[i] = part{Span{ByDay, max(first, m.month+"-01"), min(last, m.month+"-31"), 1}, m}
		if m.month == "" {
			parts[i].Span = Span{Unit: ByDay}
		}
	}
	made := fmt.Sprintf("%T", decode)
	values, err := recall(c, table, made, parts, func(list string, keep func(int, V, int)) error {
		// Put together in SQL: to fetch a row a day takes longer than to decode what is in it.
		rows, err := c.DB.NewQuery(`SELECT value ->> 0, coalesce((SELECT group_concat(pack, '') FROM ` + table + ` WHERE day BETWEEN value ->> 2 AND value ->> 3), '')
			FROM json_each({:parts})`).Bind(dbx.Params{"parts": list}).Rows()
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var n int
			var packs []byte
			if err := rows.Scan(&n, &packs); err != nil {
				return err
			}
			v, bytes, err := decode(packs)
			if err != nil {
				return fmt.Errorf("month %s: %w", parts[n].month, err)
			}
			keep(n, v, bytes)
		}
		return rows.Err()
	})
	if err != nil {
		return fmt.Errorf("packs of %s: %w", table, err)
	}
	for i, p := range parts {
		if err := add(p.month, values[i]); err != nil {
			return fmt.Errorf("packs of %s: %w", table, err)
		}
	}
	return nil
}
