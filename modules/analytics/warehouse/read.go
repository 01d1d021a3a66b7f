package warehouse

import (
	"context"
	"fmt"
	"strconv"
)

// Query is a SELECT with its arguments, all of them texts: $1 is the site, and Args follow.
type Query struct {
	SQL  string
	Args []string
}

// Answer is what a Query found.
type Answer struct{ result }

// Len is how many rows there are.
func (a Answer) Len() int { return len(a.rows) }

// Text returns a value as PostgreSQL writes it, "" for NULL.
func (a Answer) Text(line, column int) string { return a.text(line, column) }

// Int returns a whole number, 0 for NULL.
func (a Answer) Int(line, column int) (int64, error) {
	if a.rows[line][column] == nil {
		return 0, nil
	}
	n, err := strconv.ParseInt(a.text(line, column), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("column %d is no whole number: %w", column+1, err)
	}
	return n, nil
}

const beginReadSQL = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

// Read runs queries on one state of the data, in one round trip, and returns where the site
// stands in it.
func (w *Warehouse) Read(ctx context.Context, queries ...Query) (at Position, answers []Answer, err error) {
	calls := []call{{sql: beginReadSQL}, {sql: patienceSQL}, {sql: countRejectsSQL, args: []arg{text(w.site)}}, {sql: positionSQL, args: []arg{text(w.site)}},
		{sql: filledSQL, args: []arg{text(w.site)}}, {sql: numbersSQL}}
	head := len(calls)
	for _, q := range queries {
		c := call{sql: q.SQL, args: []arg{text(w.site)}}
		for _, a := range q.Args {
			c.args = append(c.args, text(a))
		}
		calls = append(calls, c)
	}
	results, err := w.send(ctx, append(calls, call{sql: commitSQL})...)
	if err != nil {
		w.rollback(ctx)
		return at, nil, err
	}
	answers = make([]Answer, len(queries))
	for i := range answers {
		answers[i] = Answer{results[head+i]}
	}
	if at, err = position(results[head-3]); err != nil {
		return at, nil, err
	}
	if at.SetAside, err = (Answer{results[head-4]}).Int(0, 0); err != nil {
		return at, nil, err
	}
	there, err := readNumbers(results[head-1])
	for i := range results[head-2].rows {
		at.Remade = at.Remade || there.remade(results[head-2].text(i, 0), results[head-2].text(i, 1))
	}
	return at, answers, err
}
