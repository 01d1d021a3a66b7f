package kernel_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

// sameCount compares what a caller who sees all is told with what is there.
func sameCount(t *testing.T, s *kerneltest.Server, when string) {
	t.Helper()
	want := count(t, s, "things")
	for _, url := range []string{path, collection} {
		r := s.As(t, alma, "GET", url+"?perPage=1", nil)
		if got := r.JSON(t)["totalItems"]; got != float64(want) || r.JSON(t)["totalPages"] != float64(want) {
			t.Errorf("%s, %s: told %v, there are %d", when, url, got, want)
		}
	}
	if n, err := kernel.RowCount(s.App, "things", true); err != nil || n != int(want) {
		t.Errorf("%s: kept %d, there are %d: %v", when, n, want, err)
	}
}

func TestAKeptCountNeverDiffers(t *testing.T) {
	set, _ := newSet()
	s := set.Start(t)
	exec := func(sql string) {
		t.Helper()
		if _, err := s.App.NonconcurrentDB().NewQuery(sql).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	sameCount(t, s, "at first")
	s.As(t, alma, "POST", path, `{"name":"jug"}`)
	sameCount(t, s, "after a create")
	s.As(t, alma, "POST", path, `{"name":"cursed"}`)
	sameCount(t, s, "after a create that was rolled back")
	exec("INSERT INTO things (id, name) VALUES ('rawthing0000001', 'raw'), ('rawthing0000002', 'raw')")
	sameCount(t, s, "after raw SQL")
	exec("INSERT OR REPLACE INTO things (id, name) VALUES ('rawthing0000001', 'again')")
	sameCount(t, s, "after a row was replaced")
	exec("INSERT INTO things (id, name) VALUES ('rawthing0000001', 'raw') ON CONFLICT (id) DO UPDATE SET name = 'upsert'")
	sameCount(t, s, "after an upsert")
	exec("DELETE FROM things WHERE name = 'raw'")
	sameCount(t, s, "after a raw delete")
	s.As(t, alma, "DELETE", path+"/"+adas, nil)
	sameCount(t, s, "after a delete")
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() { s.As(t, alma, "POST", path, fmt.Sprintf(`{"name":"many %d"}`, i)) })
	}
	all.Wait()
	sameCount(t, s, "after many at once")
	c, err := s.App.FindCollectionByNameOrId("things")
	if err != nil {
		t.Fatal(err)
	}
	c.Fields.Add(&core.TextField{Name: "x_more"})
	if err := s.App.Save(c); err != nil {
		t.Fatal(err)
	}
	s.As(t, alma, "POST", path, `{"name":"jug"}`)
	sameCount(t, s, "after the collection changed")
	exec("DROP TRIGGER things_counted_insert")
	exec("INSERT INTO things (id, name) VALUES ('rawthing0000003', 'raw')")
	if err := s.Kernel.Reconcile(s.App); err != nil {
		t.Fatal(err)
	}
	sameCount(t, s, "after a start that finds a trigger gone")
	exec("DELETE FROM things")
	sameCount(t, s, "when all is gone")
}

func TestAKeptCountIsForThoseWhoSeeAll(t *testing.T) {
	set, _ := newSet()
	s := set.Start(t)
	s.As(t, alma, "POST", path, `{"name":"jug"}`)
	// A count that is wrong shows who was told it.
	if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE row_counts SET total = 77, alive = 99 WHERE collection = 'things'").Execute(); err != nil {
		t.Fatal(err)
	}
	kept, counted := []string{`"totalItems":99`}, []string{`"totalItems":99`}
	s.On(t, []kerneltest.Scenario{
		{Name: "an admin", As: alma, Method: "GET", Path: path, Want: 200, Has: kept},
		{Name: "by the collection", As: alma, Method: "GET", Path: collection, Want: 200, Has: kept},
		{Name: "a doctor", As: grace, Method: "GET", Path: path + "?page=2&perPage=2", Want: 200, Has: []string{`"totalItems":99`, `"totalPages":50`}},
		{Name: "a patient sees one", As: ada, Method: "GET", Path: path, Want: 200, Has: []string{`"totalItems":1`}, Not: counted},
		{Name: "a nurse has no list", As: nia, Method: "GET", Path: collection, Want: 200, Has: []string{`"totalItems":0`}},
		{Name: "a filter is counted", As: alma, Method: "GET", Path: path + "?filter=name='jug'", Want: 200, Has: []string{`"totalItems":1`}},
		{Name: "a search is counted", As: alma, Method: "GET", Path: path + "?q=jug", Want: 200, Has: []string{`"totalItems":1`}},
		{Name: "a list of its own is counted", As: alma, Method: "GET", Path: path + "/unlabelled", Want: 200, Has: []string{`"totalItems":3`}},
		{Name: "no total is none", As: alma, Method: "GET", Path: path + "?skipTotal=true", Want: 200, Has: []string{`"totalItems":-1`}},
		{Name: "a total that is asked for", As: alma, Method: "GET", Path: path + "?skipTotal=false", Want: 200, Has: []string{`"totalItems":3`}},
	})
}

// The ratio of a page of a long list with its kept total, to the same page with COUNT(*),
// which a filter that finds everything brings about.
func BenchmarkKeptCount(b *testing.B) {
	set, _ := newSet()
	s := set.Start(b)
	sql := "INSERT INTO things (id, name, created, updated) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT printf('bulk%011d', i), 'n' || i, '2026-01-01', '2026-01-01' FROM n"
	if _, err := s.App.NonconcurrentDB().NewQuery(sql).Execute(); err != nil {
		b.Fatal(err)
	}
	var kept, counted time.Duration
	page := func(query string, took *time.Duration) {
		began := time.Now()
		if r := s.As(b, alma, "GET", path+"?sort=id"+query, nil); r.Status != 200 {
			b.Fatal(r.Body)
		}
		*took += time.Since(began)
	}
	for b.Loop() {
		page("", &kept)
		page("&filter=id!=''", &counted)
	}
	b.ReportMetric(float64(counted)/float64(kept), "times-faster")
}
