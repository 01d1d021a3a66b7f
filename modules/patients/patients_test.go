package patients_test

import (
	"testing"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/patients"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

var set = &kerneltest.Set{Modules: []kernel.Module{
	hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(), staff.Module(), patients.Module(),
}}

func as(a authapi.Account) kerneltest.Account {
	return kerneltest.Account{Email: a.Email, Password: a.Password}
}

func TestRegister(t *testing.T) {
	const path = "/api/patients"
	guest := kerneltest.Account{}
	set.Run(t, []kerneltest.Scenario{
		{Name: "a guest signs in first", As: guest, Path: path, Body: `{"name":"X"}`, Want: 401, Has: []string{`"sign_in_required"`}},
		{Name: "a patient may not register patients", As: as(authapi.Ada), Path: path, Body: `{"name":"X"}`, Want: 403},
		{Name: "the desk registers", As: as(authapi.Rosa), Path: path, Body: `{"name":"Zoë","contact":"5551234"}`, Want: 201, Has: []string{`"name":"Zoë"`}},
		{Name: "a name is needed", As: as(authapi.Rosa), Path: path, Body: `{}`, Want: 400, Has: []string{`"name":{"code":"validation_required"`}},
		{Name: "the server sets the number", As: as(authapi.Rosa), Path: path, Body: `{"name":"X","mrn":"1"}`, Want: 400, Has: []string{`"mrn":{"code":"server_set"`}},
		{Name: "a number is a number", As: as(authapi.Rosa), Path: path, Body: `{"name":"X","age":"abc"}`, Want: 400, Has: []string{`"age":{"code":"validation_invalid_number"`}},
		{Name: "a patient sees themself", As: as(authapi.Ada), Method: "GET", Path: path + "/" + patientsapi.Ada, Want: 200},
		{Name: "somebody else's is not there", As: as(authapi.Ada), Method: "GET", Path: path + "/" + patientsapi.Bob, Want: 404},
		{Name: "a patient lists one", As: as(authapi.Ada), Method: "GET", Path: path, Want: 200, Has: []string{`"totalItems":1`}},
		{Name: "a patient changes own contact", As: as(authapi.Ada), Method: "PUT", Path: path + "/" + patientsapi.Ada, Body: `{"contact":"777"}`, Want: 200, Has: []string{`"contact":"777"`}},
		{Name: "but not own name", As: as(authapi.Ada), Method: "PUT", Path: path + "/" + patientsapi.Ada, Body: `{"name":"Queen"}`, Want: 403, Has: []string{`"field_not_allowed"`}},
		{Name: "an oracle is refused", As: as(authapi.Ada), Method: "GET", Path: path + "?filter=searchText~%27x%27", Want: 400, Has: []string{"query_not_allowed"}},
		{Name: "so is a relation path", As: as(authapi.Ada), Method: "GET", Path: "/api/collections/patients/records?filter=userId.email~%27x%27", Want: 400, Has: []string{"query_not_allowed"}},
		{Name: "search", As: as(authapi.Nia), Method: "GET", Path: path + "?q=tanaka", Want: 200, Has: []string{`"totalItems":1`, "Bob"}},
		{Name: "a stale write is refused", As: as(authapi.Rosa), Method: "PUT", Path: path + "/" + patientsapi.Ada, Body: `{"name":"Y","updated":"2020-01-01 00:00:00.000Z"}`, Want: 409, Has: []string{`"stale"`}},
		{Name: "a stale If-Match too", As: as(authapi.Rosa), Method: "PUT", Path: path + "/" + patientsapi.Ada, Body: `{"name":"Y"}`, Headers: []string{`If-Match: "2020-01-01 00:00:00.000Z"`}, Want: 409},
		{Name: "the desk may not delete", As: as(authapi.Rosa), Method: "DELETE", Path: path + "/" + patientsapi.Ada, Want: 403},
	})
}

func TestIdempotencyKey(t *testing.T) {
	s := set.Start(t)
	rosa := as(authapi.Rosa)
	one := s.As(t, rosa, "POST", "/api/patients", `{"name":"Once"}`, "Idempotency-Key: k1")
	two := s.As(t, rosa, "POST", "/api/patients", `{"name":"Once"}`, "Idempotency-Key: k1")
	if one.Status != 201 || two.Status != 201 || one.Body != two.Body {
		t.Fatalf("first %d %s, second %d %s", one.Status, one.Body, two.Status, two.Body)
	}
	if r := s.As(t, rosa, "POST", "/api/patients", `{"name":"Other"}`, "Idempotency-Key: k1"); r.Status != 409 {
		t.Errorf("another body: got %d, want 409: %s", r.Status, r.Body)
	}
	if r := s.As(t, as(authapi.Nia), "POST", "/api/patients", `{"name":"Other"}`, "Idempotency-Key: k1"); r.Status != 201 {
		t.Errorf("another user's key is another key: got %d: %s", r.Status, r.Body)
	}
}
