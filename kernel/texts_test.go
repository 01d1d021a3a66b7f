package kernel_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

// sought asks for things by ?q= and returns their ids in the order of the answer, all pages.
func sought(t *testing.T, s *kerneltest.Server, who kerneltest.Account, q, more string) (ids []string) {
	t.Helper()
	for page := 1; ; page++ {
		r := s.As(t, who, "GET", fmt.Sprintf("%s?q=%s&page=%d&perPage=200&fields=id%s", path, url.QueryEscape(q), page, more), nil)
		if r.Status != 200 {
			t.Fatalf("q=%q: %d %s", q, r.Status, r.Body)
		}
		answer := r.JSON(t)
		items := answer["items"].([]any)
		for _, item := range items {
			ids = append(ids, item.(map[string]any)["id"].(string))
		}
		if len(items) < 200 {
			if total := answer["totalItems"]; total != float64(len(ids)) {
				t.Fatalf("q=%q: told %v, shown %d", q, total, len(ids))
			}
			return ids
		}
	}
}

// through has searches go through the table: what notes changes is taken away.
func through(t *testing.T, s *kerneltest.Server) {
	t.Helper()
	var names []string
	if err := s.App.DB().NewQuery("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name GLOB '_search_things_*'").Column(&names); err != nil || len(names) != 4 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		if _, err := s.App.NonconcurrentDB().NewQuery("DROP TRIGGER " + name).Execute(); err != nil {
			t.Fatal(err)
		}
	}
}

func start(t *testing.T, s *kerneltest.Server) {
	t.Helper()
	if err := s.Kernel.Reconcile(s.App); err != nil {
		t.Fatal(err)
	}
}

