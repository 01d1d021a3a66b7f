package warehouse_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
	"github.com/polyclinic-os/polyclinic/modules/analytics/postgrestest"
	"github.com/polyclinic-os/polyclinic/modules/analytics/row"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
)

var postgres postgrestest.Shared

func TestMain(m *testing.M) { os.Exit(postgres.Run(m)) }

var ctx = context.Background()

// visits has a column of every kind, and names that SQL keeps for itself.
var visits = analyticsapi.Table{Collection: "visits", Name: "visits", Doc: "It's a visit.", Columns: []analyticsapi.Column{
	{Name: "order", Field: "order", Kind: analyticsapi.Text, Doc: "A word of SQL."},
	{Name: "minutes", Field: "minutes", Kind: analyticsapi.Integer, Doc: "How long."},
	{Name: "score", Field: "score", Kind: analyticsapi.Number, Doc: "How good."},
	{Name: "fee", Field: "feeMinor", Kind: analyticsapi.Money, Doc: "How much."},
	{Name: "starts_at", Field: "startsAt", Kind: analyticsapi.Time, Doc: "When."},
	{Name: "day", Field: "day", Kind: analyticsapi.Day, Doc: "On which day."},
	{Name: "urgent", Field: "urgent", Kind: analyticsapi.Bool, Doc: "Whether."},
	{Name: "codes", Field: "codes", Kind: analyticsapi.JSON, Doc: "What."},
}}

var beds = analyticsapi.Table{Collection: "beds", Name: "beds", Doc: "A bed.", Columns: []analyticsapi.Column{
	{Name: "ward", Field: "ward", Kind: analyticsapi.Text, Doc: "Where."},
}}

var tables = []analyticsapi.Table{visits, beds}

func hashOf(values ...any) int64 {
	h := fnv.New64a()
	fmt.Fprint(h, values...)
	return int64(h.Sum64())
}

func visit(id string, n int) row.Row {
	at := time.Date(1999, 12, 31, 23, 59, 59, 123456000, time.UTC).Add(time.Duration(n) * 37 * time.Hour)
	values := []any{fmt.Sprintf("Nr %d, ü", n), int64(n - 3), float64(n) / 3, int64(n) * 100, at,
		time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC), n%2 == 0, fmt.Sprintf(`{"code": "Z%d"}`, n)}
	r := row.Row{ID: id, Values: values}
	if n%3 == 0 {
		for i := range values {
			values[i] = nil
		}
		extra := `{"x_room": 7}`
		r.Extra = &extra
	}
	r.Hash = hashOf(id, values, r.Extra != nil)
	return r
}

func bed(id, ward string) row.Row {
	return row.Row{ID: id, Values: []any{ward}, Hash: hashOf(id, ward)}
}

func several(n int) (rows []row.Row) {
	for i := range n {
		rows = append(rows, visit(fmt.Sprintf("visit%010d", i), i))
	}
	return rows
}

// site is a warehouse with a site that stands at "e", "1".
func site(t testing.TB, url, name string) *warehouse.Warehouse {
	t.Helper()
	w, err := warehouse.Open(ctx, url, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close(ctx) }) // it may be closed
	must(t, w.EnsureSchema(ctx, tables))
	must(t, w.NewEpoch(ctx, warehouse.Position{}, at(1)))
	return w
}

func at(n int) warehouse.Position {
	return warehouse.Position{Epoch: "e", Seq: int64(n), Token: fmt.Sprint(n)}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t testing.TB, err, want error, parts ...string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("%q does not say %q", err, p)
		}
	}
}

// rowsOf reads what a site has in visits, as it was sent.
func rowsOf(t testing.TB, url, name string) (rows []row.Row) {
	t.Helper()
	c := postgrestest.Connect(t, url)
	found, err := c.Query(ctx, `SELECT id, "order", minutes, score, fee, starts_at, day, urgent, codes::text, extra::text, h
		FROM polyclinic.visits WHERE site_id = $1 ORDER BY id`, name)
	must(t, err)
	for found.Next() {
		r := row.Row{}
		v, err := found.Values()
		must(t, err)
		r.ID, r.Values, r.Hash = v[0].(string), v[1:9], v[10].(int64)
		if s, ok := v[9].(string); ok {
			r.Extra = &s
		}
		if at, ok := r.Values[4].(time.Time); ok {
			r.Values[4] = at.UTC()
		}
		rows = append(rows, r)
	}
	must(t, found.Err())
	return rows
}

