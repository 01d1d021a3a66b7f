package reportsapi

import (
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Stamps. A table that triggers keep has beside it a table <table>_stamps: for each month
// with rows a number that is drawn anew, at random, in the transaction of whatever changes
// one of them. What a report made of a month is good for as long as the month's stamp is the
// same. A number drawn in a transaction that was rolled back never comes again. A table of packs
// has the same of each day, in a table <table>_days, so that of a month that changed only the days
// are read that did.

// BySum and ByPack are how a table's rows say what month they are of, for Stamp: sums by
// their rows of months, packs by their day.
var (
	BySum  = stampedBy{"X.period", "X.unit = 'month'"}
	ByPack = stampedBy{"substr(X.day, 1, 7)", "true"}
)

// stampedBy is SQL on a row X: its month, YYYY-MM, and whether it counts.
type stampedBy struct{ month, counts string }

// Stamp makes the stamps of a table. Released migrations run it: what it does never changes.
func Stamp(tx core.App, table string, by stampedBy) error {
	for _, statement := range stampSQL(table, by.month, by.counts) {
		if _, err := tx.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			return fmt.Errorf("stamps of %s: %w", table, err)
		}
	}
	return nil
}

func stampSQL(table, month, counts string) []string {
	on := func(row, sql string) string { return strings.ReplaceAll(sql, "X.", row+".") }
	trigger := func(event, row string) string {
		return "CREATE TRIGGER " + table + "_stamps_" + strings.ToLower(event) + " AFTER " + event + " ON " + table + " WHEN " + on(row, counts) + `
		BEGIN INSERT INTO ` + table + "_stamps SELECT " + on(row, month) + ", random() WHERE true ON CONFLICT (month) DO UPDATE SET stamp = excluded.stamp; END"
	}
	return []string{
		"CREATE TABLE " + table + "_stamps (month TEXT PRIMARY KEY NOT NULL, stamp INTEGER NOT NULL) WITHOUT ROWID",
		trigger("INSERT", "NEW"), trigger("UPDATE", "NEW"), trigger("DELETE", "OLD"),
		"INSERT INTO " + table + "_stamps SELECT month, random() FROM (SELECT DISTINCT " + on(table, month) + " AS month FROM " + table + " WHERE " + on(table, counts) + ")",
	}
}

// StampTriggers are the names of the triggers of Stamp, for Summary.Triggers.
func StampTriggers(table string) []string {
	return []string{table + "_stamps_insert", table + "_stamps_update", table + "_stamps_delete"}
}

// StampDays makes stamps of each day of a table of packs, beside those of the months that
// Stamp made: in a table <table>_days. Released migrations run it: what it does never changes.
func StampDays(tx core.App, table string) error {
	trigger := func(event, row string) string {
		return "CREATE TRIGGER " + table + "_days_" + strings.ToLower(event) + " AFTER " + event + " ON " + table + `
		BEGIN INSERT INTO ` + table + "_days SELECT " + row + ".day, random() WHERE true ON CONFLICT (day) DO UPDATE SET stamp = excluded.stamp; END"
	}
	for _, statement := range []string{
		"CREATE TABLE " + table + "_days (day TEXT PRIMARY KEY NOT NULL, stamp INTEGER NOT NULL) WITHOUT ROWID",
		trigger("INSERT", "NEW"), trigger("UPDATE", "NEW"), trigger("DELETE", "OLD"),
		"INSERT INTO " + table + "_days SELECT day, random() FROM " + table,
	} {
		if _, err := tx.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			return fmt.Errorf("stamps of the days of %s: %w", table, err)
		}
	}
	return nil
}

// DayStampTriggers are the names of the triggers of StampDays, for Summary.Triggers.
func DayStampTriggers(table string) []string {
	return []string{table + "_days_insert", table + "_days_update", table + "_days_delete"}
}

// stampedMonth is a month with rows, YYYY-MM, and its stamp.
type stampedMonth struct {
	month string
	stamp int64
}

// stamps returns the months with rows from first to last, both included, in order.
func (c *Call) stamps(table, first, last string) (months []stampedMonth, err error) {
	all, known := c.stamped[table]
	if !known {
		if all, err = readStamps(c.DB, table); err != nil {
			return nil, fmt.Errorf("stamps of %s: %w", table, err)
		}
		if c.stamped == nil {
			c.stamped = map[string][]stampedMonth{}
		}
		c.stamped[table] = all
	}
	for _, m := range all {
		if first <= m.month && m.month <= last {
			months = append(months, m)
		}
	}
	return months, nil
}

func readStamps(db dbx.Builder, table string) (months []stampedMonth, err error) {
	rows, err := db.NewQuery("SELECT month, stamp FROM " + table + "_stamps ORDER BY month").Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var m stampedMonth
		if err := rows.Scan(&m.month, &m.stamp); err != nil {
			return nil, err
		}
		months = append(months, m)
	}
	return months, rows.Err()
}

// Once returns what read makes of the table's rows from the day first to the day last, both
// included; it is asked again once a row of one of those months has changed. made says what
// it makes, and for what beside the days. bytes is about what the value takes in memory; it
// may not be changed by whoever gets it.
func Once[V any](c *Call, table, first, last, made string, read func() (v V, bytes int, err error)) (V, error) {
	var none V
	months, err := c.stamps(table, Month(first), Month(last))
	if err != nil {
		return none, err
	}
	hash := fnv.New64a()
	for _, m := range months {
		fmt.Fprintln(hash, m.month, m.stamp)
	}
	key, stamp := partKey{table: table, made: made, first: first, last: last}, int64(hash.Sum64())
	if value, ok := memoryOf(c.App).get(key, stamp); ok {
		return value.(V), nil
	}
	v, bytes, err := read()
	if err != nil {
		return none, err
	}
	memoryOf(c.App).put(key, &remembered{stamp: stamp, value: v, bytes: bytes + 256})
	return v, nil
}
