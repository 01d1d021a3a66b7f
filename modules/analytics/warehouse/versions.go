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

// keptColumns are the columns of versions, site_id and id first.
func keptColumns(t analyticsapi.Table) []string {
	names := []string{"site_id", "id"}
	for _, c := range t.Columns {
		if kept(t, c.Name) {
			names = append(names, quote(c.Name))
		}
	}
	if kept(t, "extra") {
		names = append(names, "extra")
	}
	return names
}

func keptNames(t analyticsapi.Table, prefix string) string {
	return prefix + strings.Join(keptColumns(t), ", "+prefix)
}

// appendSQL begins a statement that appends versions. They have no hash: it is made of the
// whole row, and would tell what they leave out to whoever tries the days of a year.
func appendSQL(t analyticsapi.Table, deleted, prefix string) string {
	return fmt.Sprintf("INSERT INTO %s (valid_from, deleted, h, %s) SELECT now(), %s, 0, %s", qualified(historyName(t)), keptNames(t, ""), deleted, keptNames(t, prefix))
}

func keptUpsertSQL(t analyticsapi.Table) string {
	return fmt.Sprintf("WITH written AS (%s RETURNING %s) %s FROM written t WHERE%s", upsertSQL(t), keptNames(t, "t."), appendSQL(t, "false", "t."), unlikeNewest(t))
}

func keptDeleteSQL(t analyticsapi.Table) string {
	return fmt.Sprintf("WITH gone AS (%s RETURNING %s) %s FROM gone t", deleteSQL(t), keptNames(t, ""), appendSQL(t, "true", "t."))
}

// lacksSQL finds the present rows of a range whose newest version is not like them, and
// gives them one: rows that were there before versions were kept, and such as changed while
// they were not.
func lacksSQL(t analyticsapi.Table, after, upto bool) string {
	return keepSQL(t, "false", t.Name, after, upto) + " AND" + unlikeNewest(t)
}

// unlikeNewest is the condition that the row t says something else than its newest version: one
// that is written anew for what versions do not have, such as a clinic's own field, says nothing new.
// The subquery with LIMIT is one look into the key for each row. As NOT EXISTS it is a join, for which
// a server without statistics read all versions: 86 s for 2,000 rows beside 2 million.
func unlikeNewest(t analyticsapi.Table) string {
	var like strings.Builder
	for _, name := range keptColumns(t)[2:] {
		fmt.Fprintf(&like, " AND v.%s IS NOT DISTINCT FROM t.%s", name, name)
	}
	return fmt.Sprintf(" (SELECT NOT v.deleted%s FROM %s v WHERE v.site_id = $1 AND v.id = t.id ORDER BY v.valid_from DESC LIMIT 1) IS NOT TRUE", &like, qualified(historyName(t)))
}

// vanishedSQL notes the end of rows that went while no versions were kept.
func vanishedSQL(t analyticsapi.Table, after, upto bool) string {
	return keepSQL(t, "true", historyName(t), after, upto) + " AND NOT t.deleted AND" + newest(t, "t") +
		" AND NOT EXISTS (SELECT 1 FROM " + qualified(t.Name) + " p WHERE p.site_id = $1 AND p.id = t.id)"
}

func keepSQL(t analyticsapi.Table, deleted, from string, after, upto bool) string {
	return appendSQL(t, deleted, "t.") + " FROM " + qualified(from) + " t" + inRange(after, upto)
}

// newest is the condition that no later version than that of the alias is there.
func newest(t analyticsapi.Table, alias string) string {
	return fmt.Sprintf(" NOT EXISTS (SELECT 1 FROM %s w WHERE w.site_id = $1 AND w.id = %s.id AND w.valid_from > %s.valid_from)", qualified(historyName(t)), alias, alias)
}

// unhashed is what sync_filled notes once the site's versions have no hashes; those of earlier
// versions of this program have them. As a table's columns it reads: none that was made again.
const unhashed, unhashedValue = "*_history", "hashes 0"

func unhashSQL(name string) func(after, upto bool) string {
	return func(after, upto bool) string {
		return "UPDATE " + qualified(name) + " SET h = 0" + inRange(after, upto) + " AND h <> 0"
	}
}

// UnhashVersions takes the hashes out of the site's versions, once, also where none are kept
// any more. at is where the site stands; it returns ErrFenced if that is elsewhere.
func (w *Warehouse) UnhashVersions(ctx context.Context, at Position, tables []analyticsapi.Table) error {
	results, err := w.send(ctx, call{sql: filledSQL, args: []arg{text(w.site)}}, call{sql: historiesSQL})
	if err != nil {
		return err
	}
	for i := range results[0].rows {
		if results[0].text(i, 0) == unhashed && results[0].text(i, 1) == unhashedValue {
			return nil
		}
	}
	for i := range results[1].rows {
		name := results[1].text(i, 0)
		if !slices.ContainsFunc(tables, func(t analyticsapi.Table) bool { return historyName(t) == name }) {
			continue // not ours
		}
		if err := w.walk(ctx, at, name, unhashSQL(name)); err != nil {
			return err
		}
	}
	return w.fencedStep(ctx, at, call{sql: fillSQL, args: []arg{text(w.site), text(unhashed), text(unhashedValue)}})
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
