// Package row is what travels from a clinic's database to the warehouse: rows in declared
// kinds, made of what SQLite holds, whatever that is.
package row

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
)

// Row is one row of a table as the warehouse stores it.
type Row struct {
	ID     string
	Values []any   // as Table.Columns: nil, string, int64, float64, bool or time.Time, see analyticsapi.Kind
	Extra  *string // a JSON object of the clinic's own x_ fields, nil when none leave
	Hash   int64   // of all the above; equal rows have equal hashes, on every machine
}

// Reject is a value, or with no Column a whole row, that could not be taken over. Its
// Reason holds no part of the value: it is a patient's.
type Reject struct {
	Table, ID, Column string
	Reason            string
}

// Constants of FNV-1a, 64 bit.
const (
	offset64 uint64 = 14695981039346656037
	prime64  uint64 = 1099511628211
)

// hash returns FNV-1a over the id, the values with a mark of their type each, and extra.
func (r *Row) hash() int64 {
	h := text(offset64, r.ID)
	for _, v := range r.Values {
		switch v := v.(type) {
		case nil:
			h = mark(h, 0)
		case string:
			h = text(mark(h, 1), v)
		case int64:
			h = word(mark(h, 2), uint64(v))
		case float64:
			h = word(mark(h, 3), math.Float64bits(v))
		case time.Time:
			h = word(mark(h, 4), uint64(v.UnixMicro()))
		case bool:
			h = mark(h, 5)
			if v {
				h = mark(h, 1)
			}
		}
	}
	if r.Extra != nil {
		h = text(mark(h, 6), *r.Extra)
	}
	return int64(h)
}

func mark(h uint64, b byte) uint64 { return (h ^ uint64(b)) * prime64 }

func text(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * prime64
	}
	return mark(h, 0xff) // no UTF-8 text holds it: "a","b" is not "ab",""
}

func word(h, v uint64) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	for _, c := range b {
		h = (h ^ uint64(c)) * prime64
	}
	return h
}

// columns of a table that hold a patient's id.
func hasPatients(t analyticsapi.Table) bool {
	if t.Patients {
		return true
	}
	for _, c := range t.Columns {
		if c.Patient {
			return true
		}
	}
	return false
}
