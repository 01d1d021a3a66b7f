package reportsapi

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/pocketbase/dbx"
)

// packed is what was made of the packs of a month: of each day, and of all of them together.
type packed[D, M any] struct {
	days  []packedDay[D]
	month M
}

type packedDay[D any] struct {
	day   string
	stamp int64
	made  bool
	of    D
	bytes int // that of takes in memory
}

// EachPack calls add with what combine makes of the days of each month, of the days from
// first to last, both included: oldest first, without the months that have none. decode is
// given the pack of a day, and combine what decode made of some days of one month, in order. A
// pack of a day that is not known is of the month "". bytes is about what a value takes in memory,
// of combine beside its days. Of a month that changed, the days are read that did: the table has
// stamps, see Stamp and StampDays.
func EachPack[D, M any](c *Call, table, first, last string, decode func(pack []byte) (of D, bytes int, err error),
	combine func(days []D) (of M, bytes int), add func(month string, of M) error) error {
	months, err := c.stamps(table, Month(first), Month(last))
	if err != nil {
		return err
	}
	parts := make([]part, len(months))
	for i, m := range months {
		parts[i] = part{Span{ByDay, m.month + "-01", m.month + "-31", 1}, m}
		if m.month == "" {
			parts[i].Span = Span{Unit: ByDay}
		}
	}
	made := fmt.Sprintf("%T", decode)
	values, err := recall(c, table, made, parts, func(list string, keep func(int, *packed[D, M], int)) error {
		changed, err := stampedDays[D, M](c, table, list)
		if err != nil {
			return err
		}
		for n, is := range changed {
			was, _ := memoryOf(c.App).stale(keyOf(table, made, parts[n])).(*packed[D, M])
			is.takeOver(was)
		}
		if err := readPacks(c, table, changed, decode); err != nil {
			return err
		}
		for n, is := range changed {
			var bytes int
			is.month, bytes = combine(is.within("", lastDay))
			for _, d := range is.days {
				bytes += d.bytes + 64
			}
			keep(n, is, bytes)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("packs of %s: %w", table, err)
	}
	for i, p := range parts {
		of := values[i].month
		if first > p.First || last < p.Last {
			of, _ = combine(values[i].within(first, last))
		}
		if err := add(p.month, of); err != nil {
			return fmt.Errorf("packs of %s: %w", table, err)
		}
	}
	return nil
}

// within returns what was made of the days from first to last.
func (p *packed[D, M]) within(first, last string) []D {
	days := make([]D, 0, len(p.days))
	for _, d := range p.days {
		if first <= d.day && d.day <= last {
			days = append(days, d.of)
		}
	}
	return days
}

// takeOver takes what was made of the days that have not changed since; nil has none.
func (p *packed[D, M]) takeOver(was *packed[D, M]) {
	if was == nil {
		return
	}
	i := 0
	for j := range p.days {
		for i < len(was.days) && was.days[i].day < p.days[j].day {
			i++
		}
		if i < len(was.days) && was.days[i].day == p.days[j].day && was.days[i].stamp == p.days[j].stamp {
			p.days[j] = was.days[i]
		}
	}
}

// stampedDays returns the days of each part on the list, of which nothing was made yet.
func stampedDays[D, M any](c *Call, table, list string) (map[int]*packed[D, M], error) {
	rows, err := c.DB.NewQuery(`SELECT p.value ->> 0, d.day, d.stamp FROM json_each({:parts}) p
		LEFT JOIN ` + table + `_days d ON d.day BETWEEN p.value ->> 2 AND p.value ->> 3 ORDER BY 1, 2`).Bind(dbx.Params{"parts": list}).Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	of := map[int]*packed[D, M]{}
	for rows.Next() {
		var n int
		var day *string
		var stamp *int64
		if err := rows.Scan(&n, &day, &stamp); err != nil {
			return nil, err
		}
		if of[n] == nil {
			of[n] = &packed[D, M]{}
		}
		if day != nil {
			of[n].days = append(of[n].days, packedDay[D]{day: *day, stamp: *stamp})
		}
	}
	return of, rows.Err()
}

// readPacks reads the packs of the days of which nothing was made yet.
func readPacks[D, M any](c *Call, table string, parts map[int]*packed[D, M], decode func(pack []byte) (D, int, error)) error {
	days, missing := map[string]*packedDay[D]{}, []string{}
	for _, p := range parts {
		for i, d := range p.days {
			if !d.made {
				days[d.day], missing = &p.days[i], append(missing, d.day)
			}
		}
	}
	list, err := json.Marshal(missing)
	if err != nil {
		return err
	}
	// A day whose entries are all gone may have no pack any more.
	rows, err := c.DB.NewQuery("SELECT d.value, coalesce(pack, '') FROM json_each({:days}) d LEFT JOIN " + table + " p ON p.day = d.value").
		Bind(dbx.Params{"days": string(list)}).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var day string
		var pack sql.RawBytes
		if err := rows.Scan(&day, &pack); err != nil {
			return err
		}
		d := days[day]
		if d.of, d.bytes, err = decode(pack); err != nil {
			return fmt.Errorf("day %s: %w", day, err)
		}
		d.made = true
	}
	return rows.Err()
}
