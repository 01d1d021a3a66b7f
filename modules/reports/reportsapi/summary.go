package reportsapi

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
}