// What is held in memory never changes an answer, whatever is in the column and whatever is
// asked for.
func TestASearchInMemoryFindsWhatTheTableDoes(t *testing.T) {
	set, _ := newSet()
	s := set.Start(t)
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	dice := rand.New(rand.NewPCG(seed, 1))
	pieces := []string{
		"an", "ber", "Ger", "MUL", "ö", "Ü", "ß", "İ", "ł", "é", "e\u0301", "\u0301", "Νίκος", "ς", "Шев", "й", "أَح", "محمد", "נָ", "की", "की", "が", "山田", "김", "😀", "\U00010400", "ﬁ", "Ａ", "％", "﹪", "⁒",
		"%", "_", `\`, `\\`, "'", `"`, "`", "*", "?", "[", "]", "(", ")", "//", "--", "-", "+", "@", ".", ":", ";", "&&", "||", "~", "{:found}", "{{", "[[", "0", "1", "49", "O’", "ʻ", "\u200d", "\ufffd", "\ufeff", "\u00a0", "\uffff",
	}
	text := func(n int) string {
		var b strings.Builder
		for range 1 + dice.IntN(n) {
			b.WriteString(pieces[dice.IntN(len(pieces))])
			if dice.IntN(6) == 0 {
				b.WriteByte(' ')
			}
		}
		return b.String()
	}
	db := s.App.NonconcurrentDB()
	var texts []string
	for i := range 1500 {
		words := text(8)
		texts = append(texts, words)
		var column any = kernel.Fold(words)
		switch odd := i%150 == 0; { // few: each is asked for every time
		case odd && i%300 == 0:
			column = []byte(words + "\xff\xc3")
		case odd:
			column = "ab\xc1\xa1\xed\xa0\x80\xe0\x90\xb6ук" + words // which SQLite reads as жук
		case i%7 == 0:
			column = words // as nobody folds it
		case i%31 == 0:
			column = words + "\x00" + text(4)
		case i%41 == 0:
			column = i
		case i%43 == 0:
			column = float64(i) / 7
		}
		// Ten rows share their time: what decides between them is asked, too.
		_, err := db.Insert("things", dbx.Params{"id": fmt.Sprintf("%015d", dice.IntN(1<<40)), "name": words, "created": fmt.Sprintf("2026-01-01 00:00:%02d.000Z", i/10%60), "searchText": column}).Execute()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, column := range []string{"quick and next", "A SHOUTED NAME", "shared a", "shared b", "shared c", "shared d"} {
		_, err := db.Insert("things", dbx.Params{"id": fmt.Sprintf("shared%09d", []int{5, 1, 4, 2, 3, 0}[i]), "name": "shared", "created": "2026-01-01 00:00:00.000Z", "searchText": column}).Execute()
		if err != nil {
			t.Fatal(err)
		}
	}
	type question struct{ q, more string }
	asked := []question{{"жук", ""}, {"ab", ""}, {"qu％xt", ""}, {"shared", ""}, {"shared", "&sort=count"}, {"SHOUTED", ""}}
	for range 150 {
		q := text(3)
		if from := []rune(texts[dice.IntN(len(texts))]); dice.IntN(3) > 0 {
			at := dice.IntN(len(from))
			q = string(from[at:min(len(from), at+1+dice.IntN(6))])
		}
		switch dice.IntN(8) {
		case 0:
			q = strings.ToUpper(q)
		case 1:
			q += " " + text(2)
		case 2:
			q += "\xff"
		}
		more := []string{"", "&sort=name", "&sort=-name", "&sort=count,-kind", "&filter=" + url.QueryEscape("count = 0"), "&sort=id,-id,id,-id,id,-id,id,-id"}[dice.IntN(6)]
		asked = append(asked, question{q, more})
	}
	answers := func() (out [][]string) {
		for _, a := range asked {
			out = append(out, sought(t, s, alma, a.q, a.more))
		}
		return out
	}
	got := answers()
	through(t, s)
	want := answers()
	some := 0
	for i, a := range asked {
		if !slices.Equal(got[i], want[i]) {
			t.Errorf("q=%q %s: %d found in memory, %d in the table\n%v\n%v", a.q, a.more, len(got[i]), len(want[i]), got[i], want[i])
		}
		if n := len(want[i]); n > 0 && n < 30 {
			some++
		}
	}
	if some < 25 {
		t.Errorf("%d of %d questions have an answer that memory narrows", some, len(asked))
	}
}

// A search is not asked of the table: what memory lacks is not found.
func TestASearchAsksMemory(t *testing.T) {
	set, _ := newSet()
	s := set.Start(t)
	if got := sought(t, s, alma, "cup", ""); len(got) != 2 {
		t.Fatalf("found %v", got)
	}
	err := s.App.RunInTransaction(func(tx core.App) error {
		for _, statement := range []string{
			"UPDATE things SET searchText = 'pitcher' WHERE id = '" + adas + "'",
			"DELETE FROM _search_changes WHERE seq = (SELECT max(seq) FROM _search_changes)",
			"UPDATE sqlite_sequence SET seq = seq - 1 WHERE name = '_search_changes'", // nobody does: it takes back that anything changed
		} {
			if _, err := tx.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := sought(t, s, alma, "pitcher", ""); len(got) != 0 {
		t.Errorf("found %v", got)
	}
	if got := sought(t, s, alma, "cup", ""); !slices.Equal(got, []string{bobs}) {
		t.Errorf("found %v: what is in the table has the last word", got)
	}
	through(t, s)
	if got := sought(t, s, alma, "pitcher", ""); !slices.Equal(got, []string{adas}) {
		t.Errorf("found %v in the table", got)
	}
}

// Whoever writes, the next search finds it.
func TestASearchFindsWhatAnybodyWrote(t *testing.T) {
	set, _ := newSet()
	s := set.Start(t)
	other := another(t, s.App)
	exec := func(statement string) {
		t.Helper()
		if _, err := other.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	right := func(when string, words ...string) {
		t.Helper()
		for _, word := range append(words, "cup", "jug") {
			var want []string
			q := s.App.DB().Select("id").From("things").OrderBy("created DESC", "_rowid_ DESC")
			for _, part := range strings.Fields(word) {
				q.AndWhere(dbx.Like("searchText", part))
			}
			if err := q.Column(&want); err != nil {
				t.Fatal(err)
			}
			if got := sought(t, s, alma, word, ""); !slices.Equal(got, want) {
				t.Errorf("%s: q=%s finds %v, there are %v", when, word, got, want)
			}
		}
	}
	right("at first")
	s.As(t, alma, "POST", path, `{"name":"Jug"}`)
	right("after a create")
	s.As(t, alma, "PUT", path+"/"+adas, `{"name":"Jug"}`)
	right("after a change")
	s.As(t, alma, "POST", path, `{"name":"cursed"}`)
	right("after a create that was rolled back", "cursed")
	exec("INSERT INTO things (id, name, searchText) VALUES ('raw000000000001', 'raw', 'raw jug'), ('raw000000000002', 'raw', 'raw')")
	right("after another program's insert", "raw")
	exec("UPDATE things SET searchText = 'cup' WHERE name = 'raw'")
	right("after its change", "raw")
	exec("UPDATE things SET id = 'raw000000000003' WHERE id = 'raw000000000002'")
	right("after a row got another id")
	exec("REPLACE INTO things (id, name, searchText) VALUES ('raw000000000003', 'raw', 'jug')")
	right("after a row was replaced")
	exec("INSERT INTO things (id, name, searchText) VALUES ('raw000000000003', 'raw', '') ON CONFLICT (id) DO UPDATE SET searchText = 'upsert'")
	right("after an upsert", "upsert")
	exec("DELETE FROM things WHERE id = 'raw000000000003'")
	right("after a delete", "upsert")
	exec("VACUUM")
	right("after a VACUUM")
	exec("UPDATE things SET searchText = 'vacuum' WHERE id = 'raw000000000001'")
	right("after a change behind it", "vacuum")

	var ddl string
	if err := other.QueryRow("SELECT sql FROM sqlite_master WHERE name = '_search_things_update'").Scan(&ddl); err != nil {
		t.Fatal(err)
	}
	exec("BEGIN; DROP TRIGGER _search_things_update; UPDATE things SET searchText = 'unnoted' WHERE id = 'raw000000000001'; " + ddl + "; COMMIT")
	right("after a change that no trigger noted", "unnoted", "vacuum")
	exec("DROP TRIGGER _search_things_update")
	exec("UPDATE things SET searchText = 'jug' WHERE id = 'raw000000000001'")
	right("while a trigger is missing", "unnoted")
	start(t, s)
	right("after a start that finds one gone")
	exec("UPDATE things SET searchText = 'mended' WHERE id = 'raw000000000001'")
	right("after that", "mended")
	exec("UPDATE things SET searchText = 'lost' WHERE id = 'raw000000000001'; DELETE FROM _search_changes")
	right("after the list of changes was emptied", "lost", "mended")
	exec("DROP TABLE _search_changes")
	start(t, s)
	exec("SELECT 1 FROM things") // else this connection does not know the table that is there now
	exec("UPDATE things SET searchText = 'new list' WHERE id = 'raw000000000001'")
	right("after it was dropped", "new list", "lost")

	exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 13000) INSERT INTO things (id, name, searchText) SELECT printf('bulk%011d', i), 'bulk', 'bulk ' || i FROM n")
	right("after many", "bulk 777", "bulk 12999")
	var kept int
	if err := other.QueryRow("SELECT count(*) FROM _search_changes").Scan(&kept); err != nil || kept < 10_000 || kept > 11_000 {
		t.Errorf("%d changes are kept, %v", kept, err)
	}
	exec("UPDATE things SET searchText = 'even ' || id WHERE name = 'bulk' AND id LIKE '%00'")
	right("after some of them changed", "even bulk00000007700", "bulk 7700")

	c, err := s.App.FindCollectionByNameOrId("things")
	if err != nil {
		t.Fatal(err)
	}
	c.Fields.Add(&core.TextField{Name: "x_more"})
	if err := s.App.Save(c); err != nil {
		t.Fatal(err)
	}
	right("after the collection changed", "bulk 12999")
	var noting int
	if err := other.QueryRow("SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name GLOB '_search_things_*'").Scan(&noting); err != nil || noting != 4 {
		t.Errorf("%d triggers note changes of texts after that, %v", noting, err)
	}
	field := c.Fields.GetByName(kernel.SearchColumn)
	c.Fields.RemoveById(field.GetId())
	if err := s.App.Save(c); err != nil {
		t.Fatal("the column cannot go:", err)
	}
	start(t, s)
	exec("UPDATE things SET name = 'Önly', searchText = 'only' WHERE id = 'raw000000000001'")
	right("after the column was gone for a while", "bulk 12999", "only")
}

// A doctor finds among all, a patient among the own.
func TestASearchInMemoryShowsNobodyMore(t *testing.T) {
	set, _ := newSet()
	s := set.Start(t)
	for who, want := range map[kerneltest.Account]int{alma: 2, grace: 2, ada: 1, nia: 0} {
		r := s.As(t, who, "GET", path+"?q=cup", nil)
		if who == nia {
			if r.Status != 403 {
				t.Errorf("a nurse: %d %s", r.Status, r.Body)
			}
			continue
		}
		if got := r.JSON(t)["totalItems"]; got != float64(want) {
			t.Errorf("%s finds %v, want %d", who.Email, got, want)
		}
	}
}

func TestSearchesFindWhatManyWriteAtOnce(t *testing.T) {
	set, _ := newSet()
	s := set.Start(t)
	s.Token(t, alma)
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range 15 {
				name := fmt.Sprintf("thing %d-%d.", w, i)
				r := s.As(t, alma, "POST", path, map[string]any{"name": name})
				if i%5 == 4 && w == 0 { // everything is read anew
					if _, err := s.App.NonconcurrentDB().NewQuery("CREATE INDEX ix" + fmt.Sprint(i) + " ON labels (text)").Execute(); err != nil {
						t.Error(err)
					}
				}
				if got := sought(t, s, alma, name, ""); r.Status != 201 || !slices.Equal(got, []string{r.JSON(t)["id"].(string)}) {
					t.Errorf("%s: %d, found %v", name, r.Status, got)
				}
			}
		})
	}
	all.Wait()
}
