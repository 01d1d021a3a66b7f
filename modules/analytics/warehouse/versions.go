package warehouse

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
)

// Versions: each statement that changes rows also appends what they are from now on.

func historyName(t analyticsapi.Table) string { return t.Name + "_history" }

// kept reports whether versions have the column: not those that would tell who somebody is,
// nor a clinic's own fields beside patients, which may. An erasure takes them out of the
// present row alone.
func kept(t analyticsapi.Table, name string) bool {
	for _, c := range t.Columns {
		if c.Name == name {
			return !c.Open
		}
	}
	ofPatients := t.Patients || slices.ContainsFunc(t.Columns, func(c analyticsapi.Column) bool { return c.Patient })
	return name != "extra" || !ofPatients
}

func keptNames(t analyticsapi.Table, prefix string) string {
	names := []string{"site_id", "id"}
	for _, c := range t.Columns {
		if kept(t, c.Name) {
			names = append(names, quote(c.Name))
		}
	}
	if kept(t, "extra") {
		names = append(names, "extra")
	}
	return prefix + strings.Join(append(names, "h"), ", "+prefix)
}

func keptUpsertSQL(t analyticsapi.Table) string {
	names := keptNames(t, "")
	return fmt.Sprintf("WITH written AS (%s RETURNING %s) INSERT INTO %s (valid_from, deleted, %s) SELECT now(), false, %s FROM written",
		upsertSQL(t), keptNames(t, "t."), qualified(historyName(t)), names, names)
}

func keptDeleteSQL(t analyticsapi.Table) string {
	names := keptNames(t, "")
	return fmt.Sprintf("WITH gone AS (%s RETURNING %s) INSERT INTO %s (valid_from, deleted, %s) SELECT now(), true, %s FROM gone",
		deleteSQL(t), names, qualified(historyName(t)), names, names)
}

// lacksSQL finds the present rows of a range whose newest version is not like them, and
// gives them one: rows that were there before versions were kept, and such as changed while
// they were not.
func lacksSQL(t analyticsapi.Table, after, upto bool) string {
	return keepSQL(t, "false", t.Name, after, upto) + " AND NOT EXISTS (SELECT 1 FROM " + qualified(historyName(t)) +
		" v WHERE v.site_id = $1 AND v.id = t.id AND v.h = t.h AND NOT v.deleted AND" + newest(t, "v") + ")"
}

// vanishedSQL notes the end of rows that went while no versions were kept.
func vanishedSQL(t analyticsapi.Table, after, upto bool) string {
	return keepSQL(t, "true", historyName(t), after, upto) + " AND NOT t.deleted AND" + newest(t, "t") +
		" AND NOT EXISTS (SELECT 1 FROM " + qualified(t.Name) + " p WHERE p.site_id = $1 AND p.id = t.id)"
}

func keepSQL(t analyticsapi.Table, deleted, from string, after, upto bool) string {
	return fmt.Sprintf("INSERT INTO %s (valid_from, deleted, %s) SELECT now(), %s, %s FROM %s t%s",
		qualified(historyName(t)), keptNames(t, ""), deleted, keptNames(t, "t."), qualified(from), inRange(after, upto))
}

// newest is the condition that no later version than that of the alias is there.
func newest(t analyticsapi.Table, alias string) string {
	return fmt.Sprintf(" NOT EXISTS (SELECT 1 FROM %s w WHERE w.site_id = $1 AND w.id = %s.id AND w.valid_from > %s.valid_from)", qualified(historyName(t)), alias, alias)
}

const versionsSQL = `UPDATE polyclinic.sync_site SET versions = true WHERE site_id = $1 AND epoch = $2 AND tok = $3`

// FillVersions makes the site's versions complete, once, before the first change of which
// one is kept: whoever switches History on later has every row from then on, and not only
// those that change. It is done again for a table whose versions somebody emptied. at is
// where the site stands; it returns ErrFenced if that is elsewhere.
func (w *Warehouse) FillVersions(ctx context.Context, at Position, tables []analyticsapi.Table) error {
	for _, t := range tables {
		if at.Versions {
			none, err := w.Empty(ctx, analyticsapi.Table{Name: historyName(t)})
			if err != nil {
				return err
			}
			if !none {
				continue
			}
		}
		for _, s := range []struct {
			from string
			sql  func(t analyticsapi.Table, after, upto bool) string
		}{{t.Name, lacksSQL}, {historyName(t), vanishedSQL}} {
			if err := w.walk(ctx, at, s.from, func(after, upto bool) string { return s.sql(t, after, upto) }); err != nil {
				return err
			}
		}
	}
	if at.Versions {
		return nil
	}
	return w.note(ctx, call{sql: versionsSQL, args: []arg{text(w.site), text(at.Epoch), text(at.Token)}})
}

// note changes the site's own row. It returns ErrFenced if the site stands elsewhere.
func (w *Warehouse) note(ctx context.Context, c call) error {
	results, err := w.send(ctx, c)
	if err == nil && results[0].affected != 1 {
		err = w.fenced()
	}
	return err
}

// walk runs a statement on the site's rows of a table, some thousand ids at a time, each in
// a transaction of its own that renews the lease.
func (w *Warehouse) walk(ctx context.Context, at Position, name string, sql func(after, upto bool) string) error {
	var after *string
	for {
		upto, err := w.reach(ctx, name, after)
		if err != nil || upto == nil {
			return err
		}
		step := call{sql: sql(after != nil, true), args: rangeArgs(w.site, Range{After: after, Upto: upto})}
		if err := w.fencedStep(ctx, at, step); err != nil {
			return err
		}
		after = upto
	}
}

// reach returns the id at the end of the next few thousand, nil if there are none.
func (w *Warehouse) reach(ctx context.Context, name string, after *string) (*string, error) {
	args := append(rangeArgs(w.site, Range{After: after}), integer(int64(piece)))
	results, err := w.send(ctx, call{sql: reachSQL(name, after != nil), args: args})
	if err != nil || results[0].rows[0][0] == nil {
		return nil, err
	}
	id := results[0].text(0, 0)
	return &id, nil
}

func reachSQL(name string, after bool) string {
	limit := 2
	if after {
		limit = 3
	}
	return fmt.Sprintf("SELECT max(id) FROM (SELECT id FROM %s%s ORDER BY id LIMIT $%d) k", qualified(name), inRange(after, false), limit)
}

// fencedStep runs a statement in a transaction that renews the lease first: its row's lock
// keeps a second writer out.
func (w *Warehouse) fencedStep(ctx context.Context, at Position, step call) error {
	results, err := w.send(ctx, call{sql: beginSQL}, call{sql: patienceSQL}, call{sql: idleSQL},
		call{sql: beatSQL, args: []arg{text(w.site), text(at.Epoch), text(at.Token), text(w.Holder)}})
	if err == nil && results[3].affected != 1 {
		err = w.fenced()
	}
	if err == nil {
		_, err = w.send(ctx, step)
	}
	if err == nil {
		return w.commit(ctx)
	}
	w.rollback(ctx)
	return err
}
