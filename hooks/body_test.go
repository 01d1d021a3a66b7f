package hooks_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

// Finding 19: plain PocketBase stores 0 for "abc" and answers 200.
func TestWhatIsNoNumberIsRefused(t *testing.T) {
	s := set.Start(t)
	token := s.Token(t, alma)
	for _, value := range []string{`"abc"`, `"12.5kg"`, `[1]`, `{"a":1}`, `true`, `1e308`, `-1e308`, `9007199254740993`, `"NaN"`, `"Infinity"`, `"1e308"`, `" "`} {
		body := `{"name":"a","count":` + value + `}`
		for _, url := range []string{path, collection} {
			r := s.Do(t, "POST", url, token, body)
			if r.Status != http.StatusBadRequest || r.Code("count") != "validation_invalid_number" {
				t.Errorf("POST %s %s: got %d %s", url, body, r.Status, r.Body)
			}
			r = s.Do(t, "PATCH", url+"/"+adas, token, body)
			if r.Status != http.StatusBadRequest || r.Code("count") != "validation_invalid_number" {
				t.Errorf("PATCH %s %s: got %d %s", url, body, r.Status, r.Body)
			}
		}
		r := s.Do(t, "POST", "/api/batch", token, `{"requests":[{"method":"POST","url":"`+collection+`","body":`+body+`}]}`)
		if r.Status != http.StatusBadRequest || !strings.Contains(r.Body, "validation_invalid_number") {
			t.Errorf("batch %s: got %d %s", body, r.Status, r.Body)
		}
	}
	if n := count(t, s, "things"); n != 3 {
		t.Errorf("%d rows", n)
	}
	for _, value := range []string{`NaN`, `Infinity`, `1e999`} {
		wantStatus(t, value, s.Do(t, "POST", path, token, `{"name":"a","count":`+value+`}`), http.StatusBadRequest)
	}
}

func TestAModifierIsHeldToTheSame(t *testing.T) {
	s := set.Start(t)
	token := s.Token(t, ada)
	for _, c := range []struct {
		body string
		want int
	}{
		{`{"count+":"abc"}`, 400}, {`{"count-":1}`, 200}, {`{"size+":1}`, 400}, {`{"size-":1}`, 400}, {`{"size":1}`, 200}, {`{"hidden+":"x"}`, 200},
	} {
		r := s.Do(t, "PATCH", collection+"/"+adas, token, c.body)
		if r.Status != c.want {
			t.Errorf("%s: got %d, want %d: %s", c.body, r.Status, c.want, r.Body)
		}
	}
}

// PocketBase sets a field of text by "name:autogenerate", too, with whatever text is sent.
func TestNoNameOfAFieldGoesAroundWhatItIsHeldTo(t *testing.T) {
	s := set.Start(t)
	for _, c := range []struct {
		as                kerneltest.Account
		body, field, code string
	}{
		{ada, `{"serial:autogenerate":"S-1"}`, "serial", "server_set"},
		{ada, `{"kind:autogenerate":"cup"}`, "kind", "create_only"},
		{ada, `{"name:autogenerate":["x"]}`, "name", "validation_invalid_type"},
		{alma, `{"serial:autogenerate":"S-1"}`, "serial", "server_set"},
	} {
		token := s.Token(t, c.as)
		for _, url := range []string{path, collection} {
			r := s.Do(t, "PATCH", url+"/"+adas, token, c.body)
			if r.Code(c.field) != c.code {
				t.Errorf("PATCH %s %s: got %d %s", url, c.body, r.Status, r.Body)
			}
		}
		r := s.Do(t, "POST", "/api/batch", token, `{"requests":[{"method":"PATCH","url":"`+collection+"/"+adas+`","body":`+c.body+`}]}`)
		if r.Status != http.StatusBadRequest || !strings.Contains(r.Body, c.code) {
			t.Errorf("batch %s: got %d %s", c.body, r.Status, r.Body)
		}
	}
	if r := s.Do(t, "PATCH", collection+"/"+adas, s.Token(t, ada), `{"note:autogenerate":"theirs to change","hidden:autogenerate":"dropped"}`); r.Status != http.StatusOK {
		t.Errorf("what they may change: got %d %s", r.Status, r.Body)
	}
	if thing := stored(t, s, adas); thing.GetString("serial") != "S-cup" || thing.GetString("kind") != "" || thing.GetString("hidden") != "" || thing.GetString("name") != "cup" {
		t.Errorf("changed: %v", thing.PublicExport())
	}
}

