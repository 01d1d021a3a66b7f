package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/polyclinic-os/polyclinic/modules/fhir/fhirapi"
)

// Resource returns what the entry holds.
func (e Entry) Resource() fhirapi.Resource {
	return fhirapi.Resource{Type: e.Type, ID: e.ID, Raw: e.Raw}
}

// entry reads an element of Bundle.entry. It does not keep raw.
func entry(raw []byte) (Entry, error) {
	if err := checkObject(raw); err != nil {
		return Entry{}, err
	}
	var e Entry
	err := members(raw, func(key string, value []byte) error {
		switch key {
		case "fullUrl":
			return decodeText(key, value, &e.FullURL)
		case "resource":
			e.Raw = bytes.Clone(value)
		case "request":
			return members(value, func(key string, value []byte) error {
				switch key {
				case "method":
					return decodeText(key, value, &e.Method)
				case "url":
					return decodeText(key, value, &e.URL)
				case "ifNoneExist":
					return decodeText(key, value, &e.IfNoneExist)
				}
				return nil
			})
		}
		return nil
	})
	if err != nil {
		return Entry{}, err
	}
	if e.Raw == nil || string(e.Raw) == "null" {
		return Entry{}, errors.New("has no resource")
	}
	e.Method = strings.ToUpper(e.Method)
	return e, e.identify()
}

// resource reads a resource that stands alone. It keeps raw.
func resource(raw []byte) (Entry, error) {
	if err := checkObject(raw); err != nil {
		return Entry{}, err
	}
	e := Entry{Raw: raw}
	return e, e.identify()
}

// identify finds what every resource has.
func (e *Entry) identify() error {
	if e.Raw[0] != '{' {
		return notObject(e.Raw)
	}
	err := members(e.Raw, func(key string, value []byte) error {
		switch key {
		case "resourceType":
			return decodeText(key, value, &e.Type)
		case "id":
			return decodeText(key, value, &e.ID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if e.Type == "" {
		return errors.New("has no resourceType")
	}
	if !fhirapi.IsType(e.Type) {
		return errors.New("has a resourceType that is no name of one")
	}
	// encoding/json would let such names through with their letters replaced.
	if !utf8.Valid(e.Raw) {
		return errors.New("is not UTF-8 text")
	}
	return nil
}

// checkObject returns an error unless raw is a valid JSON object. Raw begins
// with no white space.
func checkObject(raw []byte) error {
	if !json.Valid(raw) {
		return json.Unmarshal(raw, new(struct{})) // says where
	}
	if raw[0] != '{' {
		return notObject(raw)
	}
	return nil
}

func notObject(raw []byte) error { return fhirapi.Plain(json.Unmarshal(raw, new(struct{}))) }

// decodeText decodes the string of a key.
func decodeText(key string, value []byte, into *string) error {
	if err := json.Unmarshal(value, into); err != nil {
		return fmt.Errorf("%s is not a string", key)
	}
	return nil
}

// members calls each for the keys and values of an object that is valid JSON;
// of anything else, for none or some. It takes a fraction of the time that
// json.Unmarshal takes to pass over what is not asked for.
func members(object []byte, each func(key string, value []byte) error) error {
	rest := bytes.TrimSpace(object)
	if len(rest) == 0 || rest[0] != '{' {
		return nil
	}
	for len(rest) > 1 {
		key, after := split(rest[1:]) // beyond { or ,
		value, after := split(bytes.TrimPrefix(after, []byte(":")))
		if len(key) < 2 || len(value) == 0 {
			return nil
		}
		if err := each(string(key[1:len(key)-1]), value); err != nil {
			return err
		}
		rest = after
	}
	return nil
}

// split cuts JSON text after its first value and trims both of white space.
// The value is empty if there is none that is whole.
func split(text []byte) (value, rest []byte) {
	text = bytes.TrimLeft(text, space)
	if len(text) == 0 {
		return nil, nil
	}
	end := 0
	switch text[0] {
	case '{', '[', '"':
		var at nesting
		end = at.end(text)
	default:
		end = max(0, bytes.IndexAny(text, afterLiteral))
	}
	return text[:end], bytes.TrimLeft(text[end:], space)
}
