package warehouse

import (
	"context"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
)

// Bucket is what the ids with one beginning add up to.
type Bucket struct {
	Prefix string
	Count  int64
	Sum    uint64 // of the rows' hashes, modulo 2^64
}

// Key is a row's id and hash.
type Key struct {
	ID   string
	Hash int64
}

// Buckets adds up the site's rows of a table by the first width characters of their ids;
// with 0 there is one bucket, if there are rows.
func (w *Warehouse) Buckets(ctx context.Context, t analyticsapi.Table, width int) ([]Bucket, error) {
	results, err := w.send(ctx, call{sql: bucketsSQL(t), args: []arg{text(w.site), integer(int64(width))}})
	if err != nil {
		return nil, err
	}
	r := results[0]
	out := make([]Bucket, len(r.rows))
	for i := range r.rows {
		n, err := strconv.ParseInt(r.text(i, 1), 10, 64)
		sum, ok := new(big.Int).SetString(r.text(i, 2), 10)
		if err != nil || !ok {
			return nil, fmt.Errorf("%s: the sum %q is no number", t.Name, r.text(i, 2))
		}
		sum.Mod(sum, new(big.Int).Lsh(big.NewInt(1), 64)) // Euclidean: never negative
		out[i] = Bucket{r.text(i, 0), n, sum.Uint64()}
	}
	return out, nil
}

// longestID is the most bytes that an id has, see package row.
const longestID = 255

// IDs returns the rows of one bucket in the order of their ids' bytes. prefix has width
// characters, or fewer where the id has.
func (w *Warehouse) IDs(ctx context.Context, t analyticsapi.Table, prefix string, width int) ([]Key, error) {
	last := prefix + strings.Repeat(string(utf8.MaxRune), longestID/utf8.UTFMax+1)
	results, err := w.send(ctx, call{sql: prefixSQL(t), args: []arg{text(w.site), text(prefix), text(last), integer(int64(width))}})
	if err != nil {
		return nil, err
	}
	return readKeys(results[0])
}

func readKeys(r result) ([]Key, error) {
	keys := make([]Key, len(r.rows))
	for i := range r.rows {
		h, err := strconv.ParseInt(r.text(i, 1), 10, 64)
		if err != nil {
			return nil, err
		}
		keys[i] = Key{r.text(i, 0), h}
	}
	return keys, nil
}
