package views_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/polyclinic-os/polyclinic/modules/analytics/postgrestest"
	"github.com/polyclinic-os/polyclinic/modules/analytics/views"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
)

// TestReadOnlyRole runs the script of docs/analytics as its head says: a superuser does,
// while the sync has another role, which makes more tables later.
func TestReadOnlyRole(t *testing.T) {
	server := postgres.Server(t)
	admin := server.Database(t)
	database := admin[strings.LastIndex(admin, "/")+1 : strings.Index(admin, "?")]
	server.Exec(t, admin, "CREATE ROLE feeder LOGIN PASSWORD 'feeds'", "ALTER DATABASE "+database+" OWNER TO feeder", "GRANT CREATE ON SCHEMA public TO PUBLIC") // as up to PostgreSQL 14
	w, err := warehouse.Open(ctx, server.URLAs("feeder", "feeds", server.Address(), database), "north")
	must(t, err)
	defer w.Close(ctx)
	tables := declared(t)
	must(t, w.EnsureSchema(ctx, tables[:3]))
	second := server.Database(t) // on the same server, where the role is then there already
	server.Exec(t, second, "CREATE SCHEMA polyclinic AUTHORIZATION feeder")
	for _, url := range []string{second, admin, admin} {
		if said, err := server.Psql(url, "-v", "ON_ERROR_STOP=1", "-v", "owner=feeder", "-v", "password=it's secret", "-f", "../../../docs/analytics/readonly.sql"); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
	}
	w.History = true
	must(t, w.EnsureSchema(ctx, tables))
	must(t, w.Define(ctx, views.SQL()))
	server.Exec(t, admin, "CREATE TABLE polyclinic.by_the_administrator (x int)")
	must(t, w.NewEpoch(ctx, warehouse.Position{}, warehouse.Position{Epoch: "e", Token: "1"}))

	reader := server.URLAs("polyclinic_reader", "it%27s%20secret", server.Address(), database)
	if got := lines(t, reader, "SELECT count(*) FROM fact_invoices"); got != "0" {
		t.Errorf("the reader counts %s invoices, want none", got)
	}
	if got := lines(t, reader, "SELECT relname FROM pg_class WHERE relnamespace = 'polyclinic'::regnamespace AND relkind IN ('r', 'v') AND NOT has_table_privilege(oid, 'SELECT')"); got != "" {
		t.Errorf("the reader may not read %s", got)
	}
	if got := lines(t, reader, "SELECT relname FROM pg_class WHERE relnamespace = 'polyclinic'::regnamespace AND relkind IN ('r', 'v') AND has_table_privilege(oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')"); got != "" {
		t.Errorf("the reader may write %s", got)
	}
	for _, sql := range []string{"DELETE FROM invoices", "CREATE TABLE polyclinic.x (y int)", "UPDATE sync_site SET tok = ''", "CREATE TEMP TABLE x (y int)",
		"CREATE TABLE public.x (y int)", "CREATE SCHEMA x", "SELECT lo_create(0)", "CREATE ROLE x", "SET ROLE feeder; DELETE FROM invoices", "COPY invoices TO PROGRAM 'cat'"} {
		for _, first := range []string{"", "SET default_transaction_read_only = off", "BEGIN READ WRITE"} {
			c := postgrestest.Connect(t, reader)
			_, err := c.PgConn().Exec(ctx, first).ReadAll()
			must(t, err)
			_, err = c.PgConn().Exec(ctx, sql).ReadAll()
			_ = c.Close(ctx) // done with
			var why *pgconn.PgError
			if !errors.As(err, &why) || why.Code != "42501" && (why.Code != "25006" || first != "") {
				t.Errorf("the reader may: %s; %s: %v", first, sql, err)
			}
		}
	}
	must(t, w.Beat(ctx, warehouse.Position{Epoch: "e", Token: "1"})) // the sync goes on
}
