package faults_test

import (
	"bytes"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/analytics/postgrestest"
)

var outage = flag.Int("outage", 200_000, "changed rows of BenchmarkCatchUp")

// BenchmarkLag writes 500 rows a second, one transaction each, and reports how long after
// its commit a row is seen in PostgreSQL: at most 250 ms at the 95th percentile is wanted.
// Of a save of a record the shipper is told by a hook; what another program writes, it finds
// itself.
//
//	go test -run '^$' -bench Lag -benchtime 1x ./modules/analytics/faults/
func BenchmarkLag(b *testing.B) {
	b.Run("told", func(b *testing.B) { lag(b, true) })
	b.Run("untold", func(b *testing.B) { lag(b, false) })
}

func lag(b *testing.B, told bool) {
	c := newClinic(b)
	c.people("a", 1000)
	c.ships(c.url).settled()
	const rate, seconds = 500, 15
	pg := postgrestest.Connect(b, c.url)
	for b.Loop() {
		_, _, base := c.place()
		written := make([]time.Time, 0, rate*seconds)
		done := make(chan error, 1)
		go func() {
			next := time.Now()
			for i := range rate * seconds {
				next = next.Add(time.Second / rate)
				<-time.After(time.Until(next))
				_, err := c.app.NonconcurrentDB().NewQuery(fmt.Sprintf(`UPDATE visits SET minutes = %d WHERE id = 'va%07d'`, i, 1+i%1000)).Execute()
				if err != nil {
					done <- err
					return
				}
				written = append(written, time.Now())
				if told {
					c.shipper.Wake()
				}
			}
			done <- nil
		}()
		var seen []time.Time // by how many rows had arrived then
		for len(seen) < rate*seconds {
			var seq int64
			c.must(pg.QueryRow(ctx, `SELECT seq FROM polyclinic.sync_site`).Scan(&seq))
			for now := time.Now(); len(seen) < min(int(seq-base), rate*seconds); {
				seen = append(seen, now)
			}
			<-time.After(time.Millisecond)
		}
		c.must(<-done)
		lags := make([]float64, 0, len(written))
		for i := range written {
			lags = append(lags, float64(seen[i].Sub(written[i]).Microseconds())/1000)
		}
		slices.Sort(lags)
		took := written[len(written)-1].Sub(written[0]).Seconds()
		b.ReportMetric(lags[len(lags)/2], "p50-ms")
		b.ReportMetric(lags[len(lags)*95/100], "p95-ms")
		b.ReportMetric(float64(len(written))/took, "writes/s")
	}
}

// BenchmarkCatchUp reports how fast changes are shipped that piled up in an outage, against
// the 500 writes/s at which a very large clinic makes them: ten times is wanted.
//
//	go test -run '^$' -bench CatchUp -benchtime 1x ./modules/analytics/faults/
func BenchmarkCatchUp(b *testing.B) {
	c := newClinic(b)
	c.people("a", *outage)
	c.ships(c.url).settled()
	for b.Loop() {
		c.stops()
		c.exec(`UPDATE visits SET minutes = minutes + 1, fee = fee + 5`)
		start := time.Now()
		c.ships(c.url).settled()
		rate := float64(*outage) / time.Since(start).Seconds()
		b.ReportMetric(rate, "rows/s")
		b.ReportMetric(rate/500, "x-500-writes/s")
	}
}

// BenchmarkWhole reports how fast a whole clinic gets into the warehouse, from SQLite's rows
// on: the first copy, and a second one that finds every row changed.
//
//	go test -run '^$' -bench Whole -benchtime 1x ./modules/analytics/faults/ -outage 500000
func BenchmarkWhole(b *testing.B) {
	for b.Loop() {
		c := newClinic(b)
		c.people("a", *outage)
		start := time.Now()
		c.ships(c.url).settled()
		first := time.Since(start)
		c.stops()
		c.must(capture.Remove(c.app)) // so that everything is compared
		c.exec(`UPDATE visits SET minutes = 3`, `UPDATE people SET gender = 'male'`)
		start = time.Now()
		c.ships(c.url).settled()
		again := time.Since(start)
		b.ReportMetric(float64(2**outage)/first.Seconds(), "first-rows/s")
		b.ReportMetric(float64(2**outage)/again.Seconds(), "changed-rows/s")
		bare := c.bare()
		b.ReportMetric(bare, "bare-rows/s")
		b.ReportMetric(float64(2**outage)/first.Seconds()/bare, "first/bare")
		b.ReportMetric(float64(2**outage)/again.Seconds()/bare, "changed/bare")
	}
}

// bare takes both tables out of the warehouse and puts them back with one COPY each, into
// the same keyed tables, and returns rows a second.
func (c *clinic) bare() float64 {
	c.t.Helper()
	pg := postgrestest.Connect(c.t, c.url)
	var took time.Duration
	rows := int64(0)
	for _, table := range c.tables {
		var whole bytes.Buffer
		_, err := pg.PgConn().CopyTo(ctx, &whole, `COPY (SELECT * FROM polyclinic."`+table.Name+`" ORDER BY site_id, id) TO STDOUT (FORMAT binary)`)
		c.must(err)
		postgres.Server(c.t).Exec(c.t, c.url, `TRUNCATE polyclinic."`+table.Name+`"`, `CHECKPOINT`)
		start := time.Now()
		tag, err := pg.PgConn().CopyFrom(ctx, &whole, `COPY polyclinic."`+table.Name+`" FROM STDIN (FORMAT binary)`)
		c.must(err)
		took += time.Since(start)
		rows += tag.RowsAffected()
	}
	return float64(rows) / took.Seconds()
}