func same(t testing.TB, got, want []row.Row) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d rows, want %d", len(got), len(want))
	}
	for i := range got {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("row %d: got %v, want %v", i, got[i], want[i])
		}
	}
}

func count(t testing.TB, url, from string) (n int) {
	t.Helper()
	must(t, postgrestest.Connect(t, url).QueryRow(ctx, "SELECT count(*) FROM polyclinic."+from).Scan(&n))
	return n
}

func TestApplyWritesEveryKind(t *testing.T) {
	url := postgres.Server(t).Database(t)
	w := site(t, url, "north")
	rows := several(7)
	rejected, err := w.Apply(ctx, warehouse.Batch{From: at(1), To: at(2), Changes: []warehouse.Change{{Table: visits, Rows: rows}, {Table: beds, Rows: []row.Row{bed("b", "A")}}}})
	must(t, err)
	if len(rejected) > 0 {
		t.Errorf("rejected %v", rejected)
	}
	same(t, rowsOf(t, url, "north"), rows)

	rows[1] = visit(rows[1].ID, 100)
	_, err = w.Apply(ctx, warehouse.Batch{From: at(2), To: at(3), Changes: []warehouse.Change{{Table: visits, Rows: rows[:2], Deleted: []string{rows[6].ID, "none"}}}})
	must(t, err)
	same(t, rowsOf(t, url, "north"), rows[:6])
	p, err := w.Position(ctx)
	must(t, err)
	if p.Seq != 3 || p.Token != "3" || p.Epoch != "e" || !p.Fresh {
		t.Errorf("got %+v", p)
	}
}

func TestCopyWritesTheSameAsApply(t *testing.T) {
	url := postgres.Server(t).Database(t)
	w := site(t, url, "north")
	rows := several(2500)
	if empty, err := w.Empty(ctx, visits); err != nil || !empty {
		t.Fatalf("got %v %v, want an empty table", empty, err)
	}
	to := at(2)
	to.Snapshot = "visits|7"
	_, err := w.CopyInto(ctx, warehouse.Load{From: at(1), To: to, Table: visits, Rows: rows})
	must(t, err)
	same(t, rowsOf(t, url, "north"), rows)
	if p, err := w.Position(ctx); err != nil || p.Snapshot != "visits|7" {
		t.Errorf("got %+v %v, want the cursor", p, err)
	}
	if empty, err := w.Empty(ctx, visits); err != nil || empty {
		t.Errorf("got %v %v, want rows", empty, err)
	}
	// The same again, as after a lost answer: nothing twice.
	rows[0] = visit(rows[0].ID, 77)
	_, err = w.CopyInto(ctx, warehouse.Load{From: to, To: at(3), Table: visits, Rows: rows})
	must(t, err)
	same(t, rowsOf(t, url, "north"), rows)
}

func TestReplaceMakesARangeEqual(t *testing.T) {
	url := postgres.Server(t).Database(t)
	w := site(t, url, "north")
	rows := several(30)
	rows[0].ID = "" // raw SQL makes such
	_, err := w.Apply(ctx, warehouse.Batch{From: at(1), To: at(2), Changes: []warehouse.Change{{Table: visits, Rows: rows}}})
	must(t, err)
	for i, c := range []struct {
		name                   string
		after, upto            *string
		rows                   []row.Row
		same, written, deleted int
		want                   []row.Row
	}{
		{"equal", nil, &rows[9].ID, rows[:10], 10, 0, 0, rows},
		{"one missing in the middle", &rows[9].ID, &rows[19].ID, append(slices.Clone(rows[10:15]), rows[16:20]...), 9, 0, 1, append(slices.Clone(rows[:15]), rows[16:]...)},
		{"back again, at the end", &rows[9].ID, nil, rows[10:], 19, 1, 0, rows},
		{"the empty id too", nil, &rows[1].ID, rows[1:2], 1, 0, 1, rows[1:]},
		{"one changed", nil, nil, append([]row.Row{visit(rows[1].ID, 99)}, rows[2:]...), 28, 1, 0, append([]row.Row{visit(rows[1].ID, 99)}, rows[2:]...)},
		{"nothing left", nil, nil, nil, 0, 0, 29, nil},
	} {
		done, err := w.Replace(ctx, warehouse.Range{From: at(i + 2), To: at(i + 3), Table: visits, After: c.after, Upto: c.upto, Rows: c.rows})
		if err != nil || done.Same != c.same || done.Written != c.written || done.Deleted != c.deleted {
			t.Fatalf("%s: got %+v %v, want %d %d %d", c.name, done, err, c.same, c.written, c.deleted)
		}
		same(t, rowsOf(t, url, "north"), c.want)
	}
}

