package ship

import (
	"encoding/json"
	"slices"
)

// plan is what is still to be read in full. It is kept in the warehouse as the position's
// snapshot, so that a reading goes on where its last committed chunk ended.
type plan struct {
	Todo []string `json:"todo"` // tables, the first is under way once Begun

	Begun   bool    `json:"begun,omitempty"`
	Copy    bool    `json:"copy,omitempty"`    // straight in, in the order of rowids: the warehouse had none of its rows
	Version int64   `json:"version,omitempty"` // of the schema by which the rowids hold
	Rowid   int64   `json:"rowid,omitempty"`   // the last that is in
	After   *string `json:"after,omitempty"`   // replaced up to this id
}

// parsePlan reads a snapshot; "" is the plan to do nothing.
func parsePlan(snapshot string) (p plan, err error) {
	if snapshot == "" {
		return plan{}, nil
	}
	err = json.Unmarshal([]byte(snapshot), &p)
	return p, err
}

func (p plan) String() string {
	if len(p.Todo) == 0 {
		return ""
	}
	raw, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return string(raw)
}

// with returns the plan with further tables. One that is under way starts over.
func (p plan) with(tables []string) plan {
	out := plan{Todo: slices.Clone(p.Todo)}
	if !slices.Contains(tables, p.first()) {
		out.Begun, out.Copy, out.Version, out.Rowid, out.After = p.Begun, p.Copy, p.Version, p.Rowid, p.After
	}
	for _, t := range tables {
		if !slices.Contains(out.Todo, t) {
			out.Todo = append(out.Todo, t)
		}
	}
	return out
}

// done returns the plan behind its first table.
func (p plan) done() plan { return plan{Todo: slices.Clone(p.Todo[1:])} }

func (p plan) first() string {
	if len(p.Todo) == 0 {
		return ""
	}
	return p.Todo[0]
}

// waiting are the tables whose rows will all be read later than now: their changes need not
// be shipped. Of the one that is under way some were read before.
func (p plan) waiting() map[string]bool {
	skip := map[string]bool{}
	for _, t := range p.Todo {
		skip[t] = t != p.first() || !p.Begun
	}
	return skip
}

// Todo returns the tables that a position's snapshot says are still to be read in full.
func Todo(snapshot string) []string {
	p, err := parsePlan(snapshot)
	if err != nil {
		return []string{"?"} // another version's: not nothing
	}
	return p.Todo
}
