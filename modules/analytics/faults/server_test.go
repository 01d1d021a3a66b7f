package faults_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/analytics/postgrestest"
	"github.com/polyclinic-os/polyclinic/modules/analytics/ship"
)

func TestFaultPostgresKilledMidBatch(t *testing.T) {
	c := newClinic(t)
	c.people("a", 500)
	c.ships(c.url).same()
	epoch, _, _ := c.place()
	c.slowed()
	server := postgres.Server(t)
	c.while(func() {
		for range 2 {
			c.midBatch("visits")
			server.Kill(t)
			c.says(func(is ship.Snapshot) bool { return is.Failures > 0 && is.State == ship.Waiting })
			server.Restart(t)
			c.says(func(is ship.Snapshot) bool { return is.State == ship.Live })
		}
	})
	c.same()
	if now, _, _ := c.place(); now != epoch {
		t.Error("it started over, though nothing was lost")
	}
}

func TestFaultPostgresKilledInTheFirstCopy(t *testing.T) {
	c := newClinic(t)
	c.people("a", 3000)
	c.ships(c.url).settled()
	c.slowed()
	c.exec(`UPDATE visits SET minutes = 21`)
	c.must(capture.Mark(c.app, capture.Asked, "visits"))
	server := postgres.Server(t)
	c.ships(c.url, func(cfg *ship.Config) { cfg.Chunk = 300 })
	c.while(func() {
		for range 2 {
			c.midBatch("visits")
			server.Kill(t)
			c.says(func(is ship.Snapshot) bool { return is.State == ship.Waiting })
			server.Restart(t)
			c.says(func(is ship.Snapshot) bool { return is.State != ship.Waiting })
		}
	})
	c.same()
}

func TestFaultNetworkIsCut(t *testing.T) {
	c := newClinic(t)
	c.people("a", 300)
	proxy := postgrestest.NewProxy(t, postgres.Server(t).Address())
	c.ships(postgres.Server(t).Via(c.url, proxy.Address())).same()
	epoch, _, _ := c.place()
	c.while(func() {
		for i := range 12 {
			tries := proxy.Tries()
			if i%3 == 0 {
				proxy.CutAt("COMMIT") // it is done there, and nobody here knows
			} else {
				proxy.CutAfter(rand.Int64N(60_000)) // the writes draw from c.random
			}
			until(t, func() string {
				return map[bool]string{true: "", false: "it was not cut"}[proxy.Down() || proxy.Tries() > tries]
			})
			proxy.Mend()
			c.says(func(is ship.Snapshot) bool { return is.State == ship.Live && proxy.Tries() > tries })
		}
	})
	c.same()
	if now, _, _ := c.place(); now != epoch {
		t.Error("it started over, though nothing was lost")
	}
}

func TestFaultNetworkIsSlowOrHalfOpen(t *testing.T) {
	c := newClinic(t)
	c.people("a", 300)
	proxy := postgrestest.NewProxy(t, postgres.Server(t).Address())
	c.ships(postgres.Server(t).Via(c.url, proxy.Address()), func(cfg *ship.Config) { cfg.Answer = time.Second }).same()
	proxy.Slow(20 * time.Millisecond)
	c.while(func() {
		_, _, seq := c.place()
		until(t, func() string {
			if _, _, now := c.place(); now < seq+2000 {
				return "nothing arrives"
			}
			return ""
		})
	})
	proxy.Slow(0)
	c.same()
	c.while(func() {
		proxy.Hold()
		is := c.says(func(is ship.Snapshot) bool { return is.State == ship.Waiting })
		if !strings.Contains(is.Error, "did not answer in time") {
			t.Errorf("it says %q", is.Error)
		}
		proxy.Resume()
		proxy.Cut() // what was held must not come through late
		proxy.Mend()
		c.says(func(is ship.Snapshot) bool { return is.State == ship.Live })
	})
	c.same()
}

func TestFaultPostgresFrozen(t *testing.T) {
	c := newClinic(t)
	c.people("a", 300)
	c.ships(c.url, func(cfg *ship.Config) { cfg.Answer = time.Second }).same()
	server := postgres.Server(t)
	c.while(func() {
		server.Freeze()
		defer server.Thaw()
		c.says(func(is ship.Snapshot) bool { return is.State == ship.Waiting })
	})
	c.same()
}

