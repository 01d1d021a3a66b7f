package analytics

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/analytics/row"
	"github.com/polyclinic-os/polyclinic/modules/analytics/ship"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
)

// shown is how many differences are named one by one.
const shown = 20

func (t tool) verify(ctx context.Context, names []string, repair, quick bool) error {
	c, w, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer closing(w)
	if names, err = named(c, names); err != nil {
		return err
	}
	at, err := sameKey(ctx, c, w)
	if err != nil {
		return err
	}
	if repair {
		if at, err = t.mend(ctx, c, w); err != nil {
			return err
		}
	}
	own, err := capture.ReadState(t.k.App)
	if err != nil {
		return err
	}
	if at.Epoch == "" || at.Epoch != own.Epoch || at.Snapshot != "" {
		return errors.New("the first reading of every table is not finished: see `polyclinic analytics status`")
	}
	source, err := capture.NewSource(t.k.App, c.Tables, c.Options)
	if err != nil {
		return err
	}
	defer source.Close()
	v := &ship.Verifier{Quick: quick, App: t.k.App, Source: source, W: w, Each: func(_ string, rows int64) { t.bar.Show(rows) }}
	list, err := t.compare(ctx, v, c, names, repair)
	if err != nil || len(list) == 0 {
		return err
	}
	if !repair {
		return fmt.Errorf("%d rows differ: --repair ships them again", len(list))
	}
	if err := v.Repair(ctx, list); err != nil {
		return err
	}
	if err := t.settle(ctx, c, w); err != nil {
		return err
	}
	var again []string
	for _, d := range list {
		if !slices.Contains(again, d.Table) {
			again = append(again, d.Table)
		}
	}
	t.say("%d rows were shipped again. Once more:", len(list))
	if list, err = t.compare(ctx, v, c, again, false); err == nil && len(list) > 0 {
		err = fmt.Errorf("%d rows still differ", len(list))
	}
	return err
}

// mend makes what is lacking in the warehouse, and has the tables written anew of which a column
// was made again: it returns where the site then stands.
func (t tool) mend(ctx context.Context, c ship.Config, w *warehouse.Warehouse) (at warehouse.Position, err error) {
	if err := w.EnsureSchema(ctx, c.Tables); err != nil {
		return at, err
	}
	names, err := remade(ctx, c, w)
	if err != nil {
		return at, err
	}
	if len(names) > 0 {
		t.say("%s: a column was made again, every row is written anew.", strings.Join(names, ", "))
		if err := t.settle(ctx, c, w); err != nil {
			return at, err
		}
	}
	return w.Position(ctx)
}

// remade returns the tables of which a column is empty, as it was made again.
func remade(ctx context.Context, c ship.Config, w *warehouse.Warehouse) (names []string, err error) {
	list, err := w.Unfilled(ctx, c.Tables)
	for _, u := range list {
		if u.Remade && !slices.Contains(names, u.Table.Name) {
			names = append(names, u.Table.Name)
		}
	}
	return names, err
}

// sameKey returns where the site stands, or an error if patients' ids are there as another key
// makes them: a command that was not given the server's settings would take every patient
// for another, and put what its own key makes, or plain ids, in place of the pseudonyms.
func sameKey(ctx context.Context, c ship.Config, w *warehouse.Warehouse) (warehouse.Position, error) {
	at, err := w.Position(ctx)
	if err == nil && at.Epoch != "" && at.Key != row.KeyMark(c.Options.Key) {
		err = errors.New("the warehouse's pseudonyms are of another " + keySetting.Name + " than this command was given: give it the server's. A new key, or none any more, is brought in by the server's next start")
	}
	return at, err
}

// compare says of each table what it found. refused has what the warehouse refused in the list, too:
// what was in its way there may be gone.
func (t tool) compare(ctx context.Context, v *ship.Verifier, c ship.Config, names []string, refused bool) (list []ship.Difference, err error) {
	for _, table := range c.Tables {
		if !slices.Contains(names, table.Name) {
			continue
		}
		t.bar.Begin(fmt.Sprintf("%-20s", table.Name), v.Count(ctx, table.Name), "rows")
		found, err := v.Table(ctx, table)
		if err != nil {
			t.bar.Clear()
			return nil, err
		}
		word := "the same"
		if n := len(found.Differences); n > 0 {
			word = fmt.Sprintf("%d differ", n)
		}
		t.say("%-20s %9d rows  checksum %016x  %s", table.Name, found.Rows, found.Sum, word)
		if n := len(found.Refused); n > 0 {
			t.say("    %d rows that the warehouse refuses are set aside, see polyclinic.sync_reject", n)
		}
		for i, d := range found.Differences {
			if i == shown {
				t.say("    and %d more", len(found.Differences)-shown)
				break
			}
			t.say("    %s %s %s", d.Table, d.ID, d.Kind)
		}
		list = append(list, found.Differences...)
		if refused {
			list = append(list, found.Refused...)
		}
	}
	return list, nil
}
