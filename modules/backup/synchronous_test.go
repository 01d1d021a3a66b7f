package backup_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// TestACommitIsOnTheDiskBeforeItIsAnswered looks at every connection of both pools: the level
// is each connection's own.
func TestACommitIsOnTheDiskBeforeItIsAnswered(t *testing.T) {
	s := set.Start(t)
	for name, db := range map[string]dbx.Builder{"readers": s.App.ConcurrentDB(), "the writer": s.App.NonconcurrentDB()} {
		for range 8 {
			var level int
			if err := db.NewQuery("PRAGMA synchronous").Row(&level); err != nil || level != 2 {
				t.Errorf("%s: synchronous is %d, want 2 (FULL): %v", name, level, err)
			}
		}
	}
}

// BenchmarkCommitFullToNormal reports what FULL costs a commit.
func BenchmarkCommitFullToNormal(b *testing.B) {
	commit := func(level string) time.Duration {
		db, err := kernel.Connect(filepath.Join(b.TempDir(), "data.db"))
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		db.DB().SetMaxOpenConns(1)
		for _, q := range []string{"PRAGMA synchronous = " + level, "CREATE TABLE t (x TEXT)"} {
			if _, err := db.NewQuery(q).Execute(); err != nil {
				b.Fatal(err)
			}
		}
		began := time.Now()
		for range b.N {
			if _, err := db.NewQuery("INSERT INTO t VALUES ('a line of a record')").Execute(); err != nil {
				b.Fatal(err)
			}
		}
		return time.Since(began)
	}
	full, normal := commit("FULL"), commit("NORMAL")
	b.ReportMetric(full.Seconds()*1e6/float64(b.N), "µs/full")
	b.ReportMetric(normal.Seconds()*1e6/float64(b.N), "µs/normal")
	b.ReportMetric(float64(full)/float64(normal), "ratio")
}
