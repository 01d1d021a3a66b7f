package kernel

import (
	"fmt"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// textPrefix is how the names of the triggers begin that note whose text changed.
const textPrefix = "_search_"

// notedTexts is about how many changes are remembered. Who has read none for longer reads
// everything.
const notedTexts = 10_000

// ddlTexts makes the list of the rows whose text changed. A number never comes twice, so a
// reader sees by them whether any is missing.
const ddlTexts = "CREATE TABLE IF NOT EXISTS _search_changes (seq INTEGER PRIMARY KEY AUTOINCREMENT, collection TEXT NOT NULL, row TEXT NOT NULL)"

// textTriggers returns the triggers that note changes in the collection, by name, and the one
// that keeps the list short.
func (a Access) textTriggers() map[string]string {
	out := map[string]string{
		textPrefix + "short": fmt.Sprintf("CREATE TRIGGER %sshort AFTER INSERT ON _search_changes WHEN NEW.seq %% 1000 = 0 BEGIN DELETE FROM _search_changes WHERE seq <= NEW.seq - %d; END", textPrefix, notedTexts),
	}
	note := func(row string) string {
		return fmt.Sprintf("INSERT INTO _search_changes (collection, row) VALUES (%s, %s.id); ", sqlText(a.Collection), row)
	}
	add := func(name, when, do string) {
		name = textPrefix + a.Collection + "_" + name
		out[name] = "CREATE TRIGGER " + name + " AFTER " + when + " BEGIN " + do + "END"
	}
	add("insert", "INSERT ON "+a.Collection, note("NEW"))
	add("delete", "DELETE ON "+a.Collection, note("OLD"))
	add("update", "UPDATE OF "+SearchColumn+" ON "+a.Collection+" WHEN NEW."+SearchColumn+" IS NOT OLD."+SearchColumn, note("NEW"))
	add("rename", "UPDATE OF id ON "+a.Collection+" WHEN NEW.id IS NOT OLD.id", note("OLD")+note("NEW"))
	return out
}

type namedSQL struct {
	Name string `db:"name"`
	SQL  string `db:"sql"`
}

// wantTexts returns the triggers of every collection whose texts are held in memory and that
// has the column.
func (k *Kernel) wantTexts(has func(a Access) bool) map[string]string {
	want := map[string]string{}
	for _, m := range k.Modules {
		for _, a := range m.Access {
			if !a.TextsInMemory || !has(a) {
				continue
			}
			for name, sql := range a.textTriggers() {
				want[name] = sql
			}
		}
	}
	return want
}

// noteTexts makes the triggers as they are to be now, in the transaction tx.
func (k *Kernel) noteTexts(tx core.App) error {
	db := tx.NonconcurrentDB()
	want := k.wantTexts(func(a Access) bool {
		c, err := tx.FindCollectionByNameOrId(a.Collection)
		return err == nil && c.Fields.GetByName(SearchColumn) != nil
	})
	var have []namedSQL
	if err := db.NewQuery("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name GLOB '" + textPrefix + "*'").All(&have); err != nil {
		return fmt.Errorf("changes of texts: %w", err)
	}
	var there bool
	if err := db.NewQuery("SELECT count(*) > 0 FROM sqlite_master WHERE name = '_search_changes'").Row(&there); err != nil {
		return fmt.Errorf("changes of texts: %w", err)
	}
	var steps []string
	if !there && len(want) > 0 {
		steps = append(steps, ddlTexts)
	}
	for _, h := range have {
		if want[h.Name] == h.SQL && there {
			delete(want, h.Name)
			continue
		}
		steps = append(steps, "DROP TRIGGER "+sqlName(h.Name))
	}
	for _, name := range sortedKeys(want) {
		steps = append(steps, want[name])
	}
	for _, sql := range steps {
		if _, err := db.NewQuery(sql).Execute(); err != nil {
			return fmt.Errorf("changes of texts: %w", err)
		}
	}
	return nil
}

// plainWord returns what the filter of a word of ?q= comes down to. ok is false where it asks
// for more than that this stands in the text.
func plainWord(word string) (plain string, ok bool) {
	plain = string(lowerASCII([]byte(strings.ReplaceAll(Fold(word), `\`, ""))))
	return plain, plain != "" && !strings.ContainsAny(plain, oddRunes)
}

// oddRunes are a wildcard that Fold has made of another sign, where SQLite's texts end, and
// what it reads where a text is not UTF-8.
const oddRunes = "%\x00\ufffd\ufffe\uffff"
