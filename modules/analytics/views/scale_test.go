package views_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
	"github.com/polyclinic-os/polyclinic/modules/analytics/postgrestest"
	"github.com/polyclinic-os/polyclinic/modules/analytics/row"
	"github.com/polyclinic-os/polyclinic/modules/analytics/views"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
)

var scaleRows = flag.Int("rows", 50_000, "rows of each table in BenchmarkScale")

// BenchmarkScale measures what docs/scale.md is reckoned with: bytes of a row of each
// table that grows, index included, as they lie after a first copy and after every tenth
// row was changed once, and how fast one PostgreSQL adds up a chain's revenue.
//
//	go test -run '^$' -bench Scale -benchtime 1x -timeout 30m ./modules/analytics/views/ -rows 200000
func BenchmarkScale(b *testing.B) {
	server := postgrestest.Start(b)
	url := server.Database(b)
	w, err := warehouse.Open(ctx, url, "clinic-0001")
	must(b, err)
	tables := declared(b)
	must(b, w.EnsureSchema(ctx, tables))
	must(b, w.Define(ctx, views.SQL()))
	at := warehouse.Position{Epoch: "e", Token: "0"}
	must(b, w.NewEpoch(ctx, warehouse.Position{}, at))
	next := func() (from, to warehouse.Position) {
		from = at
		at = warehouse.Position{Epoch: "e", Seq: from.Seq + 1, Token: fmt.Sprint(from.Seq + 1)}
		return from, at
	}
	r := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		for _, table := range tables {
			if !strings.Contains(" patients appointments medical_records invoices payments inventory_movements ", " "+table.Name+" ") {
				continue
			}
			rows := make([]row.Row, *scaleRows)
			for i := range rows {
				rows[i] = plausible(r, table)
			}
			for start := 0; start < len(rows); start += 20_000 {
				from, to := next()
				_, err := w.CopyInto(ctx, warehouse.Load{From: from, To: to, Table: table, Rows: rows[start:min(start+20_000, len(rows))]})
				must(b, err)
			}
			for start := 0; start+10 <= len(rows)/10; start += 2000 {
				part := rows[start:min(start+2000, len(rows)/10)]
				for i := range part {
					part[i].Hash++
				}
				from, to := next()
				_, err := w.Apply(ctx, warehouse.Batch{From: from, To: to, Changes: []warehouse.Change{{Table: table, Rows: part}}})
				must(b, err)
			}
			server.Exec(b, url, "VACUUM ANALYZE polyclinic."+table.Name)
			var size float64
			must(b, postgrestest.Connect(b, url).QueryRow(ctx, "SELECT pg_total_relation_size('polyclinic."+table.Name+"')::float8").Scan(&size))
			b.ReportMetric(size/float64(len(rows)), table.Name+"-B/row")
		}
		c := postgrestest.Connect(b, url)
		start := time.Now()
		_, err := c.Exec(ctx, "SELECT month, currency, sum(billed), sum(collected) FROM polyclinic.chain_revenue GROUP BY 1, 2")
		must(b, err)
		b.ReportMetric(2*float64(*scaleRows)/time.Since(start).Seconds(), "revenue-rows/s")
	}
}

// plausible makes a row as a clinic would: ids of 15 characters, words of a usual length.
func plausible(r *rand.Rand, t analyticsapi.Table) row.Row {
	id := func() string {
		b := make([]byte, 15)
		for i := range b {
			b[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[r.IntN(36)]
		}
		return string(b)
	}
	words := map[string]string{"status": "completed", "time_slot": "09:00-09:30", "invoice_number": "INV-2026-000123", "currency": "USD", "method": "cash", "kind": "payment", "gender": "female",
		"items": `[{"quantity": 1, "unitPrice": 120.5, "total": 120.5}, {"quantity": 2, "unitPrice": 15, "total": 30}]`,
		"codes": `[{"system": "http://hl7.org/fhir/sid/icd-10", "code": "J06.9"}]`,
	}
	out := row.Row{ID: id(), Values: make([]any, len(t.Columns)), Hash: int64(r.Uint64())}
	for i, c := range t.Columns {
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.IntN(365*24*60)) * time.Minute)
		switch {
		case c.Name == "deleted_at" || c.Name == "voided_at" || c.Name == "age":
		case c.Kind == analyticsapi.Text || c.Kind == analyticsapi.JSON:
			if out.Values[i] = words[c.Name]; words[c.Name] == "" {
				out.Values[i] = id()
			}
		case c.Kind == analyticsapi.Time:
			out.Values[i] = at
		case c.Kind == analyticsapi.Day:
			out.Values[i] = at.Truncate(24 * time.Hour)
		case c.Kind == analyticsapi.Bool:
			out.Values[i] = false
		case c.Kind == analyticsapi.Number:
			out.Values[i] = r.Float64()
		default:
			out.Values[i] = int64(r.IntN(100_000))
		}
	}
	return out
}
