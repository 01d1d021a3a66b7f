package warehouse_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
	"github.com/polyclinic-os/polyclinic/modules/analytics/postgrestest"
	"github.com/polyclinic-os/polyclinic/modules/analytics/row"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
)

// secretURL is of a role that may connect and nothing else.
func secretURL(t *testing.T, server *postgrestest.Server, url string) string {
	server.Exec(t, url, "DROP ROLE IF EXISTS shipper", "CREATE ROLE shipper LOGIN PASSWORD 'hush hush'")
	database := url[strings.LastIndex(url, "/")+1 : strings.Index(url, "?")]
	return server.URLAs("shipper", "hush%20hush", server.Address(), database)
}

func TestConnectErrorsSayWhatIsWrong(t *testing.T) {
	server := postgres.Server(t)
	url := secretURL(t, server, server.Database(t))
	answering := func(hello string) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		t.Cleanup(func() { _ = l.Close() }) // done with
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = c.Write([]byte(hello)) // whoever asks may be gone
				_ = c.Close()
			}
		}()
		return l.Addr().String()
	}
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, nobody.Close())
	for _, c := range []struct {
		name, url string
		kind      error
		says      string
	}{
		{"no URL", "hush hush", warehouse.ErrURL, "postgres://"},
		{"a port that is none", "postgres://a:hush@h:x/d", warehouse.ErrURL, "postgres://"},
		{"an @ in the password", "postgres://a:hush@hush@127.0.0.1:1/d", warehouse.ErrURL, "%40"},
		{"an @ and a # in it", "postgres://a:x@hush#7@127.0.0.1:1/d", warehouse.ErrURL, "%23"},
		{"an @ and a / in it", "postgres://a:x@hush/7@127.0.0.1:1/d", warehouse.ErrURL, "%2F"},
		{"digits and a # in it", "postgres://hush:1#x@127.0.0.1:1/d", warehouse.ErrURL, "%23"},
		{"an @ and a ? in it", "postgres://a:x@hush?7@127.0.0.1:1/d", warehouse.ErrURL, "%3F"},
		{"nobody listens", server.Via(url, nobody.Addr().String()), warehouse.ErrUnreachable, "refused"},
		{"wrong password", strings.Replace(url, "hush%20hush", "hush", 1), warehouse.ErrRights, "password"},
		{"no such database", strings.Replace(url, "/test", "/nothing", 1), warehouse.ErrRights, "has no database nothing"},
		{"a web server", server.Via(url, answering("HTTP/1.1 400 Bad Request\r\n\r\n")), warehouse.ErrVersion, "language"},
		{"the line breaks", server.Via(url, answering("")), warehouse.ErrUnreachable, "cannot be reached"},
		{"TLS where there is none", strings.Replace(url, "sslmode=disable", "sslmode=require", 1), warehouse.ErrUnreachable, "TLS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := warehouse.Open(ctx, c.url, "north")
			is(t, err, c.kind, c.says)
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("says the password: %v", err)
			}
		})
	}
	late, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	p := postgrestest.NewProxy(t, server.Address())
	p.Hold()
	_, err = warehouse.Open(late, server.Via(url, p.Address()), "north")
	is(t, err, warehouse.ErrUnreachable, "in time")
}

func TestOldVersionIsRefused(t *testing.T) {
	// What an old server says of itself, and nothing more.
	server := postgres.Server(t)
	p := postgrestest.NewPooler(t, server.URL("postgres"), 1)
	for version, ok := range map[string]bool{"11.2-YB-2.20": false, "9.6.24": false, "12.0": true, "18beta1": true, "13.0.0": true} {
		p.Claim("server_version", version)
		w, err := warehouse.Open(ctx, server.Via(server.URL("postgres"), p.Address()), "north")
		if ok {
			must(t, err)
			_ = w.Close(ctx) // done with
			continue
		}
		is(t, err, warehouse.ErrVersion, "12 or later")
	}
}

