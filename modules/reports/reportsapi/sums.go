package reportsapi

import (
	"fmt"
	"strings"

	"github.com/pocketbase/dbx"
)

// EachSum calls add with every sum that makes up the range: those of the table's rows of
// the spans' units, each followed by suffix. key is the row's column of that name, figures
// are its columns times the span's sign; the slice is used again. Adding up is left to the
// caller: SQLite's GROUP BY puts each row through a sorter, at twice the time.
func (c *Call) EachSum(table, suffix, key string, columns []string, add func(month, key string, figures []int64)) error {
	rows, err := c.DB.NewQuery(SpansTable + "SELECT sign, substr(period, 1, 7), " + key + ", " + strings.Join(columns, ", ") +
		" FROM spans CROSS JOIN " + table + " s ON s.unit = spans.unit || {:suffix} AND period BETWEEN first AND last").
		Bind(dbx.Params{"spans": c.SpansParam(), "suffix": suffix}).Rows()
	if err != nil {
		return fmt.Errorf("sums of %s: %w", table, err)
	}
	defer rows.Close()
	var sign int64
	var month, of string
	figures := make([]int64, len(columns))
	into := []any{&sign, &month, &of}
	for i := range figures {
		into = append(into, &figures[i])
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("sums of %s: %w", table, err)
		}
		for i := range figures {
			figures[i] *= sign
		}
		add(month, of, figures)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("sums of %s: %w", table, err)
	}
	return nil
}
