package warehouse

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
	"github.com/polyclinic-os/polyclinic/modules/analytics/row"
)

// arg is an argument in PostgreSQL's binary form, and its type.
type arg struct {
	oid   uint32
	value []byte
}

// Types, from pg_type.
const (
	oidText, oidTexts       = 25, 1009
	oidInteger, oidIntegers = 20, 1016
	oidFloat, oidFloats     = 701, 1022
	oidTime, oidTimes       = 1184, 1185
	oidDay, oidDays         = 1082, 1182
	oidBool, oidBools       = 16, 1000
)

func text(s string) arg { return arg{oidText, []byte(s)} }

func integer(n int64) arg { return arg{oidInteger, binary.BigEndian.AppendUint64(nil, uint64(n))} }

func boolean(yes bool) arg {
	b := byte(0)
	if yes {
		b = 1
	}
	return arg{oidBool, []byte{b}}
}

// texts is an array of texts.
func texts(list []string) arg {
	b := arrayHead(nil, len(list), oidText)
	for _, s := range list {
		b = appendText(b, s)
	}
	return arg{oidTexts, b}
}

func integers(n int, at func(int) int64) arg {
	b := arrayHead(make([]byte, 0, 20+12*n), n, oidInteger)
	for i := range n {
		b = binary.BigEndian.AppendUint32(b, 8)
		b = binary.BigEndian.AppendUint64(b, uint64(at(i)))
	}
	return arg{oidIntegers, b}
}

// array is what a column's values are sent as: the array's type in SQL, its OID and its
// elements'.
type array struct {
	sql        string
	oid, units uint32
}

func arrayOf(k analyticsapi.Kind) array {
	switch k {
	case analyticsapi.Integer, analyticsapi.Money:
		return array{"bigint[]", oidIntegers, oidInteger}
	case analyticsapi.Number:
		return array{"double precision[]", oidFloats, oidFloat}
	case analyticsapi.Time:
		return array{"timestamptz[]", oidTimes, oidTime}
	case analyticsapi.Day:
		return array{"date[]", oidDays, oidDay}
	case analyticsapi.Bool:
		return array{"boolean[]", oidBools, oidBool}
	}
	return array{"text[]", oidTexts, oidText} // JSON too: CockroachDB has no jsonb[]
}

// column returns a column's values as one array.
func column(rows []row.Row, i int, k analyticsapi.Kind) (arg, error) {
	a := arrayOf(k)
	b := arrayHead(make([]byte, 0, 20+16*len(rows)), len(rows), a.units)
	var err error
	for j := range rows {
		if b, err = appendValue(b, k, rows[j].Values[i], false); err != nil {
			return arg{}, err
		}
	}
	return arg{a.oid, b}, nil
}

func extras(rows []row.Row) arg {
	b := arrayHead(nil, len(rows), oidText)
	for i := range rows {
		if rows[i].Extra == nil {
			b = appendNull(b)
			continue
		}
		b = appendText(b, *rows[i].Extra)
	}
	return arg{oidTexts, b}
}

// arrayHead begins an array of n elements that may be null.
func arrayHead(b []byte, n int, units uint32) []byte {
	dimensions := uint32(1)
	if n == 0 {
		dimensions = 0
	}
	b = binary.BigEndian.AppendUint32(b, dimensions)
	b = binary.BigEndian.AppendUint32(b, 1)
	b = binary.BigEndian.AppendUint32(b, units)
	if n > 0 {
		b = binary.BigEndian.AppendUint32(b, uint32(n))
		b = binary.BigEndian.AppendUint32(b, 1)
	}
	return b
}

func appendNull(b []byte) []byte { return binary.BigEndian.AppendUint32(b, math.MaxUint32) }