func TestSitesDoNotTouchEachOther(t *testing.T) {
	url := postgres.Server(t).Database(t)
	north, south := site(t, url, "north"), site(t, url, "south")
	rows := several(10)
	for _, w := range []*warehouse.Warehouse{north, south} {
		_, err := w.Apply(ctx, warehouse.Batch{From: at(1), To: at(2), Changes: []warehouse.Change{{Table: visits, Rows: rows}}})
		must(t, err)
	}
	_, err := north.Replace(ctx, warehouse.Range{From: at(2), To: at(3), Table: visits})
	must(t, err)
	same(t, rowsOf(t, url, "north"), nil)
	same(t, rowsOf(t, url, "south"), rows)
}

func TestPoisonIsSetAsideAndTheRestFlows(t *testing.T) {
	server := postgres.Server(t)
	for _, how := range []string{"apply", "copy", "replace"} {
		t.Run(how, func(t *testing.T) {
			url := server.Database(t)
			w := site(t, url, "north")
			server.Exec(t, url, "ALTER TABLE polyclinic.visits ADD CONSTRAINT small CHECK (minutes < 1000)")
			rows := several(300)
			old := visit(rows[5].ID, 5)
			_, err := w.Apply(ctx, warehouse.Batch{From: at(1), To: at(2), Changes: []warehouse.Change{{Table: visits, Rows: []row.Row{old}}}})
			must(t, err)
			rows[5], rows[200] = visit(rows[5].ID, 5000), visit(rows[200].ID, 7000)
			noted := []row.Reject{{Table: "visits", ID: rows[7].ID, Column: "day", Reason: "is no day"}}
			var rejected []row.Reject
			switch how {
			case "apply":
				rejected, err = w.Apply(ctx, warehouse.Batch{From: at(2), To: at(3), Rejects: noted, Changes: []warehouse.Change{{Table: visits, Rows: rows}, {Table: beds, Rows: []row.Row{bed("b", "A")}}}})
				if n := count(t, url, "beds"); n != 1 {
					t.Errorf("the other table has %d rows, want 1", n)
				}
			case "copy":
				rejected, err = w.CopyInto(ctx, warehouse.Load{From: at(2), To: at(3), Table: visits, Rows: rows, Rejects: noted})
			case "replace":
				var done warehouse.Replaced
				done, err = w.Replace(ctx, warehouse.Range{From: at(2), To: at(3), Table: visits, Rows: rows, Rejects: noted})
				rejected = done.Rejected
			}
			must(t, err)
			if len(rejected) != 2 || rejected[0].ID != rows[5].ID || rejected[1].ID != rows[200].ID || !strings.Contains(rejected[0].Reason, "small") {
				t.Fatalf("got %v", rejected)
			}
			same(t, rowsOf(t, url, "north"), append(append(slices.Clone(rows[:5]), rows[6:200]...), rows[201:]...))
			total, list, err := w.Rejects(ctx, 2)
			if err != nil || total != 3 || len(list) != 2 {
				t.Errorf("got %d %v %v, want 3", total, list, err)
			}
			// Mended, it flows, and is set aside no longer.
			_, err = w.Apply(ctx, warehouse.Batch{From: at(3), To: at(4), Changes: []warehouse.Change{{Table: visits, Rows: []row.Row{old}, Deleted: []string{rows[200].ID, rows[7].ID}}}})
			must(t, err)
			if total, list, err := w.Rejects(ctx, 9); err != nil || total != 0 {
				t.Errorf("got %v %v, want none", list, err)
			}
		})
	}
}

