package reportsapi

import (
	"strings"

	"github.com/pocketbase/dbx"
)

// Summary is a table that triggers keep in step with rows, in the transaction of whatever
// changes them: API, dashboard, import, cascade or plain SQL. A module lists each of its
// own in Provides, so that `polyclinic doctor` can recount it.
type Summary struct {
	Table    string   // the table that the triggers keep
	Keys     []string // its primary key; of a packed table what is in its packs too
	Sums     []string // its figures; whole numbers, money in minor units
	Triggers []string // the triggers that keep it
	Recount  string   // a SELECT that computes Keys and Sums from the rows themselves

	// Of a packed table, whose rows are not Keys and Sums: a SELECT that reads those out of
	// it, and the statements that make it anew from the rows.
	Kept    string
	Rebuild []string

	// Of a large table: the table of the rows, its column that holds a day, and the key that
	// holds the same day, or its month or year. Recount, and Kept and what in Rebuild reads rows,
	// then take a part of the days, see Part: all at once took 500 bytes of memory a row.
	Rows, Day, Along string
	Years            bool // parts begin with years, since a key holds those
}

// firstDay and lastDay are the bounds of all days, whatever is written for one.
const (
	firstDay = ""
	lastDay  = "\U0010FFFF"
)

// Part is the SQL condition that a day is of the part that is asked for.
func Part(day string) string { return day + " >= {:from} AND " + day + " < {:before}" }

// OfAll makes a statement with Part one of all days. Released migrations run it.
func OfAll(statement string) string {
	return strings.NewReplacer("{:from}", "''", "{:before}", "char(1114111)").Replace(statement)
}

// InParts reports whether the statement takes a part of the days.
func InParts(statement string) bool { return strings.Contains(statement, "{:from}") }

// PartRows is about how many rows are counted at once. Tests lower it.
var PartRows = 100_000

// mostScans is in how many parts a table is counted that has no index by day: each part goes
// through all of it.
const mostScans = 10

// Parts returns the bounds of Part that together are all days: so many that each has about
// PartRows rows, but a month at least, and no more than mostScans where there is no index.
func (s Summary) Parts(db dbx.Builder) ([]dbx.Params, error) {
	all := []dbx.Params{{"from": firstDay, "before": lastDay}}
	if s.Rows == "" {
		return all, nil
	}
	var last int
	if err := db.NewQuery("SELECT coalesce(max(rowid), 0) FROM " + s.Rows).Row(&last); err != nil || last <= PartRows {
		return all, err
	}
	length := "7"
	if s.Years {
		length = "4"
	}
	var begins []string
	if err := db.NewQuery("SELECT DISTINCT substr(" + s.Day + ", 1, " + length + ") FROM " + s.Rows + " ORDER BY 1").Column(&begins); err != nil {
		return nil, err
	}
	step := max(1, len(begins)*PartRows/last)
	if indexed, err := s.indexed(db); err != nil {
		return nil, err
	} else if !indexed {
		step = max(step, (len(begins)+mostScans-1)/mostScans)
	}
	parts := []dbx.Params{{"from": firstDay}}
	for i := 1; i < len(begins); i += step {
		parts[len(parts)-1]["before"] = begins[i]
		parts = append(parts, dbx.Params{"from": begins[i]})
	}
	parts[len(parts)-1]["before"] = lastDay
	return parts, nil
}

// indexed reports whether rows are found by their day.
func (s Summary) indexed(db dbx.Builder) (is bool, err error) {
	err = db.NewQuery("SELECT EXISTS (SELECT 1 FROM pragma_index_list({:rows}) l, pragma_index_info(l.name) c WHERE c.seqno = 0 AND c.name = {:day})").
		Bind(dbx.Params{"rows": s.Rows, "day": s.Day}).Row(&is)
	return is, err
}
