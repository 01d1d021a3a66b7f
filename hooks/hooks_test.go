package hooks_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/things"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

// Things of the cast: Ada's, Bob's and nobody's.
const (
	adas = "thingada0000001"
	bobs = "thingbob0000002"
	odd  = "thingodd0000003"
)

var bench = &things.Bench{Cast: func(app core.App) error {
	for id, owner := range map[string]string{adas: authapi.Ada.ID, bobs: authapi.Bob.ID, odd: ""} {
		r, err := newRecord(app, "things", map[string]any{"id": id, "name": "cup", "ownerId": owner, "note": "sealed", "count": 1})
		if err != nil {
			return err
		}
		if err := app.Save(r); err != nil {
			return err
		}
		if id == odd {
			continue
		}
		label, err := newRecord(app, "labels", map[string]any{"thingId": id, "text": "hiv"})
		if err != nil {
			return err
		}
		if err := app.Save(label); err != nil {
			return err
		}
	}
	return nil
}}

var set = &kerneltest.Set{Modules: []kernel.Module{hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(), bench.Module()}}

var (
	guest = kerneltest.Account{}
	alma  = as(authapi.Alma)
	ada   = as(authapi.Ada)
	bob   = as(authapi.Bob)
	grace = as(authapi.Grace)
	root  = kerneltest.Account{Email: "root@polyclinic.test", Password: "root-password-1"}
)

const (
	path       = "/api/things"
	collection = "/api/collections/things/records"
)

func as(a authapi.Account) kerneltest.Account {
	return kerneltest.Account{Email: a.Email, Password: a.Password}
}

func newRecord(app core.App, name string, fields map[string]any) (*core.Record, error) {
	c, err := app.FindCollectionByNameOrId(name)
	if err != nil {
		return nil, err
	}
	r := core.NewRecord(c)
	r.Load(fields)
	return r, nil
}

// superuser makes a superuser and returns a token.
func superuser(t *testing.T, s *kerneltest.Server) string {
	t.Helper()
	r, err := newRecord(s.App, core.CollectionNameSuperusers, map[string]any{"email": root.Email})
	if err != nil {
		t.Fatal(err)
	}
	r.SetPassword(root.Password)
	if err := s.App.Save(r); err != nil {
		t.Fatal(err)
	}
	res := s.Do(t, "POST", "/api/collections/_superusers/auth-with-password", "", map[string]any{"identity": root.Email, "password": root.Password})
	token, _ := res.JSON(t)["token"].(string)
	if token == "" {
		t.Fatalf("superuser: %d %s", res.Status, res.Body)
	}
	return token
}

func stored(t *testing.T, s *kerneltest.Server, id string) *core.Record {
	t.Helper()
	r, err := s.App.FindRecordById("things", id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func count(t *testing.T, s *kerneltest.Server, collection string) int64 {
	t.Helper()
	n, err := s.App.CountRecords(collection)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// inBatch returns the body of POST /api/batch for one request.
func inBatch(method, url string, body any) map[string]any {
	return map[string]any{"requests": []any{map[string]any{"method": method, "url": url, "body": body}}}
}

func encode(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// upload is the file of a form.
type upload struct {
	field, name string
	content     []byte
}

// sendForm posts a multipart form.
func sendForm(t *testing.T, s *kerneltest.Server, token, url string, fields map[string]string, files ...upload) kerneltest.Response {
	t.Helper()
	body, header := form(t, fields, files...)
	return s.Do(t, "POST", url, token, body, header)
}

// form returns the body of a form, and the header that says so.
func form(t *testing.T, fields map[string]string, files ...upload) (text, header string) {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, value := range fields {
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range files {
		part, err := w.CreateFormFile(f.field, f.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write(f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return body.String(), "Content-Type: " + w.FormDataContentType()
}

// wantStatus is the check of requests that a table of scenarios does not fit.
func wantStatus(t *testing.T, what string, r kerneltest.Response, want int) {
	t.Helper()
	if r.Status != want {
		t.Errorf("%s: got %d, want %d: %s", what, r.Status, want, r.Body)
	}
}

func named(format string, a ...any) string { return fmt.Sprintf(format, a...) }
