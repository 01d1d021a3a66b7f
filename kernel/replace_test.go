package kernel_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// bare is a database without a clinic, and a connection to it as another program has one.
func bare(t *testing.T, ddl string) (core.App, *sql.DB) {
	t.Helper()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: t.TempDir(), DBConnect: kernel.Connect})
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = app.ResetBootstrapState() }) // the folder goes with the test
	if _, err := app.NonconcurrentDB().NewQuery(ddl).Execute(); err != nil {
		t.Fatal(err)
	}
	return app, another(t, app)
}

// another opens the app's data as a program that has never heard of recursive triggers.
func another(t *testing.T, app core.App) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(app.DataDir(), "data.db")+"?_pragma=busy_timeout(10000)&_pragma=trusted_schema(OFF)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // nothing was written that matters
	db.SetMaxOpenConns(1)
	var on int
	if err := db.QueryRow("PRAGMA recursive_triggers").Scan(&on); err != nil || on != 0 {
		t.Fatalf("recursive triggers: %d, %v", on, err)
	}
	return db
}

func guards(t *testing.T, app core.App) []string {
	t.Helper()
	tables, err := kernel.GuardReplace(app)
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

// replaced is a table of each kind that SQLite knows, with every kind of unique index; noted
// keeps its deletes.
const replaced = `
CREATE TABLE noted (what TEXT);
CREATE TABLE a (id TEXT PRIMARY KEY NOT NULL, code TEXT NOT NULL DEFAULT '', place TEXT DEFAULT '', shelf NUMERIC, "odd ""name""" TEXT);
CREATE UNIQUE INDEX a_code ON a (code COLLATE nocase DESC) WHERE code != '' AND upper(code) != ')';
CREATE UNIQUE INDEX a_place ON a (place, /* , ( */ shelf);
CREATE UNIQUE INDEX "a ( odd" ON a ("odd ""name""", (abs(shelf) % 2)) WHERE "odd ""name""" IS NOT NULL -- ) it ends
;
CREATE UNIQUE INDEX a_first ON a (lower(substr(place, 1, 1)) COLLATE rtrim ASC) WHERE (a.place > 'm');
CREATE TABLE b (one INTEGER PRIMARY KEY AUTOINCREMENT, two INTEGER UNIQUE, three TEXT);
CREATE TABLE c (one TEXT, two TEXT, three TEXT UNIQUE, PRIMARY KEY (two, one)) WITHOUT ROWID;
CREATE TRIGGER a_gone AFTER DELETE ON a BEGIN INSERT INTO noted VALUES ('a ' || OLD.id || ' ' || OLD.code); END;
CREATE TRIGGER b_gone AFTER DELETE ON b WHEN OLD.three IS NOT 'unheard' BEGIN INSERT INTO noted VALUES ('b ' || OLD.one); END;
CREATE TRIGGER b_kept BEFORE DELETE ON b WHEN OLD.three = 'kept' BEGIN SELECT RAISE(ABORT, 'it is kept'); END;
CREATE TRIGGER c_gone AFTER DELETE ON c BEGIN INSERT INTO noted VALUES ('c ' || OLD.one || OLD.two); END;
CREATE TABLE silent (id TEXT PRIMARY KEY);`

// A guarded table does for a program that says nothing what SQLite does for one that has
// said PRAGMA recursive_triggers = ON, and takes nothing else away.
func TestReplaceDeletesAsDeleteDoes(t *testing.T) {
	guarded, other := bare(t, replaced)
	if got := guards(t, guarded); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Fatalf("guarded are %v", got)
	}
	if got := guards(t, guarded); len(got) > 0 {
		t.Fatalf("made again: %v", got)
	}
	plain, _ := bare(t, replaced)
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	dice := rand.New(rand.NewPCG(seed, 1))
	pick := func(of ...string) string { return of[dice.IntN(len(of))] }
	text := func(of ...string) string { return "'" + pick(of...) + "'" }
	outcomes := map[string]int{}
	for n := range 1500 {
		or := pick("OR REPLACE", "OR REPLACE", "OR REPLACE", "OR REPLACE", "", "OR IGNORE", "OR ABORT", "OR FAIL")
		then, table := "", pick("a", "a", "a", "b", "c")
		row := func() string {
			switch table {
			case "a":
				return "(" + fmt.Sprint(dice.IntN(40), ", ") + text("p", "q", "r", "s", "t") + ", " + text("", "", "x", "X", "y", ")", "z z") + ", " + text("", "k", "nn", "N", "oo", "o ", "zz") + ", " +
					pick("NULL", "1", "'2'", "3", "-1") + ", " + pick("NULL", "NULL", "'i'", "'j'") + ")"
			case "b":
				return "(" + pick("1", "2", "3", "4") + ", " + pick("NULL", "1", "2", "3", "'4'") + ", " + pick("NULL", "'kept'", "''", "''", "'unheard'") + ")"
			}
			return "(" + text("1", "2", "3") + ", " + text("1", "2", "3") + ", " + pick("NULL", "'x'", "'y'") + ")"
		}
		key := map[string]string{"a": "id", "b": "one", "c": "two, one"}[table]
		if or == "" && dice.IntN(2) == 0 {
			set := map[string]string{"a": "code = 'y'", "b": "two = 2", "c": "three = 'x'"}[table]
			then = pick(" ON CONFLICT DO NOTHING", " ON CONFLICT ("+key+") DO UPDATE SET "+set, " ON CONFLICT ("+key+") DO NOTHING")
		}
		columns := map[string]string{"a": `rowid, id, code, place, shelf, "odd ""name"""`, "b": "one, two, three", "c": "one, two, three"}[table]
		statement := "INSERT " + or + " INTO " + table + " (" + columns + ") VALUES " + row() + then
		switch dice.IntN(8) {
		case 0:
			statement = "INSERT " + or + " INTO " + table + " (" + columns + ") VALUES " + row() + ", " + row() + then
		case 1, 2, 3:
			set := map[string]string{
				"a": pick("id = 'p'", "code = 'x'", "code = upper(code)", "place = 'nn', shelf = 1", `"odd ""name""" = 'i'`, "shelf = shelf + 1", "rowid = 3"),
				"b": pick("one = 2", "two = 3", "three = ''"), "c": pick("one = '1'", "three = 'x'"),
			}[table]
			where := map[string]string{"a": "id = " + text("q", "r", "s"), "b": "one = " + pick("1", "3"), "c": "one = " + text("2", "3")}[table]
			statement = "UPDATE " + or + " " + table + " SET " + set + " WHERE " + where
		}
		_, want := plain.NonconcurrentDB().NewQuery(statement).Execute()
		if want != nil && strings.HasPrefix(statement, "UPDATE OR REPLACE") && strings.Contains(want.Error(), "failed: index") {
			continue // with recursive triggers SQLite takes the row's own place in an index of expressions for another's
		}
		_, got := other.Exec(statement)
		outcomes[fmt.Sprint(or, " ", want != nil)]++
		if (got == nil) != (want == nil) {
			t.Fatalf("%d %s:\ngot %v, want %v", n, statement, got, want)
		}
		for _, table := range []string{"a", "b", "c", "noted"} {
			if got, want := rowsOf(t, guarded, table), rowsOf(t, plain, table); !slices.Equal(got, want) {
				t.Fatalf("%d %s\n%s:\ngot  %v\nwant %v", n, statement, table, got, want)
			}
		}
		for _, app := range []core.App{guarded, plain} {
			if _, err := app.NonconcurrentDB().NewQuery("DELETE FROM noted").Execute(); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Log(outcomes)
}

// rowsOf returns the rows as texts, in order.
func rowsOf(t *testing.T, app core.App, table string) (out []string) {
	t.Helper()
	columns := map[string]string{"a": `rowid, id, code, place, shelf, "odd ""name"""`, "b": "one, two, three", "c": "one, two, three", "noted": "what"}[table]
	list := strings.Split(columns, ", ")
	for i := range list {
		list[i] = "quote(" + list[i] + ")"
	}
	if err := app.DB().NewQuery("SELECT " + strings.Join(list, " || ' ' || ") + " FROM " + table + " ORDER BY 1").Column(&out); err != nil {
		t.Fatal(err)
	}
	return out
}