// Down for so long that everything changed many times: what waits is bounded by the rows
// that there are, and every write goes through.
func TestFaultPostgresDownForLong(t *testing.T) {
	c := newClinic(t)
	c.people("a", 20_000)
	c.ships(c.url).same()
	proxy := postgrestest.NewProxy(t, postgres.Server(t).Address())
	c.ships(postgres.Server(t).Via(c.url, proxy.Address())).settled()
	proxy.Cut()
	c.says(func(is ship.Snapshot) bool { c.writes(1); return is.State == ship.Waiting })
	for i := range 6 {
		c.exec(fmt.Sprintf(`UPDATE visits SET minutes = %d`, i))
	}
	c.exec(`DELETE FROM visits WHERE rowid % 10 = 3`)
	db := c.data()
	defer db.Close()
	until(t, func() string {
		var waiting int
		c.must(db.NewQuery(`SELECT count(*) FROM _analytics_log`).Row(&waiting))
		if waiting > 70_000 { // what was shipped is kept a while
			return fmt.Sprint(waiting, " changes wait for 20,000 rows")
		}
		return ""
	})
	proxy.Mend()
	c.same()

	// Beyond the cap, the list goes, while a reading in full is under way too.
	proxy.Cut()
	c.ships(postgres.Server(t).Via(c.url, proxy.Address()), func(cfg *ship.Config) { cfg.Cap = 1000 })
	c.exec(`UPDATE visits SET minutes = 7`)
	until(t, func() string {
		kept, err := capture.ReadState(c.app)
		c.must(err)
		if kept.Overflows == 0 {
			return "the list is not dropped"
		}
		return ""
	})
	c.exec(`UPDATE visits SET minutes = 8 WHERE rowid % 2 = 0`, `DELETE FROM visits WHERE rowid % 10 = 4`)
	proxy.Mend()
	c.ships(c.url).same()
}

// While one table is read in full, changes of the others do not wait for its end, and its
// own are not lost.
func TestFaultChangesFlowWhileATableIsRead(t *testing.T) {
	for _, mode := range []string{"straight in", "compared", "pseudonyms"} {
		c := newClinic(t)
		c.people("a", 800)
		if mode == "pseudonyms" {
			c.options.Key = []byte("a key of the clinic")
		}
		if mode != "straight in" {
			c.ships(c.url).settled()
			c.stops()
			c.must(capture.Mark(c.app, capture.Asked))
			c.exec(`UPDATE people SET gender = 'male'`, `UPDATE visits SET minutes = 3`)
		}
		proxy := postgrestest.NewProxy(t, postgres.Server(t).Address())
		proxy.Slow(time.Millisecond)
		c.ships(postgres.Server(t).Via(c.url, proxy.Address()), func(cfg *ship.Config) { cfg.Chunk, cfg.Turn = 100, time.Millisecond })
		moved := map[int64]bool{}
		c.while(func() {
			until(t, func() string {
				var seq int64
				var snap string
				if err := c.ask(`SELECT seq, snap FROM polyclinic.sync_site`, &seq, &snap); err != nil {
					return err.Error()
				}
				if strings.Contains(snap, `"begun":true`) {
					moved[seq] = true
				}
				if snap != "" || len(moved) == 0 {
					return "still reading"
				}
				return ""
			})
		})
		if len(moved) < 3 {
			t.Errorf("%s: no change was shipped in the middle of a table: %v", mode, moved)
		}
		c.same()
	}
}

// At the cap, with PostgreSQL away: the list is dropped again and again under writes that go
// on, what waits stays bounded, and no write fails, which it would after ten seconds of
// waiting for another.
func TestFaultNoWriteFailsAtTheCap(t *testing.T) {
	c := newClinic(t)
	c.people("a", 3_000)
	c.ships(c.url).same()
	const most = 500
	proxy := postgrestest.NewProxy(t, postgres.Server(t).Address())
	proxy.Cut()
	c.ships(postgres.Server(t).Via(c.url, proxy.Address()), func(cfg *ship.Config) { cfg.Cap = most })
	dropped := func() int64 {
		kept, err := capture.ReadState(c.app)
		c.must(err)
		return kept.Overflows
	}
	c.while(func() {
		until(t, func() string {
			c.exec(`UPDATE visits SET minutes = minutes + 1`)
			if n := dropped(); n < 4 {
				return fmt.Sprintf("the list was dropped %d times", n)
			}
			return ""
		})
	})
	until(t, func() string {
		var waiting int
		c.must(c.app.DB().NewQuery(`SELECT count(*) FROM _analytics_log`).Row(&waiting))
		if waiting > most {
			return fmt.Sprint(waiting, " changes wait, the cap is ", most)
		}
		return ""
	})
	c.exec(`UPDATE visits SET minutes = 8 WHERE rowid % 2 = 0`)
	proxy.Mend()
	c.ships(c.url).same()
}
