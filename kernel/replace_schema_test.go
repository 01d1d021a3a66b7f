package kernel_test

import (
	"slices"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// An index that is gone keeps no rows apart: its guard must not either.
func TestAGuardEndsWithItsIndex(t *testing.T) {
	app, other := bare(t, replaced)
	guards(t, app)
	exec := func(statement string) {
		t.Helper()
		if _, err := other.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	left := func(when string, want ...string) {
		t.Helper()
		var ids []string
		if err := app.DB().NewQuery("SELECT id FROM a ORDER BY id").Column(&ids); err != nil || !slices.Equal(ids, want) {
			t.Errorf("%s: left are %v, %v, want %v", when, ids, err, want)
		}
	}
	exec("INSERT INTO a (id, code, place) VALUES ('p', 'x', '1')")
	exec("DROP INDEX a_code")
	exec("REPLACE INTO a (id, code, place) VALUES ('q', 'x', '2')")
	left("the index was dropped", "p", "q")
	if got := guards(t, app); !slices.Equal(got, []string{"a"}) {
		t.Errorf("made anew: %v", got)
	}
	exec("CREATE UNIQUE INDEX a_code ON a (code, shelf)")
	if same, err := kernel.ReplaceGuarded(app); same || err != nil {
		t.Errorf("an index that nobody guards: %v, %v", same, err)
	}
	guards(t, app)
	exec("UPDATE a SET shelf = 1 WHERE id = 'p'")
	exec("REPLACE INTO a (id, code, place, shelf) VALUES ('r', 'x', '3', 1)")
	left("another index of the name", "q", "r")
	if got := rowsOf(t, app, "noted"); !slices.Equal(got, []string{"'a p x'"}) {
		t.Errorf("noted are %v", got)
	}
	exec("DELETE FROM _replaced")
	if _, err := other.Exec("INSERT INTO a (id, code, place, shelf) VALUES ('r', 'y', '4', 2)"); err == nil {
		t.Error("an insert took another row's place")
	}
	exec("UPDATE _replaced SET replacing = 1")
	if _, err := other.Exec("INSERT INTO a (id, code, place, shelf) VALUES ('r', 'y', '4', 2)"); err == nil {
		t.Error("an insert took another row's place")
	}
	exec("DROP TRIGGER a_gone")
	if got := guards(t, app); len(got) > 0 {
		t.Errorf("guards of what nobody asks for: %v", got)
	}
	if same, err := kernel.ReplaceGuarded(app); !same || err != nil {
		t.Errorf("after all: %v, %v", same, err)
	}
}

// A collection changes in the dashboard: the guard goes with it, and is in no change's way.
func TestAGuardFollowsTheCollection(t *testing.T) {
	set, _ := newSet()
	s := set.Start(t)
	other := another(t, s.App)
	change := func(fn func(c *core.Collection)) {
		t.Helper()
		c, err := s.App.FindCollectionByNameOrId("things")
		if err != nil {
			t.Fatal(err)
		}
		fn(c)
		if err := s.App.Save(c); err != nil {
			t.Fatal(err)
		}
		if same, err := kernel.ReplaceGuarded(s.App); !same || err != nil {
			t.Fatalf("the guards are not as the schema asks: %v, %v", same, err)
		}
	}
	replaces := func(when, column string) {
		t.Helper()
		for _, statement := range []string{
			"INSERT INTO things (id, name, " + column + ") VALUES ('first0000000001', 'first', 'key')",
			"REPLACE INTO things (id, name, " + column + ") VALUES ('second000000002', 'second', 'KEY')",
			"UPDATE things SET name = 'none' WHERE id = 'first0000000001'",
		} {
			if _, err := other.Exec(statement); err != nil {
				t.Fatalf("%s, %s: %v", when, statement, err)
			}
		}
		sameCount(t, s, when)
		if _, err := other.Exec("DELETE FROM things WHERE id LIKE 'first%' OR id LIKE 'second%'"); err != nil {
			t.Fatal(err)
		}
	}
	change(func(c *core.Collection) {
		c.Fields.Add(&core.TextField{Name: "x_key"})
		c.AddIndex("things_key", true, "x_key COLLATE NOCASE", "x_key != '' AND x_key NOT LIKE 'no%'")
	})
	replaces("with a unique index more", "x_key")
	change(func(c *core.Collection) {
		c.Fields.GetByName("x_key").SetName("x_badge")
		c.RemoveIndex("things_key")
		c.AddIndex("things_badge", true, "lower(x_badge)", "x_badge != ''")
	})
	replaces("with a field renamed", "x_badge")
	change(func(c *core.Collection) { c.RemoveIndex("things_badge"); c.Fields.RemoveByName("x_badge") })
	s.As(t, alma, "POST", path, `{"name":"jug"}`)
	sameCount(t, s, "with the field gone")
	if _, err := other.Exec("DROP TRIGGER _replaced_things_insert"); err != nil {
		t.Fatal(err)
	}
	if err := s.Kernel.Reconcile(s.App); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec("REPLACE INTO things (id, name) SELECT id, 'again' FROM things"); err != nil {
		t.Fatal(err)
	}
	sameCount(t, s, "after a start that finds the guard gone")
}
