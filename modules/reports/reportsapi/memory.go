package reportsapi

import (
	"encoding/json"
	"sync"

	"github.com/pocketbase/pocketbase/core"
)

// memory keeps what reports made of months, see stamp.go: at most memoryBytes of it, what
// was asked for last.
type memory struct {
	mu    sync.Mutex
	kept  map[partKey]*remembered
	bytes int
	clock int64
}

const (
	memoryBytes = 256 << 20
	memoryKey   = "polyclinic.reports"
)

// Forget empties the memory: the next report reads everything once.
func Forget(app core.App) { app.Store().Remove(memoryKey) }

// part is the rows of a table from First to Last of Unit, which lie within one month.
type part struct {
	Span
	stampedMonth
}

// partKey is a part of a table and what was made of it.
type partKey struct{ table, made, unit, first, last string }

func keyOf(table, made string, p part) partKey { return partKey{table, made, p.Unit, p.First, p.Last} }

type remembered struct {
	stamp int64
	value any
	bytes int
	used  int64 // the clock's time
}

func memoryOf(app core.App) *memory {
	return app.Store().GetOrSet(memoryKey, func() any { return &memory{kept: map[partKey]*remembered{}} }).(*memory)
}

// recall returns what read makes of each part. It is asked for those only that changed since
// they were last asked for, as a JSON list of [n, unit, first, last], and hands over the value
// of n with about the bytes that it takes; one that it does not hand over is zero.
func recall[V any](c *Call, table, made string, parts []part, read func(list string, keep func(n int, v V, bytes int)) error) ([]V, error) {
	m, values := memoryOf(c.App), make([]V, len(parts))
	missing := [][]any{}
	for i, p := range parts {
		if value, ok := m.get(keyOf(table, made, p), p.stamp); ok {
			values[i] = value.(V)
		} else {
			missing = append(missing, []any{i, p.Unit, p.First, p.Last})
		}
	}
	if len(missing) == 0 {
		return values, nil
	}
	list, err := json.Marshal(missing)
	if err != nil {
		return nil, err
	}
	sizes := make([]int, len(parts))
	if err := read(string(list), func(n int, v V, bytes int) { values[n], sizes[n] = v, bytes }); err != nil {
		return nil, err
	}
	for _, p := range missing {
		i := p[0].(int)
		m.put(keyOf(table, made, parts[i]), &remembered{stamp: parts[i].stamp, value: values[i], bytes: sizes[i] + 256})
	}
	return values, nil
}

// get returns what was made of a part if its month still has that stamp.
func (m *memory) get(key partKey, stamp int64) (value any, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.kept[key]
	if r == nil || r.stamp != stamp {
		return nil, false
	}
	m.clock++
	r.used = m.clock
	return r.value, true
}

// stale returns what was made of a part when last it was, whatever has changed since; nil if nothing was.
func (m *memory) stale(key partKey) any {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.kept[key]; r != nil {
		return r.value
	}
	return nil
}

// held is a value that one at a time uses.
type held[V any] struct {
	mu    sync.Mutex
	value V
}

// Kept lets use have what fresh made for a table and a first day, alone, and again each time:
// for what is brought up to date for less than it takes to make. fresh may read, and copy from, what
// is kept for other first days. Where memory is short, or use fails, it is made anew. Bytes is about
// what it takes in memory.
func Kept[V interface{ Bytes() int }](c *Call, table, first, made string, fresh func(others []V) V, use func(V) error) error {
	m, key := memoryOf(c.App), partKey{table: table, made: made, first: first}
	kept, ok := m.get(key, 0)
	h, _ := kept.(*held[V])
	if !ok {
		others, done := othersOf[V](m, key)
		h = &held[V]{value: fresh(others)}
		done()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := use(h.value); err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.forget(key)
		return err
	}
	m.put(key, &remembered{value: h, bytes: h.value.Bytes() + 256})
	return nil
}

// othersOf returns what is kept like key for other first days, until done is called. What is in use is
// left out: to wait for it, with others held, could be for ever.
func othersOf[V any](m *memory, key partKey) (others []V, done func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var locked []*held[V]
	for k, r := range m.kept {
		if k.table != key.table || k.made != key.made {
			continue
		}
		if h, ok := r.value.(*held[V]); ok && h.mu.TryLock() {
			locked, others = append(locked, h), append(others, h.value)
		}
	}
	return others, func() {
		for _, h := range locked {
			h.mu.Unlock()
		}
	}
}

func (m *memory) put(key partKey, r *remembered) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(key)
	m.clock++
	r.used = m.clock
	m.kept[key] = r
	m.bytes += r.bytes
	for m.bytes > memoryBytes && len(m.kept) > 1 {
		m.forget(m.oldest())
	}
}

func (m *memory) forget(key partKey) {
	if r := m.kept[key]; r != nil {
		m.bytes -= r.bytes
		delete(m.kept, key)
	}
}

// oldest returns the part that was asked for longest ago.
func (m *memory) oldest() (key partKey) {
	used := m.clock + 1
	for k, r := range m.kept {
		if r.used < used {
			key, used = k, r.used
		}
	}
	return key
}
