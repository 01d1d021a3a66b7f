package faults_test

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/polyclinic-os/polyclinic/modules/analytics/postgrestest"
	"github.com/polyclinic-os/polyclinic/modules/analytics/row"
)

// with starts the program again with other settings.
func (s *site) with(settings ...string) *site {
	s.t.Helper()
	if s.server != nil {
		s.stops()
	}
	s.env = append(slices.Clone(s.env), settings...)
	return s.starts()
}

// until waits until the warehouse answers yes.
func (s *site) until(sql string) {
	s.t.Helper()
	until(s.t, func() string {
		var yes *bool
		if err := s.ask(sql, &yes); err != nil {
			return err.Error()
		}
		return map[bool]string{true: "", false: "not yet: " + sql}[yes != nil && *yes]
	})
}

// versioned makes sure that every present row is its own newest version, and no row that is gone.
func (s *site) versioned() {
	s.t.Helper()
	for _, t := range s.tables {
		v := `(SELECT DISTINCT ON (id) id, to_jsonb(t) - ARRAY['h', 'extra', 'valid_from', 'deleted'] AS says, deleted FROM polyclinic."` + t.Name + `_history" t WHERE site_id = 'north' ORDER BY id, valid_from DESC)`
		s.wants(`SELECT count(*) FROM polyclinic."`+t.Name+`" p LEFT JOIN `+v+` v ON v.id = p.id AND NOT v.deleted AND v.says = to_jsonb(p) - ARRAY['h', 'extra', 'born_on'] WHERE v.id IS NULL`, int64(0))
		s.wants(`SELECT count(*) FROM polyclinic."`+t.Name+`_history" WHERE h <> 0`, int64(0))
		s.wants(`SELECT count(*) FROM `+v+` v LEFT JOIN polyclinic."`+t.Name+`" p ON p.id = v.id WHERE p.id IS NULL AND NOT v.deleted`, int64(0))
	}
}

// History that is switched on later has every row from then on, and what changed while it
// was off is not taken for what was there before.
func TestHistorySwitchedOnLater(t *testing.T) {
	s := newSite(t, "north", postgres.Server(t).Database(t))
	s.starts().same()
	s.with("POLYCLINIC_ANALYTICS_HISTORY=on").until(`SELECT versions FROM polyclinic.sync_site`)
	s.versioned()
	s.wants(`SELECT count(*) > 20 FROM polyclinic.appointments_versions`, true)
	const changed = `SELECT count(DISTINCT first_name_of) FROM (SELECT gender AS first_name_of FROM polyclinic.patients_versions WHERE id = (SELECT min(id) FROM polyclinic.patients)) v`
	s.exec(`UPDATE patients SET gender = 'first' WHERE id = (SELECT min(id) FROM patients)`)
	s.same()
	s.wants(changed, int64(2))
	s.with("POLYCLINIC_ANALYTICS_HISTORY=off").same()
	s.exec(`UPDATE patients SET gender = 'second' WHERE id = (SELECT min(id) FROM patients)`, `DELETE FROM appointments WHERE id = (SELECT min(id) FROM appointments)`)
	s.same()
	s.with("POLYCLINIC_ANALYTICS_HISTORY=on").until(`SELECT versions FROM polyclinic.sync_site`)
	s.versioned()
	s.wants(changed, int64(3))

	// Hashes that an earlier version of the program left in them go.
	s.stops()
	postgres.Server(t).Exec(t, s.url, `UPDATE polyclinic.patients_history SET h = 7`, `DELETE FROM polyclinic.sync_filled WHERE tbl = '*_history'`)
	s.server = nil
	s.with("POLYCLINIC_ANALYTICS_HISTORY=off").until(`SELECT count(*) = 0 FROM polyclinic.patients_history WHERE h <> 0`)
	s.with("POLYCLINIC_ANALYTICS_HISTORY=on").until(`SELECT versions FROM polyclinic.sync_site`)
	s.wants(changed, int64(3))

	// Nor does it take a restart when somebody drops the versions.
	postgres.Server(t).Exec(t, s.url, `DROP TABLE polyclinic.patients_history CASCADE`)
	s.exec(`UPDATE patients SET gender = 'third' WHERE id = (SELECT min(id) FROM patients)`)
	s.same()
	s.versioned()
	s.stops()
}

// With another key, or none, no patient is to be found any more by what was shipped before:
// beside the row's new pseudonym an old id in its earlier versions would say whose it is.
// Every column of every table is looked at.
func TestPseudonymsOfAnotherKey(t *testing.T) {
	s := newSite(t, "north", postgres.Server(t).Database(t))
	ids := func() []string {
		c := postgrestest.Connect(t, s.url)
		defer c.Close(ctx)
		q, err := c.Query(ctx, `SELECT id FROM polyclinic.patients ORDER BY id`)
		s.must(err)
		list, err := pgx.CollectRows(q, pgx.RowTo[string])
		s.must(err)
		return list
	}
	s.with("POLYCLINIC_ANALYTICS_HISTORY=on").same()
	s.exec(`UPDATE appointments SET created = '2020-01-02 03:04:05.000Z'`, `UPDATE patients SET gender = 'other'`)
	s.same()
	for _, step := range []struct{ set, key string }{
		{"POLYCLINIC_ANALYTICS_HISTORY=on", "a key of the clinic"},
		{"POLYCLINIC_ANALYTICS_HISTORY=off", "another key of the clinic"},
		{"POLYCLINIC_ANALYTICS_HISTORY=on", ""},
	} {
		old := ids()
		if n := s.holding(old); n < len(old) || len(old) < 10 {
			t.Fatalf("%d patients are in %d rows", len(old), n)
		}
		s.stops()
		s.exec(`DELETE FROM appointments WHERE id = (SELECT min(id) FROM appointments)`)
		s.options.Key = []byte(step.key)
		s.server = nil
		s.with(step.set, "POLYCLINIC_ANALYTICS_PSEUDONYM_KEY="+step.key).until(`SELECT pseudonyms = '` + row.KeyMark(s.options.Key) + `' FROM polyclinic.sync_site`)
		s.same()
		if n := s.holding(old); n > 0 {
			t.Errorf("with the key %q, %d rows still hold what patients were before", step.key, n)
		}
	}
	s.versioned()
	s.wants(`SELECT count(*) > 20 FROM polyclinic.appointments_history WHERE patient_id IS NULL`, true)
	s.stops()
}

// holding counts the rows, of present and of earlier versions, that have one of the texts.
func (s *site) holding(texts []string) (n int) {
	s.t.Helper()
	c := postgrestest.Connect(s.t, s.url)
	defer c.Close(ctx)
	q, err := c.Query(ctx, `SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'polyclinic' AND table_type = 'BASE TABLE'`)
	s.must(err)
	names, err := pgx.CollectRows(q, pgx.RowTo[string])
	s.must(err)
	for _, name := range names {
		var found int
		s.must(c.QueryRow(ctx, `SELECT count(*) FROM polyclinic."`+name+`" AS t WHERE EXISTS (SELECT 1 FROM unnest($1::text[]) AS u(v) WHERE strpos(t::text, u.v) > 0)`, texts).Scan(&found))
		n += found
	}
	return n
}
