package bundle

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// read returns what is found in the text as "index Type/id" and its problems.
func read(t *testing.T, r Reader, name, text string) (found []string, problems []string) {
	t.Helper()
	r.Problem = func(p *Problem) {
		if p.File != name {
			t.Errorf("problem of file %q, want %q", p.File, name)
		}
		problems = append(problems, fmt.Sprintf("%d %s", p.Index, p.Reason))
	}
	err := r.Stream(t.Context(), name, strings.NewReader(text), func(e Entry) error {
		found = append(found, fmt.Sprintf("%d %s/%s", e.Index, e.Type, e.ID))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found, problems
}

func TestStream(t *testing.T) {
	const (
		a = `{"resource":{"resourceType":"Patient","id":"a"}}`
		b = `{"resource":{"id":"b","resourceType":"Claim"}}`
	)
	tests := []struct {
		name, file, text string
		found, problems  []string
	}{
		{"a bundle", "x.json", `{"resourceType":"Bundle","type":"batch","entry":[` + a + `,` + b + `]}`,
			[]string{"0 Patient/a", "1 Claim/b"}, nil},
		{"entries before the bundle says what it is", "x.json", `{"entry":[` + a + `],"type":"batch","resourceType":"Bundle"}`,
			[]string{"0 Patient/a"}, nil},
		{"no entries are none", "x.json", `{"resourceType":"Bundle","entry":null}`, nil, nil},
		{"a bare resource", "x.json", "\n{\"id\":\"a\",\"resourceType\":\"Patient\"}\n", []string{"0 Patient/a"}, nil},
		{"a list's entries are its own", "x.json", `{"resourceType":"List","id":"l","entry":[{"item":{}}]}`,
			[]string{"0 List/l"}, nil},
		{"but not if it tells too late", "x.json", `{"entry":[{"item":{}}],"resourceType":"List"}`,
			nil, []string{"0 has no resource", "-1 has entries before it says that it is a List"}},
		{"entries of nothing", "x.json", `{"entry":[` + a + `]}`,
			[]string{"0 Patient/a"}, []string{"-1 has entries but no resourceType"}},
		{"a byte order mark", "x.json", "\xef\xbb\xbf" + `{"resourceType":"Patient","id":"a"}`, []string{"0 Patient/a"}, nil},
		{"resources one after another", "x", `{"resourceType":"Patient","id":"a"}{"resourceType":"Claim","id":"b"}`,
			[]string{"0 Patient/a", "1 Claim/b"}, nil},
		{"an array", "x.json", `[` + a + `]`,
			nil, []string{"0 is a JSON array; a bundle, a resource or NDJSON belongs here"}},
		{"an empty file", "x.json", " \n", nil, []string{"-1 is empty"}},
		{"an empty ndjson", "x.ndjson", "\n\n", nil, []string{"-1 is empty"}},
		{"no JSON", "x.json", "<Bundle/>", nil, []string{"0 byte 0: '<' where a bundle or resource belongs"}},

		{"a resource wrong inside spoils no other", "x.json", `{"resourceType":"Bundle","entry":[{"resource":{"id":nul}},` + b + `]}`,
			[]string{"1 Claim/b"}, []string{"0 invalid character '}' in literal null (expecting 'l')"}},
		{"nor do these", "x.json", `{"resourceType":"Bundle","entry":[7,null,{},{"resource":null},{"resource":{"id":"x"}},{"resource":{"resourceType":"../x"}},{"resource":{"resourceType":1}},{"resource":[]},` + b + `]}`,
			[]string{"8 Claim/b"}, []string{
				"0 a JSON number where an object belongs",
				"1 has no resource",
				"2 has no resource",
				"3 has no resource",
				"4 has no resourceType",
				"5 has a resourceType that is no name of one",
				"6 resourceType is not a string",
				"7 a JSON array where an object belongs",
			}},
		{"text in another encoding", "x.json", "{\"resourceType\":\"Patient\",\"id\":\"Jos\xe9\"}", nil, []string{"0 is not UTF-8 text"}},
		{"brackets and quotes in strings", "x.json", `{"resourceType":"Bundle","a":"]}\"\\","entry":[{"fullUrl":"}\\\"{[","resource":{"resourceType":"Patient","id":"a"}}]}`,
			[]string{"0 Patient/a"}, nil},
		{"entry that is no array", "x.json", `{"resourceType":"Bundle","entry":{}}`, nil, []string{"-1 entry is not an array"}},
		{"a bad value of the bundle", "x.json", `{"resourceType":"Bundle","type":batch,"entry":[` + a + `]}`,
			nil, []string{"0 byte 37: the value before is not valid JSON"}},

		{"cut short between entries", "x.json", `{"resourceType":"Bundle","entry":[` + a + `,`,
			[]string{"0 Patient/a"}, []string{"1 is cut short"}},
		{"cut short in an entry", "x.json", `{"resourceType":"Bundle","entry":[` + a + `,` + b[:20],
			[]string{"0 Patient/a"}, []string{"1 is cut short"}},
		{"cut short after the entries", "x.json", `{"resourceType":"Bundle","entry":[` + a + `]`,
			[]string{"0 Patient/a"}, []string{"1 is cut short"}},
		{"a bare resource cut short", "x.json", `{"resourceType":"Patient","id"`, nil, []string{"0 is cut short"}},
		{"a missing comma", "x.json", `{"resourceType":"Bundle","entry":[` + a + b + `]}`,
			[]string{"0 Patient/a"}, []string{"1 byte 82: '{' where , belongs"}},
		{"a comma too many", "x.json", `{"resourceType":"Bundle","entry":[` + a + `,]}`,
			[]string{"0 Patient/a"}, []string{"1 byte 83: ']' where a value belongs"}},

		{"ndjson, blank lines, no last newline", "x.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"a\"}\r\n\n{\"resourceType\":\"Claim\",\"id\":\"b\"}",
			[]string{"0 Patient/a", "1 Claim/b"}, nil},
		{"bundles a line", "x.jsonl", `{"resourceType":"Bundle","entry":[` + a + `,` + b + "]}\n" + `{"resourceType":"Bundle","entry":[` + a + `]}`,
			[]string{"0 Patient/a", "1 Claim/b", "2 Patient/a"}, nil},
		{"a broken line spoils no other", "x.ndjson", "{\"resourceType\":\"Patient\",\"id\"\n[1]\n{\"resourceType\":\"Claim\",\"id\":\"b\"}\n",
			[]string{"2 Claim/b"}, []string{
				"0 line 1: is cut short",
				"1 line 2: is a JSON array; a bundle, a resource or NDJSON belongs here",
			}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, packed := range []bool{false, true} {
				text := test.text
				if packed {
					text = pack(text)
				}
				found, problems := read(t, Reader{}, test.file, text)
				if !slices.Equal(found, test.found) {
					t.Errorf("packed %t: found %q, want %q", packed, found, test.found)
				}
				if !slices.Equal(problems, test.problems) {
					t.Errorf("packed %t: problems %q, want %q", packed, problems, test.problems)
				}
			}
		})
	}
}

func pack(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text)) // into memory: cannot fail
	z.Close()
	return b.String()
}

