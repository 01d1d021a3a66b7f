package row

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	a "github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func TestConvert(t *testing.T) {
	for _, c := range []struct {
		kind a.Kind
		raw  any
		want any // a string that begins with "!" is a reason
	}{
		{a.Text, "Grüße", "Grüße"},
		{a.Text, []byte("bytes"), "bytes"},
		{a.Text, int64(7), "7"},
		{a.Text, "", ""},
		{a.Text, nil, nil},
		{a.Text, "a\x00b", "!NUL"},
		{a.Text, "a\xffb", "!UTF-8"},
		{a.Integer, int64(-3), int64(-3)},
		{a.Integer, 4.0, int64(4)},
		{a.Integer, 4.5, "!whole"},
		{a.Integer, 1e300, "!whole"},
		{a.Integer, math.NaN(), "!whole"},
		{a.Integer, "12", int64(12)},
		{a.Integer, "", nil},
		{a.Integer, "twelve", "!whole"},
		{a.Money, 1250.0, int64(1250)},
		{a.Money, 12.5, "!whole"},
		{a.Number, int64(2), 2.0},
		{a.Number, math.Inf(1), "!finite"},
		{a.Number, math.Copysign(0, -1), 0.0},
		{a.Number, "much", "!number"},
		{a.Time, "2026-02-28 23:59:59.123Z", at("2026-02-28T23:59:59.123Z")},
		{a.Time, "2026-02-28 23:59:59Z", at("2026-02-28T23:59:59Z")},
		{a.Time, "2026-02-28T23:59:59.123456789+02:00", at("2026-02-28T21:59:59.123456Z")},
		{a.Time, "2026-02-30 00:00:00.000Z", "!exists"},
		{a.Time, "2026-02-30", "!exists"},
		{a.Time, "2026-13-01 00:00:00.000Z", "!exists"},
		{a.Time, "2026-01-01 24:00:00.000Z", "!exists"},
		{a.Time, "soon", "!exists"},
		{a.Time, "", nil},
		{a.Time, int64(3), "!time"},
		{a.Day, "2024-02-29", at("2024-02-29T00:00:00Z")},
		{a.Day, "2023-02-29", "!exists"},
		{a.Day, "0000-01-01", "!exists"},
		{a.Bool, int64(1), true},
		{a.Bool, 0.0, false},
		{a.Bool, "maybe", "!neither"},
		{a.Bool, int64(2), "!neither"},
		{a.JSON, `{"a": 1}`, `{"a": 1}`},
		{a.JSON, ``, nil},
		{a.JSON, `{"a":`, "!JSON"},
		{a.JSON, `{"a":1} 2`, "!JSON"},
		{a.JSON, `"\u0000"`, "!NUL"},
		{a.JSON, `{"\u0000":1}`, "!NUL"},
		{a.JSON, `"\ud800"`, `"` + "\ufffd" + `"`},
		{a.JSON, `[1e400]`, "!large"},
		{a.JSON, strings.Repeat("[", 300) + strings.Repeat("]", 300), "!deep"},
	} {
		got, why := convert(c.kind, c.raw)
		if reason, ok := c.want.(string); ok && strings.HasPrefix(reason, "!") {
			if got != nil || !strings.Contains(why, reason[1:]) {
				t.Errorf("%s %q: got %v, %q, want a reason with %q", c.kind, c.raw, got, why, reason[1:])
			}
			continue
		}
		if why != "" || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s %q: got %#v, %q, want %#v", c.kind, c.raw, got, why, c.want)
		}
	}
}

var visits = a.Table{Name: "visits", Columns: []a.Column{
	{Name: "patient_id", Field: "patientId", Patient: true},
	{Name: "year", Field: "dateOfBirth", Kind: a.Integer, Year: true},
	{Name: "codes", Field: "codes", Kind: a.JSON, Keys: []string{"system", "code"}},
}}

