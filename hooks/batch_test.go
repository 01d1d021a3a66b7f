package hooks_test

import (
	"net/http"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

func TestBatchIsHeldToWhatSingleRequestsAre(t *testing.T) {
	create := func(body map[string]any) map[string]any { return inBatch("POST", collection, body) }
	set.Run(t, []kerneltest.Scenario{
		{Name: "a guest has no batch", As: guest, Path: "/api/batch", Body: create(map[string]any{"name": "a"}), Want: 401},
		{Name: "rules hold", As: grace, Path: "/api/batch", Body: create(map[string]any{"name": "a"}), Want: 400, Then: noNewRow},
		{Name: "server-set fields are", As: alma, Path: "/api/batch", Body: create(map[string]any{"name": "a", "serial": "1"}), Want: 400, Has: []string{`"server_set"`}, Then: noNewRow},
		{Name: "numbers are numbers", As: alma, Path: "/api/batch", Body: create(map[string]any{"name": "a", "count": "abc"}), Want: 400, Has: []string{"validation_invalid_number"}, Then: noNewRow},
		{Name: "roles write their own fields", As: ada, Path: "/api/batch", Body: inBatch("PATCH", collection+"/"+adas, map[string]any{"fragile": true}), Want: 400, Has: []string{"field_not_allowed"}},
		{Name: "upsert does not go around it", As: ada, Path: "/api/batch", Body: inBatch("PUT", collection, map[string]any{"id": adas, "fragile": true}), Want: 400, Has: []string{"field_not_allowed"}},
		{Name: "a stale version is refused", As: ada, Path: "/api/batch", Body: inBatch("PATCH", collection+"/"+adas, map[string]any{"name": "x", "updated": "2020-01-01 00:00:00.000Z"}), Want: 409, Has: []string{`"stale"`, `"requests":{"0":`, `"status":409`}},
		{Name: "all or nothing", As: alma, Path: "/api/batch", Body: map[string]any{"requests": []any{
			map[string]any{"method": "POST", "url": collection, "body": map[string]any{"name": "one"}},
			map[string]any{"method": "DELETE", "url": collection + "/" + odd},
			map[string]any{"method": "PATCH", "url": collection + "/nosuchthing0000", "body": map[string]any{"name": "two"}},
		}}, Want: 400, Then: noNewRow},
		{Name: "it works", As: ada, Path: "/api/batch", Body: inBatch("PATCH", collection+"/"+adas, map[string]any{"name": "jug"}), Want: 200, Has: []string{`"name":"jug"`}},
		{Name: "what is no collection is no part of it", As: alma, Path: "/api/batch", Body: inBatch("POST", "/api/things/"+adas+"/polish", map[string]any{"with": "x"}), Want: 400},
		{Name: "null is no request", As: alma, Path: "/api/batch", Body: `{"requests":[null]}`, Want: 400, Has: []string{`"requests"`}},
		{Name: "nor beside one", As: alma, Path: "/api/batch", Body: `{"requests":[{"method":"POST","url":"/api/collections/things/records"},null]}`, Want: 400, Then: noNewRow},
		{Name: "a hundred requests at most", As: alma, Path: "/api/batch", Body: many(101), Want: 400},
	})
}

func many(n int) map[string]any {
	var list []any
	for range n {
		list = append(list, map[string]any{"method": "POST", "url": collection, "body": map[string]any{"name": "a"}})
	}
	return map[string]any{"requests": list}
}

// Finding 14: inner headers set the client's address and its token.
func TestABatchCannotForgeHeaders(t *testing.T) {
	var seen []string
	s := set.Start(t, func(app *tests.TestApp) {
		app.OnRecordCreateRequest("things").BindFunc(func(e *core.RecordRequestEvent) error {
			seen = append(seen, e.Request.Header.Get("X-Forwarded-For"), e.Auth.Email())
			return e.Next()
		})
	})
	s.App.Settings().TrustedProxy.Headers = []string{"X-Forwarded-For"}
	r := s.As(t, ada, "POST", "/api/batch", map[string]any{"requests": []any{map[string]any{
		"method": "POST", "url": collection, "body": map[string]any{"name": "a", "ownerId": "userpatient0001"},
		"headers": map[string]string{"X-Forwarded-For": "6.6.6.6", "Authorization": s.Token(t, alma)},
	}}})
	wantStatus(t, "batch", r, http.StatusOK)
	if len(seen) != 2 || seen[0] != "" || seen[1] != ada.Email {
		t.Errorf("the hook saw %q", seen)
	}
}

// A batch is how a screen saves several things at once: a version that is stale is, there too.
func TestARequestOfABatchHasAnIfMatchOfItsOwn(t *testing.T) {
	s := set.Start(t)
	change := func(id string, headers map[string]string) map[string]any {
		return map[string]any{"method": "PATCH", "url": collection + "/" + id, "body": map[string]any{"name": "jug"}, "headers": headers}
	}
	send := func(headers []string, requests ...any) kerneltest.Response {
		return s.As(t, alma, "POST", "/api/batch", map[string]any{"requests": requests}, headers...)
	}
	read := s.As(t, alma, "GET", collection+"/"+adas, nil).JSON(t)["updated"].(string)
	r := send(nil, change(odd, nil), change(adas, map[string]string{"if-match": `"` + read + `"`}))
	wantStatus(t, "the version that was read", r, http.StatusOK)
	r = send(nil, change(odd, nil), change(adas, map[string]string{"If-Match": `"` + read + `"`}))
	wantStatus(t, "a stale one", r, http.StatusConflict)
	r = send([]string{"If-Match: " + read}, change(odd, nil), change(adas, nil))
	wantStatus(t, "of the batch as a whole, which has no version", r, http.StatusOK)
}