// The files of a form are no part of what PocketBase binds as its body.
func TestAFileIsHeldToTheSame(t *testing.T) {
	s := set.Start(t)
	things, err := s.App.FindCollectionByNameOrId("things")
	if err != nil {
		t.Fatal(err)
	}
	things.Fields.Add(&core.FileField{Name: "x_scan", MaxSelect: 1, Protected: true})
	if err := s.App.Save(things); err != nil {
		t.Fatal(err)
	}
	send := func(who kerneltest.Account, method, url, field string) kerneltest.Response {
		body, header := form(t, nil, upload{field, "hand.png", picture(t, 4, 4)})
		return s.Do(t, method, url, s.Token(t, who), body, header)
	}
	for _, field := range []string{"x_scan", "+x_scan", "x_scan+"} {
		if r := send(ada, "PUT", path+"/"+adas, field); r.Code("x_scan") != "field_not_allowed" {
			t.Errorf("PUT %s: got %d %s", field, r.Status, r.Body)
		}
		if r := send(ada, "PATCH", collection+"/"+adas, field); r.Code("x_scan") != "field_not_allowed" {
			t.Errorf("PATCH %s: got %d %s", field, r.Status, r.Body)
		}
	}
	body, header := form(t, map[string]string{"@jsonPayload": encode(t, inBatch("PATCH", collection+"/"+adas, map[string]any{}))}, upload{"requests.0.x_scan", "hand.png", picture(t, 4, 4)})
	if r := s.Do(t, "POST", "/api/batch", s.Token(t, ada), body, header); !strings.Contains(r.Body, "field_not_allowed") {
		t.Errorf("batch: got %d %s", r.Status, r.Body)
	}
	if name := stored(t, s, adas).GetString("x_scan"); name != "" {
		t.Errorf("%s was kept", name)
	}
	wantStatus(t, "what they may change", send(ada, "PATCH", collection+"/"+adas, "scan"), http.StatusOK)
	wantStatus(t, "an admin's", send(alma, "PATCH", collection+"/"+adas, "x_scan"), http.StatusOK)
}

func TestEveryBadFieldIsNamed(t *testing.T) {
	set.Run(t, []kerneltest.Scenario{
		{Name: "several at once", As: alma, Path: path, Body: `{"name":["a"],"count":"x","fragile":7,"due":"tomorrow","serial":"1"}`, Want: 400,
			Has: []string{`"name":{"code":"validation_invalid_type"`, `"count":{"code":"validation_invalid_number"`, `"fragile":{"code":"validation_invalid_type"`, `"due":{"code":"validation_invalid_date"`, `"serial":{"code":"server_set"`}},
		{Name: "a relation to nothing", As: alma, Path: path, Body: `{"name":"a","ownerId":"nosuchperson000"}`, Want: 400, Has: []string{`"ownerId":{"code":"validation_missing_rel_records"`}},
		{Name: "a relation of the wrong type", As: alma, Path: path, Body: `{"name":"a","ownerId":{"id":"x"}}`, Want: 400, Has: []string{`"ownerId"`}},
		{Name: "no JSON", As: alma, Path: path, Body: `{"name":`, Want: 400},
		{Name: "no object", As: alma, Path: path, Body: `["name"]`, Want: 400},
		{Name: "no UTF-8", As: alma, Path: path, Body: "{\"name\":\"\xff\xfe\"}", Want: 400, Has: []string{"invalid_json"}},
		{Name: "a NUL", As: alma, Path: path, Body: `{"name":"a\u0000b"}`, Want: 400},
		{Name: "an id that is none", As: alma, Path: path, Body: `{"name":"a","id":"../../etc"}`, Want: 400, Has: []string{`"id"`}},
		{Name: "an unknown field does no harm", As: alma, Path: path, Body: `{"name":"a","colour":"red"}`, Want: 201, Not: []string{"red"}},
		{Name: "autodates are the server's", As: alma, Path: path, Body: `{"name":"a","created":"2020-01-01 00:00:00.000Z"}`, Want: 400, Has: []string{`"created":{"code":"server_set"`}},
		{Name: "what is set once stays", As: alma, Method: "PUT", Path: path + "/" + adas, Body: `{"kind":"cup"}`, Want: 400, Has: []string{`"kind":{"code":"create_only"`}},
		{Name: "another's id", As: alma, Method: "PUT", Path: path + "/" + adas, Body: `{"id":"` + bobs + `"}`, Want: 400, Has: []string{`"id":{"code":"server_set"`}},
		{Name: "what was read can be sent back", As: ada, Method: "PUT", Path: path + "/" + adas, Body: `{"id":"` + adas + `","name":"cup","serial":"S-cup","fragile":false,"count":2}`, Want: 200, Has: []string{`"count":2`}},
		{Name: "a file as text", As: alma, Path: path, Body: `{"name":"a","scan":"../../../etc/passwd"}`, Want: 400, Has: []string{`"scan":{"code":"validation_invalid_file"`}},
		{Name: "a relation in a list of numbers", As: alma, Path: path, Body: `{"name":"a","ownerId":[7]}`, Want: 400, Has: []string{`"ownerId":{"code":"validation_invalid_type"`}},
	})
}