func TestRoleWithoutRights(t *testing.T) {
	server := postgres.Server(t)
	url := server.Database(t)
	w, err := warehouse.Open(ctx, secretURL(t, server, url), "north")
	must(t, err)
	defer w.Close(ctx)
	is(t, w.EnsureSchema(ctx, tables), warehouse.ErrRights, "GRANT CREATE ON DATABASE", "analytics schema")

	server.Exec(t, url, warehouse.DDL(tables, false)...)
	must(t, w.EnsureSchema(ctx, tables)) // all is there: it needs no right
	is(t, w.NewEpoch(ctx, warehouse.Position{}, at(1)), warehouse.ErrRights, `GRANT USAGE ON SCHEMA polyclinic TO "shipper"`)
	server.Exec(t, url, `GRANT USAGE ON SCHEMA polyclinic TO "shipper"`, `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA polyclinic TO "shipper"`)
	must(t, w.NewEpoch(ctx, warehouse.Position{}, at(1)))
	_, err = w.Apply(ctx, warehouse.Batch{From: at(1), To: at(2), Changes: []warehouse.Change{{Table: beds, Rows: []row.Row{bed("a", "A")}}}})
	must(t, err)
	_, err = w.CopyInto(ctx, warehouse.Load{From: at(2), To: at(3), Table: visits, Rows: several(3)})
	must(t, err)
}

func TestSchemaGrowsAndNeverShrinks(t *testing.T) {
	server := postgres.Server(t)
	url := server.Database(t)
	w := site(t, url, "north")
	_, err := w.Apply(ctx, warehouse.Batch{From: at(1), To: at(2), Changes: []warehouse.Change{{Table: beds, Rows: []row.Row{bed("a", "A")}}}})
	must(t, err)

	later := beds
	later.Columns = append(slices.Clone(beds.Columns), analyticsapi.Column{Name: "floor", Field: "floor", Kind: analyticsapi.Integer, Doc: "How high."})
	must(t, w.EnsureSchema(ctx, []analyticsapi.Table{later}))
	_, err = w.Apply(ctx, warehouse.Batch{From: at(2), To: at(3), Changes: []warehouse.Change{{Table: later, Rows: []row.Row{{ID: "b", Values: []any{"B", int64(3)}, Hash: 1}}}}})
	must(t, err)
	if n := count(t, url, "beds WHERE ward = 'B' AND floor = 3"); n != 1 {
		t.Error("the column that came later was not written")
	}
	must(t, w.EnsureSchema(ctx, tables)) // an older version of us on another site
	if n := count(t, url, "beds WHERE floor = 3"); n != 1 {
		t.Error("the column that came later is gone")
	}
	var doc string
	must(t, postgrestest.Connect(t, url).QueryRow(ctx, "SELECT col_description('polyclinic.beds'::regclass, (SELECT attnum FROM pg_attribute WHERE attrelid = 'polyclinic.beds'::regclass AND attname = 'floor'))").Scan(&doc))
	if doc != "How high." {
		t.Errorf("got the comment %q", doc)
	}

	later.Columns[1].Kind = analyticsapi.Text
	is(t, w.EnsureSchema(ctx, []analyticsapi.Table{later}), warehouse.ErrSchema, "polyclinic.beds.floor", "bigint", "text")
	server.Exec(t, url, "ALTER TABLE polyclinic.beds DROP COLUMN ward")
	_, err = w.Apply(ctx, warehouse.Batch{From: at(3), To: at(4), Changes: []warehouse.Change{{Table: beds, Rows: []row.Row{bed("c", "A")}}}})
	is(t, err, warehouse.ErrSchema, "analytics schema")
	must(t, w.EnsureSchema(ctx, tables))
	_, err = w.Apply(ctx, warehouse.Batch{From: at(3), To: at(4), Changes: []warehouse.Change{{Table: beds, Rows: []row.Row{bed("c", "A")}}}})
	must(t, err)
}

