package warehouse

import (
	"fmt"
	"strings"

	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
)

// Statements that are the same for every table. sync_site is one row a site: where it
// stands, who ships it, and until when nobody else may.
const (
	versionSQL = "SELECT version()"

	positionSQL = `SELECT epoch, seq, tok, snap, holder, coalesce(lease_until > now(), false), coalesce(versions, false), coalesce(pseudonyms, '') FROM polyclinic.sync_site WHERE site_id = $1`

	firstEpochSQL = `INSERT INTO polyclinic.sync_site (site_id, epoch, seq, tok, snap, holder, shipped_at, lease_until) ` +
		`VALUES ($1, $2, $3, $4, $5, $6, now(), now() + interval '60 seconds') ON CONFLICT (site_id) DO NOTHING`

	newEpochSQL = `UPDATE polyclinic.sync_site SET epoch = $2, seq = $3, tok = $4, snap = $5, holder = $6, lease_until = now() + interval '60 seconds' ` +
		`WHERE site_id = $1 AND epoch = $7 AND tok = $8 AND (holder = $6 OR lease_until IS NULL OR lease_until <= now())`

	// moveSQL is the compare-and-set of every write: no row moved means that somebody else
	// has moved the site, and the transaction is given up. Who keeps no versions, $8, leaves
	// them incomplete.
	moveSQL = `UPDATE polyclinic.sync_site SET seq = $4, tok = $5, snap = $6, holder = $7, shipped_at = now(), lease_until = now() + interval '60 seconds', ` +
		`versions = (versions AND $8) ` +
		`WHERE site_id = $1 AND epoch = $2 AND tok = $3`

	beatSQL = `UPDATE polyclinic.sync_site SET holder = $4, lease_until = now() + interval '60 seconds' WHERE site_id = $1 AND epoch = $2 AND tok = $3`

	releaseSQL = `UPDATE polyclinic.sync_site SET lease_until = NULL WHERE site_id = $1 AND epoch = $2 AND tok = $3`

	rejectsSQL = `SELECT tbl, id, col, reason FROM polyclinic.sync_reject WHERE site_id = $1 ORDER BY at DESC, tbl, id, col LIMIT $2`

	countRejectsSQL = `SELECT count(*) FROM polyclinic.sync_reject WHERE site_id = $1`

	otherNamesSQL = `SELECT site_id FROM polyclinic.sync_site WHERE site_id <> $1 AND holder = $2 AND coalesce(lease_until < now(), true) ORDER BY site_id`

	rejectSQL = `INSERT INTO polyclinic.sync_reject (site_id, tbl, id, col, reason, at) ` +
		`SELECT $1::text, u.tbl, u.id, u.col, u.reason, now() FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS u(tbl, id, col, reason) ` +
		`ON CONFLICT (site_id, tbl, id, col) DO UPDATE SET reason = excluded.reason, at = excluded.at`

	// What is written anew or gone is no longer set aside.
	acceptSQL = `DELETE FROM polyclinic.sync_reject WHERE site_id = $1 AND tbl = $2 AND id = ANY($3::text[])`

	beginSQL    = "BEGIN"
	commitSQL   = "COMMIT"
	rollbackSQL = "ROLLBACK"

	// SET LOCAL ends with the transaction: the session may be another's next. A client that
	// vanished must not keep its locks.
	patienceSQL = "SET LOCAL statement_timeout = '120s'"
	idleSQL     = "SET LOCAL idle_in_transaction_session_timeout = '60s'"

	// While the row to set aside is looked for.
	markSQL   = "SAVEPOINT piece"
	unmarkSQL = "RELEASE SAVEPOINT piece"
	backSQL   = "ROLLBACK TO SAVEPOINT piece"
)

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func qualified(name string) string { return Schema + "." + quote(name) }

// columnNames are a table's columns in the order in which rows are sent.
func columnNames(t analyticsapi.Table) []string {
	names := []string{"site_id", "id"}
	for _, c := range t.Columns {
		names = append(names, quote(c.Name))
	}
	return append(names, "extra", "h")
}

