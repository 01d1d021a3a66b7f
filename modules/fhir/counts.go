package fhir

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// count is what became of the resources of a type. read is the sum of the others.
type count struct {
	read, added, changed, unchanged, skipped, refused int
}

// made is what became of the records of a collection.
type made struct{ created, updated int }

// counts is what an import did.
type counts struct {
	types   map[string]*count
	records map[string]*made
	reasons map[string]int // why resources were not taken, with their type
	broken  int            // entries and files that could not be read
	late    int            // resources of earlier runs that could go in now
	waiting int            // resources of earlier runs that still cannot
}

func newCounts() counts {
	return counts{types: map[string]*count{}, records: map[string]*made{}, reasons: map[string]int{}}
}

func (c *counts) of(kind string) *count {
	if c.types[kind] == nil {
		c.types[kind] = &count{}
	}
	return c.types[kind]
}

// skip counts a resource that nothing is made of.
func (c *counts) skip(kind, reason string) {
	c.of(kind).skipped++
	c.reasons[kind+": "+reason]++
}

func (c *counts) record(collection string, did outcome) {
	if c.records[collection] == nil {
		c.records[collection] = &made{}
	}
	switch did {
	case created:
		c.records[collection].created++
	case updated:
		c.records[collection].updated++
	}
}

// total is the sum over all types.
func (c *counts) total() (sum count) {
	for _, n := range c.types {
		sum.read += n.read
		sum.added += n.added
		sum.changed += n.changed
		sum.unchanged += n.unchanged
		sum.skipped += n.skipped
		sum.refused += n.refused
	}
	return sum
}

// print writes the summary.
func (c *counts) print(to io.Writer, p *plan) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "resources\tread\tnew\tchanged\tunchanged\tnot taken\trefused\t")
	row := func(name string, n count) {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t\n", name, n.read, n.added, n.changed, n.unchanged, n.skipped, n.refused)
	}
	for _, kind := range slices.SortedFunc(maps.Keys(c.types), func(a, b string) int {
		return cmp.Or(cmp.Compare(c.types[b].read, c.types[a].read), cmp.Compare(a, b))
	}) {
		row(kind, *c.types[kind])
	}
	row("in all", c.total())
	fmt.Fprintln(w, "\t\t\t\t\t\t\t")
	fmt.Fprintln(w, "records\tcreated\tupdated\t")
	for _, im := range p.order {
		n := c.records[im.Collection]
		if n == nil {
			n = &made{}
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t\n", im.Collection, n.created, n.updated)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, reason := range slices.Sorted(maps.Keys(c.reasons)) {
		fmt.Fprintf(to, "not taken: %6d × %s\n", c.reasons[reason], reason)
	}
	for _, line := range []struct {
		n    int
		text string
	}{
		{c.broken, "entries or files could not be read"},
		{c.late, "resources of earlier imports went in: what they waited for was there now"},
		{c.waiting, "resources of earlier imports still wait for what they refer to"},
	} {
		if line.n > 0 {
			fmt.Fprintf(to, "%d %s.\n", line.n, line.text)
		}
	}
	return nil
}