func TestDDLTwice(t *testing.T) {
	server := postgres.Server(t)
	url := server.Database(t)
	server.Exec(t, url, warehouse.DDL(tables, true)...)
	server.Exec(t, url, warehouse.DDL(tables, true)...)
	w, err := warehouse.Open(ctx, url, "north")
	must(t, err)
	defer w.Close(ctx)
	w.History = true
	w.Sent = func(sql string) {
		if strings.HasPrefix(sql, "CREATE") || strings.HasPrefix(sql, "ALTER") || strings.HasPrefix(sql, "DROP") {
			t.Errorf("DDL makes not what EnsureSchema wants: %s", sql)
		}
	}
	must(t, w.EnsureSchema(ctx, tables))
}

func TestSitesStartAtOnce(t *testing.T) {
	url := postgres.Server(t).Database(t)
	const sites = 8
	errs := make(chan error, sites)
	for range sites {
		go func() {
			w, err := warehouse.Open(ctx, url, "north")
			if err == nil {
				err = w.EnsureSchema(ctx, tables)
				_ = w.Close(ctx) // done with
			}
			errs <- err
		}()
	}
	for range sites {
		must(t, <-errs)
	}
}

func TestBrokenLineLeavesNothingHalf(t *testing.T) {
	server := postgres.Server(t)
	url := server.Database(t)
	site(t, url, "north")
	p := postgrestest.NewProxy(t, server.Address())
	rows := several(500)
	for cut := int64(0); ; cut += 7000 {
		w, err := warehouse.Open(ctx, server.Via(url, p.Address()), "north")
		must(t, err)
		p.CutAfter(cut)
		_, err = w.Apply(ctx, warehouse.Batch{From: at(1), To: at(2), Changes: []warehouse.Change{{Table: visits, Rows: rows}}})
		if err == nil {
			if cut < 20000 {
				t.Errorf("it was done with a line that was cut after %d bytes", cut)
			}
			break
		}
		is(t, err, warehouse.ErrUnreachable)
		if !w.IsLost(err) {
			t.Error("the connection is said to be of use")
		}
		if n := count(t, url, "visits"); n != 0 {
			t.Fatalf("cut after %d bytes: %d rows are there", cut, n)
		}
		p.Mend()
	}
	same(t, rowsOf(t, url, "north"), rows)
}

func TestFullDiskHasItsWords(t *testing.T) {
	server := postgres.Server(t)
	url := server.Database(t)
	w := site(t, url, "north")
	server.Exec(t, url, `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'could not extend file: secret' USING ERRCODE = 'disk_full'; END $$`,
		"CREATE TRIGGER full_disk BEFORE INSERT ON polyclinic.visits FOR EACH ROW EXECUTE FUNCTION full_disk()")
	batch := warehouse.Batch{From: at(1), To: at(2), Changes: []warehouse.Change{{Table: visits, Rows: several(2)}}}
	_, err := w.Apply(ctx, batch)
	is(t, err, warehouse.ErrFull, "no room left")
	if !warehouse.Retryable(err) || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
	server.Exec(t, url, "DROP TRIGGER full_disk ON polyclinic.visits")
	_, err = w.Apply(ctx, batch) // on the same connection
	must(t, err)
}

func TestConflictsAreTriedAgain(t *testing.T) {
	server := postgres.Server(t)
	url := server.Database(t)
	w := site(t, url, "north")
	server.Exec(t, url, "CREATE SEQUENCE tries", `CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF nextval('tries') < 3 THEN RAISE EXCEPTION 'lost' USING ERRCODE = 'serialization_failure'; END IF; RETURN NEW; END $$`,
		"CREATE TRIGGER lose BEFORE INSERT ON polyclinic.visits FOR EACH ROW EXECUTE FUNCTION lose()")
	_, err := w.Apply(ctx, warehouse.Batch{From: at(1), To: at(2), Changes: []warehouse.Change{{Table: visits, Rows: several(1)}}})
	must(t, err)
	same(t, rowsOf(t, url, "north"), several(1))
}
