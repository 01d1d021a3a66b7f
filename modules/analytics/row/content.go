package row

import (
	"encoding/json"

	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
)

// Content returns a hash of what the row says, the same whether its values come from the
// clinic or were read back from the warehouse. Hash is not that: PostgreSQL keeps JSON in
// its own way of writing.
func (r *Row) Content(t analyticsapi.Table) uint64 {
	plain := Row{ID: r.ID, Values: make([]any, len(r.Values))}
	for i, v := range r.Values {
		if s, is := v.(string); is && t.Columns[i].Kind == analyticsapi.JSON {
			v = canonical(s)
		}
		plain.Values[i] = v
	}
	if r.Extra != nil {
		extra := canonical(*r.Extra)
		plain.Extra = &extra
	}
	return uint64(plain.hash())
}

// canonical writes JSON in one way: keys in order, numbers as floats.
func canonical(s string) string {
	var v any
	if json.Unmarshal([]byte(s), &v) != nil {
		var err error
		if v, err = decode(s); err != nil { // a number that no float holds is left as it is
			return s
		}
	}
	out, err := json.Marshal(v)
	if err != nil {
		return s
	}
	return string(out)
}