func TestFormsAreHeldToTheSame(t *testing.T) {
	s := set.Start(t)
	token := s.Token(t, alma)
	if r := sendForm(t, s, token, path, map[string]string{"name": "a", "count": "12"}); r.Status != http.StatusCreated || r.JSON(t)["count"] != 12.0 {
		t.Errorf("a good form: got %d %s", r.Status, r.Body)
	}
	if r := sendForm(t, s, token, path, map[string]string{"name": "a", "count": "12kg"}); r.Code("count") != "validation_invalid_number" {
		t.Errorf("a number that is none: got %d %s", r.Status, r.Body)
	}
	if r := sendForm(t, s, token, path, map[string]string{"name": "a", "serial": "x"}); r.Code("serial") != "server_set" {
		t.Errorf("a server-set field: got %d %s", r.Status, r.Body)
	}
	if r := sendForm(t, s, token, path, map[string]string{"@jsonPayload": `{"name":"a","serial":"x"}`}); r.Code("serial") != "server_set" {
		t.Errorf("a server-set field in JSON in a form: got %d %s", r.Status, r.Body)
	}
	if r := sendForm(t, s, token, path, map[string]string{"@jsonPayload": `{"name":"a","count":"abc"}`}); r.Code("count") != "validation_invalid_number" {
		t.Errorf("a bad number in JSON in a form: got %d %s", r.Status, r.Body)
	}
}

// Finding 18: 32 MB of JSON of a guest took the memory of a server.
func TestABodyHasABound(t *testing.T) {
	s := set.Start(t)
	big := `{"name":"` + strings.Repeat("a", 3<<20) + `"}`
	for _, url := range []string{path, collection, path + "/" + adas + "/polish", "/api/collections/users/auth-with-password", "/api/batch"} {
		for _, token := range []string{"", s.Token(t, ada)} {
			wantStatus(t, url, s.Do(t, "POST", url, token, big), http.StatusRequestEntityTooLarge)
		}
		if got := chunked(t, s.URL+url, s.Token(t, ada), big); got != http.StatusRequestEntityTooLarge {
			t.Errorf("POST %s in chunks: got %d", url, got)
		}
	}
	if got := chunked(t, s.URL+path, s.Token(t, alma), `{"name":"in chunks"}`); got != http.StatusCreated {
		t.Errorf("a small body in chunks: got %d", got)
	}
	if _, err := s.App.FindFirstRecordByData("things", "name", "in chunks"); err != nil {
		t.Error(err)
	}
}

// PocketBase closes a body that it did not read to its end without telling the server, which
// then takes the rest for the next request on the connection: a proxy would hand its answer
// to somebody else.
func TestARestOfABodyIsNoRequest(t *testing.T) {
	s := set.Start(t)
	const hidden = "GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, url := range []string{path, collection, "/api/health", "/api/nothing", "/api/collections/users/auth-with-password"} {
		t.Run(url, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			rest := hidden + strings.Repeat("a", 3<<20)
			go fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", url, len(rest), rest)
			answers := bufio.NewReader(conn)
			first, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, first.Body) // whatever it says
			if second, err := http.ReadResponse(answers, nil); err == nil {
				t.Errorf("two answers to one request, the second: %s", second.Status)
			}
		})
	}
}

// chunked sends a body whose length is not said ahead.
func chunked(t *testing.T, url, token, body string) int {
	t.Helper()
	req, err := http.NewRequest("POST", url, io.MultiReader(strings.NewReader(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}