func appendText(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

// epoch is where PostgreSQL counts from.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// appendValue appends a value with its length. In a copy, JSON is of type jsonb, whose
// binary form begins with its version; in an array it is text.
func appendValue(b []byte, k analyticsapi.Kind, v any, copied bool) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return appendNull(b), nil
	case string:
		if k == analyticsapi.JSON && copied {
			b = binary.BigEndian.AppendUint32(b, uint32(len(v)+1))
			b = append(b, 1)
			return append(b, v...), nil
		}
		if k == analyticsapi.JSON || k == analyticsapi.Text {
			return appendText(b, v), nil
		}
	case int64:
		if k == analyticsapi.Integer || k == analyticsapi.Money {
			b = binary.BigEndian.AppendUint32(b, 8)
			return binary.BigEndian.AppendUint64(b, uint64(v)), nil
		}
	case float64:
		if k == analyticsapi.Number {
			b = binary.BigEndian.AppendUint32(b, 8)
			return binary.BigEndian.AppendUint64(b, math.Float64bits(v)), nil
		}
	case bool:
		if k == analyticsapi.Bool {
			b = append(b, 0, 0, 0, 1, 0)
			if v {
				b[len(b)-1] = 1
			}
			return b, nil
		}
	case time.Time:
		if k == analyticsapi.Time {
			b = binary.BigEndian.AppendUint32(b, 8)
			return binary.BigEndian.AppendUint64(b, uint64(v.UnixMicro()-epoch.UnixMicro())), nil
		}
		if k == analyticsapi.Day {
			b = binary.BigEndian.AppendUint32(b, 4)
			return binary.BigEndian.AppendUint32(b, uint32(int32(floorDays(v)))), nil
		}
	}
	return nil, fmt.Errorf("a %s column was given a %T", k, v)
}

func floorDays(t time.Time) int64 {
	const day = 24 * 60 * 60
	seconds := t.Unix() - epoch.Unix()
	days := seconds / day
	if seconds%day < 0 {
		days--
	}
	return days
}

// copyRows is the stream of a binary COPY. It encodes as it is read.
type copyRows struct {
	site  string
	table analyticsapi.Table
	rows  []row.Row

	buf   []byte
	next  int // of rows; behind the last once the end is written
	begun bool
}

const copyHead = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"

func (c *copyRows) Read(p []byte) (int, error) {
	if len(c.buf) == 0 {
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.buf)
	c.buf = c.buf[n:]
	return n, nil
}

// fill encodes the next rows, so that what is being sent need not be in memory whole.
func (c *copyRows) fill() (err error) {
	const piece = 256 << 10
	b := c.buf[:0]
	if cap(b) == 0 {
		b = make([]byte, 0, piece+64<<10)
	}
	if !c.begun {
		c.begun = true
		b = append(b, copyHead...)
	}
	if c.next > len(c.rows) {
		return io.EOF
	}
	for ; c.next < len(c.rows) && len(b) < piece; c.next++ {
		if b, err = c.appendRow(b, &c.rows[c.next]); err != nil {
			return err
		}
	}
	if c.next == len(c.rows) && len(b) < piece {
		c.next++
		b = binary.BigEndian.AppendUint16(b, math.MaxUint16) // the end
	}
	c.buf = b
	return nil
}

func (c *copyRows) appendRow(b []byte, r *row.Row) (_ []byte, err error) {
	b = binary.BigEndian.AppendUint16(b, uint16(len(c.table.Columns)+4))
	b = appendText(b, c.site)
	b = appendText(b, r.ID)
	for i, v := range r.Values {
		if b, err = appendValue(b, c.table.Columns[i].Kind, v, true); err != nil {
			return nil, fmt.Errorf("%s.%s: %w", c.table.Name, c.table.Columns[i].Name, err)
		}
	}
	var extra any
	if r.Extra != nil {
		extra = *r.Extra
	}
	if b, err = appendValue(b, analyticsapi.JSON, extra, true); err != nil {
		return nil, err
	}
	b = binary.BigEndian.AppendUint32(b, 8)
	return binary.BigEndian.AppendUint64(b, uint64(r.Hash)), nil
}
