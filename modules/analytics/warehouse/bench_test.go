package warehouse_test

import (
	"bytes"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/modules/analytics/postgrestest"
	"github.com/polyclinic-os/polyclinic/modules/analytics/row"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
)

var benchRows = flag.Int("rows", 200_000, "rows of BenchmarkLoad")

// BenchmarkLoad measures how fast rows get into the warehouse, against a bare COPY of the
// same rows, encoded beforehand, into the same keyed table: a first copy, a second one that
// finds everything as it is, and one that finds every row changed. The ratio is of rows
// per second; the bare COPY is taken before and after, and the mean counts.
//
//	go test -run '^$' -bench Load -benchtime 1x -timeout 30m ./modules/analytics/warehouse/ -rows 1000000
func BenchmarkLoad(b *testing.B) {
	server := postgrestest.Start(b)
	url := server.Database(b)
	w := site(b, url, "north")
	rows := several(*benchRows)
	const chunk = 20_000
	n := 1
	next := func() (from, to warehouse.Position) { n++; return at(n - 1), at(n) }
	timed := func(fn func()) float64 {
		server.Exec(b, url, "CHECKPOINT")
		start := time.Now()
		fn()
		return float64(len(rows)) / time.Since(start).Seconds()
	}
	replace := func(want func(warehouse.Replaced, []row.Row) bool) func() {
		return func() {
			var after *string
			for start := 0; start < len(rows); start += chunk {
				part := rows[start:min(start+chunk, len(rows))]
				from, to := next()
				done, err := w.Replace(ctx, warehouse.Range{From: from, To: to, Table: visits, After: after, Upto: &part[len(part)-1].ID, Rows: part})
				if err != nil || !want(done, part) {
					b.Fatalf("%+v %v", done, err)
				}
				after = &part[len(part)-1].ID
			}
		}
	}
	for b.Loop() {
		server.Exec(b, url, "TRUNCATE polyclinic.visits")
		first := timed(func() {
			for start := 0; start < len(rows); start += chunk {
				from, to := next()
				_, err := w.CopyInto(ctx, warehouse.Load{From: from, To: to, Table: visits, Rows: rows[start:min(start+chunk, len(rows))]})
				must(b, err)
			}
		})
		same := timed(replace(func(d warehouse.Replaced, part []row.Row) bool { return d.Same == len(part) }))
		for i := range rows {
			rows[i].Hash++
		}
		changed := timed(replace(func(d warehouse.Replaced, part []row.Row) bool { return d.Written == len(part) }))
		bare := bareCopy(b, server, url, timed)

		b.ReportMetric(bare, "bare-rows/s")
		b.ReportMetric(first, "first-rows/s")
		b.ReportMetric(first/bare, "first/bare")
		b.ReportMetric(same/bare, "unchanged/bare")
		b.ReportMetric(changed/bare, "changed/bare")
		b.ReportMetric(bytesPerRow(b, server, url), "bytes/row")
	}
}

// bareCopy takes the table out and puts it back with one COPY, twice.
func bareCopy(b *testing.B, server *postgrestest.Server, url string, timed func(func()) float64) float64 {
	b.Helper()
	var whole bytes.Buffer
	c := postgrestest.Connect(b, url)
	_, err := c.PgConn().CopyTo(ctx, &whole, "COPY (SELECT * FROM polyclinic.visits ORDER BY site_id, id) TO STDOUT (FORMAT binary)")
	must(b, err)
	sum := 0.0
	for range 2 {
		server.Exec(b, url, "TRUNCATE polyclinic.visits")
		sum += timed(func() {
			tag, err := c.PgConn().CopyFrom(ctx, bytes.NewReader(whole.Bytes()), "COPY polyclinic.visits FROM STDIN (FORMAT binary)")
			if err != nil || tag.RowsAffected() == 0 {
				b.Fatal(fmt.Sprint(tag, err))
			}
		})
	}
	return sum / 2
}

func bytesPerRow(b *testing.B, server *postgrestest.Server, url string) (n float64) {
	b.Helper()
	server.Exec(b, url, "VACUUM FULL polyclinic.visits")
	must(b, postgrestest.Connect(b, url).QueryRow(ctx, "SELECT pg_total_relation_size('polyclinic.visits')::float8 / count(*) FROM polyclinic.visits").Scan(&n))
	return n
}
