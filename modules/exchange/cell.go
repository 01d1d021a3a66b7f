package exchange

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/exchange/exchangeapi"
)

// listMark separates the values of a field that holds several.
const listMark = "|"

// cell returns what a field of a record looks like in CSV.
func cell(r *core.Record, f core.Field) string {
	name := f.GetName()
	switch f := f.(type) {
	case *core.NumberField:
		return strconv.FormatFloat(r.GetFloat(name), 'f', -1, 64)
	case *core.JSONField:
		if text := r.GetString(name); text != "null" && text != `""` {
			return exchangeapi.Guard(text)
		}
		return ""
	case core.MultiValuer:
		if f.IsMultiple() {
			return exchangeapi.Guard(strings.Join(r.GetStringSlice(name), listMark))
		}
	}
	return exchangeapi.Guard(r.GetString(name))
}

// setCell reads a cell into a field. It refuses what the field would silently turn into
// something else.
func setCell(r *core.Record, f core.Field, text string) *kernel.Error {
	name := f.GetName()
	trimmed := strings.TrimSpace(text)
	switch f := f.(type) {
	case *core.NumberField:
		n, err := strconv.ParseFloat(trimmed, 64)
		if trimmed != "" && (err != nil || math.IsNaN(n) || math.Abs(n) > 1<<53) {
			return kernel.Bad(name, "validation_invalid_number", "Must be a number, with a point before the decimals.")
		}
		r.Set(name, n)
	case *core.BoolField:
		if !slices.Contains([]string{"", "true", "false", "1", "0"}, strings.ToLower(trimmed)) {
			return kernel.Bad(name, "validation_invalid_type", "Must be true or false.")
		}
		r.Set(name, strings.ToLower(trimmed) == "true" || trimmed == "1")
	case *core.DateField:
		if t, err := types.ParseDateTime(trimmed); trimmed != "" && (err != nil || t.IsZero()) {
			return kernel.Bad(name, "validation_invalid_date", "Must be a date.")
		}
		r.Set(name, trimmed)
	case *core.JSONField:
		if trimmed != "" && !json.Valid([]byte(trimmed)) {
			return kernel.Bad(name, "validation_invalid_json", "Must be JSON.")
		}
		r.Set(name, types.JSONRaw(trimmed))
	case core.MultiValuer:
		if !f.IsMultiple() || trimmed == "" {
			r.Set(name, trimmed)
			return nil
		}
		r.Set(name, strings.Split(trimmed, listMark))
	default:
		r.Set(name, text)
	}
	return nil
}

// BadRow is one row that cannot be imported. It never repeats what the row says: reports
// of imports are read over shoulders and kept in logs.
type BadRow struct {
	Line   int // of the file, from 1
	Errors kernel.Invalid
}

func (b BadRow) String() string {
	var parts []string
	for _, e := range b.Errors {
		part := e.Text
		if e.Field != "" && e.Field != "error" {
			part = e.Field + ": " + e.Text
		}
		parts = append(parts, part)
	}
	return fmt.Sprintf("line %d: %s", b.Line, strings.Join(parts, "; "))
}
