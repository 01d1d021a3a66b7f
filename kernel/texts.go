package kernel

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// What ?q= looks in is held in memory where Access.TextsInMemory says so: SQLite takes 50 ms to
// look through the texts of 100,000 rows, memory a few. What is found there only narrows the
// query, whose own condition stays and has the last word: what is held may say too much, and must
// never say too little. Triggers note each row whose text changes, whoever changes it, and a
// search first reads what was noted since. Where the schema has changed, triggers with it maybe,
// it reads everything.

const (
	maxTexts   = 256 << 20 // bytes that are held of a collection, else none are
	maxChanged = 5000      // rows that are held beside the others before all are read again
)

// texts is what is held of one collection.
type texts struct {
	loading sync.Mutex // who has it reads everything
	mu      sync.RWMutex
	at      textState
	base    *textBase              // nil where nothing can be held in this version of the schema
	changed map[string]changedText // by id, since base was read
}

// textState is a state of the data: a version of the schema, and the last change of a text.
type textState struct{ version, seq int64 }

// textBase is every row as it was once: two strings without a pointer for each row.
type textBase struct {
	ids, texts       []byte
	idEnds, textEnds []uint32
	seen             [256]int // how often each byte is in texts
}

type changedText struct {
	text string
	odd  bool // it is not UTF-8: SQLite may see in it what bytes do not show
}

func (b *textBase) add(id, text []byte) {
	from := len(b.texts)
	b.ids, b.texts = append(b.ids, id...), append(append(b.texts, text...), 0)
	lowerASCII(b.texts[from:])
	b.idEnds, b.textEnds = append(b.idEnds, uint32(len(b.ids))), append(b.textEnds, uint32(len(b.texts)))
}

// finish counts the bytes and gives back what the slices have grown too much.
func (b *textBase) finish() {
	for _, c := range b.texts {
		b.seen[c]++
	}
	b.ids, b.texts, b.idEnds, b.textEnds = slices.Clone(b.ids), slices.Clone(b.texts), slices.Clone(b.idEnds), slices.Clone(b.textEnds)
}

func (b *textBase) id(row int) string {
	from := uint32(0)
	if row > 0 {
		from = b.idEnds[row-1]
	}
	return string(b.ids[from:b.idEnds[row]])
}

func (b *textBase) text(row int) []byte {
	from := uint32(0)
	if row > 0 {
		from = b.textEnds[row-1]
	}
	return b.texts[from : b.textEnds[row]-1]
}

// narrowByTexts leaves, of a list's rows, those whose texts may have the words.
func (k *Kernel) narrowByTexts(app core.App, q *dbx.SelectQuery, c *core.Collection, words []string) {
	t := k.texts[c.Name]
	if t == nil || len(words) == 0 || app.IsTransactional() {
		return
	}
	var plain []string
	for _, w := range words {
		if p, ok := plainWord(w); ok {
			plain = append(plain, p)
		}
	}
	if len(plain) == 0 {
		return
	}
	ids, ok := t.find(k, app, c.Name, plain)
	if !ok {
		return
	}
	found, _ := json.Marshal(ids) // strings always can
	q.AndWhere(dbx.NewExp("[["+c.Name+".id]] IN (SELECT value FROM json_each({:found}))", dbx.Params{"found": string(found)}))
}

// find returns the rows that may have all the words. ok is false where that helps nobody: there
// are too many, or what is held is not up to date and somebody else is reading it.
func (t *texts) find(k *Kernel, app core.App, collection string, words []string) (ids []string, ok bool) {
	now, err := t.refresh(k, app, collection)
	if err != nil {
		app.Logger().Warn("a search looks through the table: its texts could not be read", "collection", collection, "error", err)
		return nil, false
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.base == nil || t.at.version != now.version || t.at.seq < now.seq {
		return nil, false
	}
	return t.search(words)
}

// maxFound is how many rows of so many are asked for by name: for more, it is quicker to look
// at all.
func maxFound(rows int) int { return max(30, rows/50) }

func (t *texts) search(words []string) (ids []string, ok bool) {
	b, limit := t.base, maxFound(len(t.base.textEnds))
	first, others := b.rarest(words)
	var rows []int
	for at := b.next(0, first); at >= 0; {
		row := sort.Search(len(b.textEnds), func(n int) bool { return int(b.textEnds[n]) > at })
		at = b.next(int(b.textEnds[row]), first)
		if slices.ContainsFunc(others, func(w string) bool { return !bytes.Contains(b.text(row), []byte(w)) }) {
			continue
		}
		if rows = append(rows, row); len(rows) > limit {
			return nil, false
		}
	}
	ids = make([]string, 0, len(rows))
	for _, row := range rows {
		id := b.id(row)
		if _, newer := t.changed[id]; !newer {
			ids = append(ids, id)
		}
	}
	for id, c := range t.changed {
		if !c.odd && slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(c.text, w) }) {
			continue
		}
		if ids = append(ids, id); len(ids) > limit {
			return nil, false
		}
	}
	return ids, true
}

// anchored is a word, and where in it the byte is that is seen least.
type anchored struct {
	word string
	at   int
}

// rarest takes out of the words the one that has the rarest byte.
func (b *textBase) rarest(words []string) (first anchored, others []string) {
	best := 0
	for i, w := range words {
		for at := range len(w) {
			if i+at == 0 || b.seen[w[at]] < b.seen[first.word[first.at]] {
				first, best = anchored{w, at}, i
			}
		}
	}
	return first, slices.Delete(slices.Clone(words), best, best+1)
}

// next returns where the word stands first from there on, -1 where it does not.
func (b *textBase) next(from int, w anchored) int {
	for at := from + w.at; at < len(b.texts); at++ {
		i := bytes.IndexByte(b.texts[at:], w.word[w.at])
		if i < 0 {
			return -1
		}
		at += i
		if begin := at - w.at; begin+len(w.word) <= len(b.texts) && string(b.texts[begin:begin+len(w.word)]) == w.word {
			return begin
		}
	}
	return -1
}

// forget lets go of what is held: the next search reads it anew.
func (t *texts) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at, t.base, t.changed = textState{}, nil, nil
}

// refresh brings what is held up to what is committed, unless somebody else is reading all of
// it, and returns the state that it has to be of.
func (t *texts) refresh(k *Kernel, app core.App, collection string) (now textState, err error) {
	pool, ok := app.ConcurrentDB().(*dbx.DB)
	if !ok {
		return now, errors.New("no pool of connections")
	}
	if now, err = readTextState(pool.DB()); err != nil {
		return now, err
	}
	t.mu.RLock()
	current, same := t.at.version == now.version, t.at == now
	none := t.base == nil
	t.mu.RUnlock()
	if same || current && none {
		return now, nil
	}
	if current {
		if done, now, err := t.follow(pool.DB(), collection); done || err != nil {
			return now, err
		}
	}
	if !t.loading.TryLock() {
		return now, nil
	}
	defer t.loading.Unlock()
	return t.load(k, pool.DB(), collection)
}
