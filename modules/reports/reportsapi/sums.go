package reportsapi

import (
	"fmt"
	"strings"

	"github.com/pocketbase/dbx"
)

// sum is the figures of a key, added up over a part.
type sum struct {
	key     string
	figures []int64
}

// EachSum calls add with every sum that makes up the range: those of the table's rows of
// the spans' units, each followed by suffix. key is the row's column of that name; figures
// are its columns, to be taken times sign, and may not be kept or changed. The table has
// stamps, see Stamp.
//
// Adding up is left to the caller: SQLite's GROUP BY puts each row through a sorter, at
// twice the time.
func (c *Call) EachSum(table, suffix, key string, columns []string, add func(month, key string, sign int64, figures []int64)) error {
	parts, err := c.sumParts(table)
	if err != nil {
		return err
	}
	sums, err := recall(c, table, suffix+" "+strings.Join(columns, " "), parts, func(list string, keep func(int, []sum, int)) error {
		return c.readSums(list, table, suffix, key, columns, keep)
	})
	if err != nil {
		return fmt.Errorf("sums of %s: %w", table, err)
	}
	for i, p := range parts {
		for _, s := range sums[i] {
			add(p.month, s.key, int64(p.Sign), s.figures)
		}
	}
	return nil
}

// sumParts returns the range's spans month by month, without the months that have no rows.
func (c *Call) sumParts(table string) (parts []part, err error) {
	months, err := c.stamps(table, Month(c.From), Month(c.To))
	if err != nil {
		return nil, err
	}
	spans := c.Spans()
	for _, m := range months {
		for _, s := range spans {
			switch {
			case s.Unit == ByDay && Month(s.First) == m.month: // all its days are of one month
				parts = append(parts, part{s, m})
			case s.Unit == ByMonth && s.First <= m.month && m.month <= s.Last:
				parts = append(parts, part{Span{ByMonth, m.month, m.month, s.Sign}, m})
			}
		}
	}
	return parts, nil
}

func (c *Call) readSums(list, table, suffix, key string, columns []string, keep func(part int, sums []sum, bytes int)) error {
	rows, err := c.DB.NewQuery(`WITH parts(n, unit, first, last) AS MATERIALIZED (SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each({:parts}))
		SELECT n, ` + key + ", " + strings.Join(columns, ", ") + " FROM parts CROSS JOIN " + table + " s ON s.unit = parts.unit || {:suffix} AND period BETWEEN first AND last").
		Bind(dbx.Params{"parts": list, "suffix": suffix}).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	var n int
	var of string
	figures := make([]int64, len(columns))
	into := []any{&n, &of}
	for i := range figures {
		into = append(into, &figures[i])
	}
	current, sums, at := -1, []sum(nil), map[string]int{}
	done := func() {
		if current >= 0 {
			keep(current, sums, len(sums)*(64+8*len(columns)))
		}
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if n != current {
			done()
			current, sums = n, nil
			clear(at)
		}
		i, known := at[of]
		if !known {
			i, at[of] = len(sums), len(sums)
			sums = append(sums, sum{of, make([]int64, len(columns))})
		}
		for k, f := range figures {
			sums[i].figures[k] += f
		}
	}
	done()
	return rows.Err()
}
