package postgrestest_test

import (
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/analytics/postgrestest"
)

func TestUnportableIsRefused(t *testing.T) {
	for _, sql := range []string{
		"CREATE TEMP TABLE x (y int)", "MERGE INTO polyclinic.a USING b", "CREATE TABLE polyclinic.x (site_id text, n bigserial)",
		"UPDATE polyclinic.sync_site SET tok = random() WHERE site_id = $1", "SET statement_timeout = 0", "SET SESSION x = 1", "SELECT pg_advisory_lock(1)",
		"DELETE FROM polyclinic.a WHERE site_id = $1 AND NOT (id = ANY($2))", "SELECT 1 FROM polyclinic.a", "PREPARE x AS SELECT 1",
		"SELECT 1 FROM polyclinic.a WHERE site_id = $1 FOR UPDATE", "TRUNCATE polyclinic.a", "DROP TABLE polyclinic.a", "DO $$BEGIN END$$",
	} {
		if postgrestest.Unportable(sql) == "" {
			t.Errorf("taken: %s", sql)
		}
	}
	for _, sql := range []string{"SET LOCAL statement_timeout = '1s'", "SELECT version()", "SELECT 1 FROM polyclinic.a WHERE site_id = $1"} {
		if why := postgrestest.Unportable(sql); why != "" {
			t.Errorf("refused: %s: %s", sql, why)
		}
	}
}