func TestStreamEntry(t *testing.T) {
	const text = `{"resourceType":"Bundle","entry":[{"fullUrl":"urn:uuid:1","resource": {"resourceType":"Patient","id":"a" , "x":1.50},
		"request":{"method":"post","url":"Patient","ifNoneExist":"identifier=s|v"}}]}`
	var got Entry
	err := Reader{}.Stream(t.Context(), "x.json", strings.NewReader(text), func(e Entry) error {
		got = e
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"resourceType":"Patient","id":"a" , "x":1.50}`; string(got.Raw) != want {
		t.Errorf("raw %s, want %s", got.Raw, want)
	}
	got.Raw = nil
	want := Entry{File: "x.json", FullURL: "urn:uuid:1", Method: "POST", URL: "Patient", IfNoneExist: "identifier=s|v", Type: "Patient", ID: "a"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestLimit(t *testing.T) {
	big := `{"resourceType":"Patient","id":"` + strings.Repeat("x", 300_000) + `"}`
	small := `{"resourceType":"Patient","id":"a"}`
	tests := []struct{ name, file, text string }{
		{"in a bundle", "x.json", `{"resourceType":"Bundle","entry":[{"resource":` + big + `},{"resource":` + small + `}]}`},
		{"bare", "x.json", big + small},
		{"a line", "x.ndjson", big + "\n" + small},
	}
	for _, test := range tests {
		found, problems := read(t, Reader{Limit: 200_000}, test.file, test.text)
		if want := []string{"1 Patient/a"}; !slices.Equal(found, want) {
			t.Errorf("%s: found %q, want %q", test.name, found, want)
		}
		if want := []string{"0 is larger than 200000 bytes, skipped"}; !slices.Equal(problems, want) {
			t.Errorf("%s: problems %q, want %q", test.name, problems, want)
		}
		if found, _ := read(t, Reader{Limit: 400_000}, test.file, test.text); len(found) != 2 {
			t.Errorf("%s: found %d within the limit, want 2", test.name, len(found))
		}
	}
}

func TestBrokenGzip(t *testing.T) {
	text := `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"a"}}]}` + "\n"
	whole := pack(text)
	spoilt := []byte(whole)
	spoilt[len(spoilt)-8] ^= 1 // the checksum
	tests := []struct {
		name, text string
		found      int
		problem    string
	}{
		{"cut in its head", whole[:5], 0, "-1 is cut short"},
		{"cut in its checksum", whole[:len(whole)-4], 1, "1 is cut short"},
		{"a wrong checksum", string(spoilt), 1, "1 read: gzip: invalid checksum"},
	}
	for _, test := range tests {
		for _, file := range []string{"x.json", "x.ndjson"} {
			found, problems := read(t, Reader{}, file, test.text)
			if len(found) != test.found || !slices.Equal(problems, []string{test.problem}) {
				t.Errorf("%s of %s: found %q, problems %q, want %d and %q", test.name, file, found, problems, test.found, test.problem)
			}
		}
	}
}

func TestReadEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.ndjson")
	text := strings.Repeat("{\"resourceType\":\"Patient\"}\n", 9)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	ctx, cancel := context.WithCancel(t.Context())
	tests := []struct {
		name string
		ctx  context.Context
		file string
		each func(Entry) error
		want error
	}{
		{"with the callback's error", t.Context(), path, func(Entry) error { return enough }, enough},
		{"when cancelled", ctx, path, func(Entry) error { cancel(); return nil }, context.Canceled},
		{"when cancelled before", ctx, path, func(Entry) error { return nil }, context.Canceled},
	}
	for _, test := range tests {
		r := Reader{Problem: func(p *Problem) { t.Errorf("%s: problem %v", test.name, p) }}
		if err := r.Read(test.ctx, File{Path: test.file}, test.each); err != test.want {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
	}

	missing := File{Path: filepath.Join(t.TempDir(), "x.json")}
	var problem *Problem
	err := Reader{}.Read(t.Context(), missing, func(Entry) error { return nil })
	if !errors.As(err, &problem) || problem.Error() != missing.Path+": open: no such file or directory" {
		t.Errorf("without a Problem callback: got %v", err)
	}

	var read int64
	r := Reader{Progress: func(n int64) { read = n }}
	if err := r.Read(t.Context(), File{Path: path}, func(Entry) error { return nil }); err != nil || read != int64(len(text)) {
		t.Errorf("progress %d of %d, %v", read, len(text), err)
	}
}
