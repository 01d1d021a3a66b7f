package row

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
)

// convert returns v as the kind's Go type, nil for what is empty, and why it does not fit,
// "" when it does. SQLite keeps any value in any column.
func convert(k analyticsapi.Kind, v any) (any, string) {
	if b, ok := v.([]byte); ok {
		v = string(b)
	}
	if v == nil {
		return nil, ""
	}
	switch k {
	case analyticsapi.Text:
		return toText(v)
	case analyticsapi.JSON:
		return toJSON(v)
	case analyticsapi.Integer, analyticsapi.Money:
		return toInteger(v)
	case analyticsapi.Number:
		return toNumber(v)
	case analyticsapi.Bool:
		return toBool(v)
	case analyticsapi.Time, analyticsapi.Day:
		s, ok := v.(string)
		if !ok {
			return nil, "is no " + k.String()
		}
		if s == "" {
			return nil, ""
		}
		t, ok := ParseTime(s)
		if !ok {
			return nil, "is no " + k.String() + " that exists"
		}
		if k == analyticsapi.Day {
			t = time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
		}
		return t, ""
	}
	return nil, "is of an unknown kind"
}

// badText says why PostgreSQL does not take a text, "" when it does.
func badText(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		return "holds a NUL byte"
	}
	if !utf8.ValidString(s) {
		return "is not valid UTF-8"
	}
	return ""
}

// Below, what is as it should be is returned as it came: to make another any of its text
// or number takes memory, for every value of a first copy.

func toText(raw any) (any, string) {
	switch v := raw.(type) {
	case string:
		if why := badText(v); why != "" {
			return nil, why
		}
		return raw, ""
	case int64:
		return strconv.FormatInt(v, 10), ""
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), ""
	case bool:
		return strconv.FormatBool(v), ""
	}
	return nil, "is no text"
}

func toInteger(raw any) (any, string) {
	switch v := raw.(type) {
	case int64:
		return raw, ""
	case float64:
		// 2^53: beyond, a float does not tell one integer from the next.
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
			return nil, "is no whole number"
		}
		return int64(v), ""
	case bool:
		if v {
			return int64(1), ""
		}
		return int64(0), ""
	case string:
		if v == "" {
			return nil, ""
		}
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return n, ""
		}
	}
	return nil, "is no whole number"
}

func toNumber(v any) (any, string) {
	var f float64
	switch v := v.(type) {
	case float64:
		f = v
	case int64:
		f = float64(v)
	case string:
		if v == "" {
			return nil, ""
		}
		n, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return nil, "is no number"
		}
		f = n
	default:
		return nil, "is no number"
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, "is no finite number"
	}
	if f == 0 {
		return 0.0, "" // -0 reads back as 0
	}
	if _, same := v.(float64); same {
		return v, ""
	}
	return f, ""
}

func toBool(v any) (any, string) {
	switch v := v.(type) {
	case bool:
		return v, ""
	case int64:
		if v == 0 || v == 1 {
			return v == 1, ""
		}
	case float64:
		if v == 0 || v == 1 {
			return v == 1, ""
		}
	case string:
		if v == "" {
			return nil, ""
		}
		if b, err := strconv.ParseBool(v); err == nil {
			return b, ""
		}
	}
	return nil, "is neither true nor false"
}