// upsertSQL writes rows that come as one array a column: $1 the site, $2 the ids, then the
// columns, extra and the hashes. A row whose hash is the same is left alone.
func upsertSQL(t analyticsapi.Table) string {
	arrays, aliases, values := []string{"$2::text[]"}, []string{"id"}, []string{"$1::text", "u.id"}
	add := func(name, array, cast string) {
		arrays = append(arrays, fmt.Sprintf("$%d::%s", len(arrays)+2, array))
		aliases = append(aliases, name)
		values = append(values, "u."+name+cast)
	}
	for _, c := range t.Columns {
		cast := ""
		if c.Kind == analyticsapi.JSON {
			cast = "::jsonb"
		}
		add(quote(c.Name), arrayOf(c.Kind).sql, cast)
	}
	add("extra", "text[]", "::jsonb")
	add("h", "bigint[]", "")
	names := columnNames(t)
	var sets []string
	for _, n := range names[2:] {
		sets = append(sets, n+" = excluded."+n)
	}
	return fmt.Sprintf("INSERT INTO %s AS t (%s) SELECT %s FROM unnest(%s) AS u(%s) ON CONFLICT (site_id, id) DO UPDATE SET %s WHERE t.h IS DISTINCT FROM excluded.h",
		qualified(t.Name), strings.Join(names, ", "), strings.Join(values, ", "), strings.Join(arrays, ", "), strings.Join(aliases, ", "), strings.Join(sets, ", "))
}

func deleteSQL(t analyticsapi.Table) string {
	return "DELETE FROM " + qualified(t.Name) + " WHERE site_id = $1 AND id = ANY($2::text[])"
}

func copySQL(t analyticsapi.Table) string {
	return "COPY " + qualified(t.Name) + " (" + strings.Join(columnNames(t), ", ") + ") FROM STDIN (FORMAT binary)"
}

// emptySQL asks whether the site has rows.
func emptySQL(t analyticsapi.Table) string {
	return "SELECT NOT EXISTS (SELECT 1 FROM " + qualified(t.Name) + " WHERE site_id = $1)"
}

// keysSQL reads ids and hashes of a range. The ids order by their bytes, as in SQLite.
func keysSQL(t analyticsapi.Table, after, upto bool) string {
	return "SELECT id, h FROM " + qualified(t.Name) + inRange(after, upto) + " ORDER BY id"
}

// inRange is the condition of a range: $1 the site, then its ends.
func inRange(after, upto bool) string {
	sql := " WHERE site_id = $1"
	if after {
		sql += " AND id > $2"
	}
	switch {
	case after && upto:
		sql += " AND id <= $3"
	case upto:
		sql += " AND id <= $2"
	}
	return sql
}

func clearSQL(t analyticsapi.Table, after, upto bool) string {
	return "DELETE FROM " + qualified(t.Name) + inRange(after, upto)
}

// acceptRangeSQL is acceptSQL for a range; the table's name comes last.
func acceptRangeSQL(after, upto bool) string {
	n := 2
	for _, end := range []bool{after, upto} {
		if end {
			n++
		}
	}
	return fmt.Sprintf("DELETE FROM polyclinic.sync_reject%s AND tbl = $%d", inRange(after, upto), n)
}

// bucketsSQL adds up rows by the first characters of their ids.
func bucketsSQL(t analyticsapi.Table) string {
	return "SELECT substr(id, 1, $2::int), count(*), sum(h)::text FROM " + qualified(t.Name) + " WHERE site_id = $1 GROUP BY 1"
}

// prefixSQL reads ids and hashes of a bucket.
func prefixSQL(t analyticsapi.Table) string {
	return "SELECT id, h FROM " + qualified(t.Name) + " WHERE site_id = $1 AND id >= $2 AND id <= $3 AND substr(id, 1, $4::int) = $2 ORDER BY id"
}
