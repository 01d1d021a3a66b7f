package authapi

// Named is contributed by modules that keep the ids of accounts elsewhere than in a relation:
// the rows of Collection on which the SQL condition Where holds name the account {:account},
// which is not deleted then.
type Named struct{ Collection, Where string }