func TestMake(t *testing.T) {
	m := NewMaker(visits, nil)
	r, rejects, ok := m.Make("visit1", []any{"ada", "1980-05-02", `[{"system":"icd","code":"A1","display":"Ada's secret"},"x",{"code":{"a":1}}]`}, nil)
	want := []any{"ada", int64(1980), `[{"code":"A1","system":"icd"},{}]`}
	if !ok || len(rejects) > 0 || !reflect.DeepEqual(r.Values, want) {
		t.Errorf("got %#v, %v", r.Values, rejects)
	}
	r, rejects, ok = m.Make("visit1", []any{"a\x00", "now", `{`}, `{"x_a":1}`)
	if !ok || len(rejects) != 3 || r.Values[0] != nil || r.Extra == nil {
		t.Errorf("got %#v, %v", r, rejects)
	}
	for _, rej := range rejects {
		if rej.ID != "visit1" || rej.Table != "visits" || rej.Column == "" || rej.Reason == "" || strings.Contains(rej.Reason, "now") {
			t.Errorf("reject %+v", rej)
		}
	}
	for _, id := range []any{nil, int64(3), "a\x00b", "a\xff", strings.Repeat("x", 256)} {
		if _, rejects, ok := m.Make(id, []any{nil, nil, nil}, nil); ok || len(rejects) != 1 || rejects[0].Column != "" {
			t.Errorf("the id %q leaves", id)
		}
	}
}

// TestYear has the years that leave, and what is set aside: as SQLite's date(x) = x has it, which
// the clinic's own reports count by.
func TestYear(t *testing.T) {
	c := a.Column{Name: "year", Field: "dateOfBirth", Kind: a.Integer, Year: true}
	for raw, want := range map[any]any{"1980": int64(1980), "1980-05-02": int64(1980), "2024-02-29": int64(2024), "0000": int64(0)} {
		if got, why := (&Maker{}).value(c, raw); got != want || why != "" {
			t.Errorf("%v: got %v %q, want %v", raw, got, why, want)
		}
	}
	for _, raw := range []any{nil, "", "1980-05"} {
		if got, why := (&Maker{}).value(c, raw); got != nil || why != "" {
			t.Errorf("%v: got %v %q, want none", raw, got, why)
		}
	}
	for _, raw := range []any{"1980-13-01", "1981-02-29", "1980-5-2", "1980-05-02 00:00:00.000Z", "now", "19x0", "-198", "+198", " 198", "19800", int64(1980), []byte("1980")} {
		if got, why := (&Maker{}).value(c, raw); got != nil || why == "" {
			t.Errorf("%v: got %v, want a reason", raw, got)
		}
	}
}

func TestPseudonyms(t *testing.T) {
	key := []byte("a key of the clinic")
	m := NewMaker(visits, key)
	r, _, _ := m.Make("visit1", []any{"ada", nil, nil}, nil)
	register := NewMaker(a.Table{Name: "patients", Patients: true}, key)
	id, why := register.ID("ada")
	if r.ID != "visit1" || why != "" || id == "ada" || len(id) != 32 || r.Values[0] != id {
		t.Errorf("visit %+v, patient %q", r, id)
	}
	other, _ := NewMaker(register.Table, []byte("another key, as good")).ID("ada")
	if other == id {
		t.Error("another key makes the same pseudonym")
	}
	if m.Shape() == NewMaker(visits, nil).Shape() {
		t.Error("the key does not change the shape")
	}
	none := a.Table{Name: "items", Columns: []a.Column{{Name: "a", Field: "a"}}}
	if NewMaker(none, key).Shape() != NewMaker(none, nil).Shape() {
		t.Error("the key changes the shape of a table without patients")
	}
}

func TestHashTellsRowsApart(t *testing.T) {
	x := "{}"
	seen := map[int64]string{}
	for name, r := range map[string]Row{
		"a,b":   {ID: "1", Values: []any{"a", "b"}},
		"ab,":   {ID: "1", Values: []any{"ab", ""}},
		"ab":    {ID: "1", Values: []any{"ab", nil}},
		"id":    {ID: "1a", Values: []any{"", "b"}},
		"int":   {ID: "1", Values: []any{int64(1), nil}},
		"float": {ID: "1", Values: []any{1.0, nil}},
		"true":  {ID: "1", Values: []any{true, nil}},
		"false": {ID: "1", Values: []any{false, nil}},
		"extra": {ID: "1", Values: []any{"ab", nil}, Extra: &x},
		"more":  {ID: "1", Values: []any{"ab", nil, nil}},
	} {
		h := r.hash()
		if was, ok := seen[h]; ok {
			t.Errorf("%s and %s have the same hash", name, was)
		}
		seen[h] = name
	}
}
