package faults_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// Another program replaces rows and says nothing of triggers: a row that goes by a unique key
// goes from the warehouse too.
func TestFaultReplaceByAnotherProgram(t *testing.T) {
	c := newClinic(t)
	people, err := c.app.FindCollectionByNameOrId("people")
	c.must(err)
	people.AddIndex("people_badge", true, "name COLLATE NOCASE", "name LIKE 'badge%'")
	c.must(c.app.Save(people))
	c.people("a", 300)
	c.exec(`UPDATE people SET name = 'badge ' || substr(id, 6) WHERE id < 'a0000100'`)
	c.ships(c.url).same()
	other, err := sql.Open("sqlite", filepath.Join(c.dir, "data.db")+"?_pragma=busy_timeout(10000)")
	c.must(err)
	defer other.Close()
	exec := func(statement string, want int64) {
		t.Helper()
		_, err := other.Exec(statement)
		c.must(err)
		c.same()
		c.wants(`SELECT count(*) FROM polyclinic.people`, want)
	}
	exec(`REPLACE INTO people (id, gender, name) VALUES ('a0000001', 'other', 'badge 001')`, 300)
	exec(`REPLACE INTO people (id, gender, name) VALUES ('new0001', 'other', 'BADGE 002')`, 300)
	exec(`INSERT OR REPLACE INTO people (id, gender, name) VALUES ('a0000001', 'male', 'Badge 003')`, 299)
	exec(`UPDATE OR REPLACE people SET name = 'badge 004' WHERE id > 'a0000250' AND id < 'a0000253'`, 297)
	exec(`INSERT OR IGNORE INTO people (id, gender, name) VALUES ('a0000250', 'x', ''), ('new0002', 'x', 'badge 005'), ('new0003', 'x', '')`, 298)
	exec(`INSERT INTO people (id, gender) VALUES ('new0003', 'x') ON CONFLICT (id) DO UPDATE SET gender = 'upsert'`, 298)
	c.wants(`SELECT count(*) FROM polyclinic.people WHERE gender = 'upsert'`, int64(1))

	// Without its guard the row goes unnoticed, until the guard is back.
	_, err = other.Exec(`DROP TRIGGER _replaced_people_insert`)
	c.must(err)
	_, err = other.Exec(`REPLACE INTO people (id, gender, name) VALUES ('new0004', 'other', 'badge 006')`)
	c.must(err)
	until(t, func() string {
		if there, err := kernel.ReplaceGuarded(c.app); !there || err != nil {
			return "the guard is not back"
		}
		return ""
	})
	c.same()
	c.wants(`SELECT count(*) FROM polyclinic.people`, int64(298))
}
