package row

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strings"
)

// maxDepth is how deep JSON may nest: PostgreSQL's own limit depends on its stack.
const maxDepth = 200

func toJSON(v any) (any, string) {
	s, ok := v.(string)
	if !ok {
		raw, err := json.Marshal(v)
		if err != nil {
			return nil, "is no JSON"
		}
		s = string(raw)
		v = s
	}
	if strings.TrimSpace(s) == "" {
		return nil, ""
	}
	if why := badText(s); why != "" {
		return nil, why
	}
	if !json.Valid([]byte(s)) {
		return nil, "is no valid JSON"
	}
	depth, exponents := survey(s)
	if depth > maxDepth {
		return nil, "nests too deep"
	}
	if !exponents && !strings.Contains(s, `\u`) {
		return v, ""
	}
	// What PostgreSQL refuses and Go does not: NUL, lone surrogates, numbers out of range.
	d, err := decode(s)
	if err != nil {
		return nil, "is no valid JSON"
	}
	if why := refused(d); why != "" {
		return nil, why
	}
	return encode(d)
}

// survey returns how deep valid JSON nests, and whether a number in it has an exponent.
func survey(s string) (most int, exponents bool) {
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			most = max(most, depth)
		case c == '}' || c == ']':
			depth--
		case c == 'E' || c == 'e' && i > 0 && s[i-1] >= '0' && s[i-1] <= '9':
			exponents = true
		}
	}
	return most, exponents
}

func decode(s string) (v any, err error) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	if err = d.Decode(&v); err == nil && d.More() {
		err = io.ErrUnexpectedEOF
	}
	return v, err
}

// encode writes keys in order: the same value always makes the same text, and hash.
func encode(v any) (any, string) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, "is no valid JSON"
	}
	return strings.TrimSuffix(b.String(), "\n"), ""
}

func refused(v any) string {
	switch v := v.(type) {
	case string:
		return badText(v)
	case json.Number:
		// Beyond what a float64 holds, PostgreSQL's numeric may still not.
		if f, err := v.Float64(); err != nil || math.IsInf(f, 0) {
			return "holds a number that is too large"
		}
	case []any:
		for _, e := range v {
			if why := refused(e); why != "" {
				return why
			}
		}
	case map[string]any:
		for k, e := range v {
			if why := badText(k) + refused(e); why != "" {
				return why
			}
		}
	}
	return ""
}

// only returns the JSON with nothing but the given keys in its objects.
func only(s string, keys []string) (any, string) {
	v, err := decode(s)
	if err != nil {
		return nil, "is no valid JSON"
	}
	keep := func(v any) any {
		o, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		kept := map[string]any{}
		for _, k := range keys {
			switch e := o[k].(type) {
			case string, json.Number, bool:
				kept[k] = e
			}
		}
		return kept
	}
	list, isList := v.([]any)
	if !isList {
		if v = keep(v); v == nil {
			return nil, ""
		}
		return encode(v)
	}
	out := []any{}
	for _, e := range list {
		if e = keep(e); e != nil {
			out = append(out, e)
		}
	}
	return encode(out)
}