func TestBucketsAndIDs(t *testing.T) {
	url := postgres.Server(t).Database(t)
	w := site(t, url, "north")
	rows := []row.Row{bed("", "A"), bed("a1", "A"), bed("a2", "B"), bed("b1", "A"), bed("ü1", "A"), bed("ü2", "A")}
	rows[1].Hash, rows[2].Hash = -1<<63, -1
	_, err := w.Apply(ctx, warehouse.Batch{From: at(1), To: at(2), Changes: []warehouse.Change{{Table: beds, Rows: rows}}})
	must(t, err)
	buckets, err := w.Buckets(ctx, beds, 1)
	must(t, err)
	want := map[string]warehouse.Bucket{}
	for _, r := range rows {
		prefix := string([]rune(r.ID)[:min(1, len([]rune(r.ID)))])
		b := want[prefix]
		want[prefix] = warehouse.Bucket{Prefix: prefix, Count: b.Count + 1, Sum: b.Sum + uint64(r.Hash)}
	}
	if len(buckets) != len(want) {
		t.Errorf("got %d buckets, want %d", len(buckets), len(want))
	}
	for _, b := range buckets {
		if b != want[b.Prefix] {
			t.Errorf("got %+v, want %+v", b, want[b.Prefix])
		}
	}
	keys, err := w.IDs(ctx, beds, "ü", 1)
	if err != nil || !slices.Equal(keys, []warehouse.Key{{ID: "ü1", Hash: rows[4].Hash}, {ID: "ü2", Hash: rows[5].Hash}}) {
		t.Errorf("got %v %v", keys, err)
	}
	if keys, err = w.IDs(ctx, beds, "", 1); err != nil || len(keys) != 1 {
		t.Errorf("the empty id: got %v %v", keys, err)
	}
}

func TestHistoryKeepsVersions(t *testing.T) {
	url := postgres.Server(t).Database(t)
	w, err := warehouse.Open(ctx, url, "north")
	must(t, err)
	defer w.Close(ctx)
	w.History = true
	must(t, w.EnsureSchema(ctx, tables))
	must(t, w.NewEpoch(ctx, warehouse.Position{}, at(1)))
	for i, c := range []warehouse.Change{
		{Table: beds, Rows: []row.Row{bed("a", "first"), bed("b", "first")}},
		{Table: beds, Rows: []row.Row{bed("a", "second"), bed("b", "first")}},
		{Table: beds, Deleted: []string{"a", "none"}},
		{Table: beds, Rows: []row.Row{bed("a", "third")}},
		{Table: beds, Rows: []row.Row{{ID: "a", Values: []any{"third"}, Hash: 7}}}, // as after Stale: written anew, and says the same
	} {
		_, err = w.Apply(ctx, warehouse.Batch{From: at(i + 1), To: at(i + 2), Changes: []warehouse.Change{c}})
		must(t, err)
	}
	got, err := postgrestest.Connect(t, url).Query(ctx, `SELECT id || ' ' || ward || ' ' || (valid_to IS NULL) FROM polyclinic.beds_versions ORDER BY id, valid_from`)
	must(t, err)
	list, err := pgx.CollectRows(got, pgx.RowTo[string])
	if want := []string{"a first false", "a second false", "a third true", "b first true"}; err != nil || !slices.Equal(list, want) {
		t.Errorf("got %v %v, want %v", list, err, want)
	}
	var gap bool
	must(t, postgrestest.Connect(t, url).QueryRow(ctx, `SELECT max(valid_from) > (SELECT max(valid_to) FROM polyclinic.beds_versions) FROM polyclinic.beds_versions WHERE id = 'a'`).Scan(&gap))
	if !gap {
		t.Error("while the row was deleted, a version of it was valid")
	}
}
