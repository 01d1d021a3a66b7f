package auth_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

var set = &kerneltest.Set{Modules: []kernel.Module{hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(), people()}}

// people stands for the modules that own profiles: a card for each patient and doctor.
func people() kernel.Module {
	card := func(role string) authapi.Profile {
		return authapi.Profile{Role: role, Collection: "cards", Create: func(tx core.App, account *core.Record) error {
			c, err := tx.FindCollectionByNameOrId("cards")
			if err != nil {
				return err
			}
			r := core.NewRecord(c)
			r.Load(map[string]any{"userId": account.Id, "title": role + " " + account.GetString("name"), "secret": "hidden"})
			return tx.Save(r)
		}}
	}
	everyone := kernel.SignedInWhen(kernel.Rule{Name: "own", Filter: "userId = @request.auth.id"})
	return kernel.Module{
		Name: "people", Doc: "Profiles, for tests.", Requires: []string{"auth"},
		Access:    []kernel.Access{{Collection: "cards", Doc: "Cards.", List: everyone, View: everyone, Update: kernel.Allow(authapi.Admin.Always())}},
		Resources: []kernel.Resource{{Path: "/api/cards", Collection: "cards", Noun: "card", Verbs: []kernel.Verb{kernel.List, kernel.View, kernel.Update}}},
		Provides:  []any{card("patient"), card("doctor")},
		Migrations: []kernel.Migration{{ID: "1789000000_cards", Up: func(tx core.App) error {
			users, err := tx.FindCollectionByNameOrId("users")
			if err != nil {
				return err
			}
			c := core.NewBaseCollection("cards")
			c.Fields.Add(
				&core.RelationField{Name: "userId", CollectionId: users.Id, MaxSelect: 1}, &core.TextField{Name: "title"}, &core.TextField{Name: "secret", Hidden: true},
				&core.AutodateField{Name: "created", OnCreate: true}, &core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
			)
			c.AddIndex("idx_cards_user", true, "userId", "")
			return tx.Save(c)
		}}},
	}
}

var (
	guest = kerneltest.Account{}
	alma  = as(authapi.Alma)
	ada   = as(authapi.Ada)
	bob   = as(authapi.Bob)
	grace = as(authapi.Grace)
	nia   = as(authapi.Nia)
)

const users = "/api/collections/users/records"

func as(a authapi.Account) kerneltest.Account {
	return kerneltest.Account{Email: a.Email, Password: a.Password}
}

// want fails the test unless the answer has the status and the parts.
func want(t *testing.T, what string, r kerneltest.Response, status int, has ...string) {
	t.Helper()
	if r.Status != status {
		t.Fatalf("%s: got %d, want %d: %s", what, r.Status, status, r.Body)
	}
	for _, part := range has {
		if !strings.Contains(r.Body, part) {
			t.Errorf("%s: answer lacks %s: %s", what, part, r.Body)
		}
	}
}

// login signs in through the documented route.
func login(t *testing.T, s *kerneltest.Server, email, password string) kerneltest.Response {
	t.Helper()
	return s.Do(t, "POST", "/api/auth/login", "", map[string]any{"email": email, "password": password})
}

// token signs in through the documented route and returns the token.
func token(t *testing.T, s *kerneltest.Server, who kerneltest.Account) string {
	t.Helper()
	r := login(t, s, who.Email, who.Password)
	want(t, "login of "+who.Email, r, http.StatusOK)
	tok, _ := r.JSON(t)["token"].(string)
	return tok
}

// dashboard returns the token of the demo's superuser.
func dashboard(t *testing.T, s *kerneltest.Server) string {
	t.Helper()
	r := s.Do(t, "POST", "/api/collections/_superusers/auth-with-password", "", map[string]any{"identity": alma.Email, "password": alma.Password})
	want(t, "superuser", r, http.StatusOK)
	tok, _ := r.JSON(t)["token"].(string)
	return tok
}

// alive checks whether a token is good on the documented and on PocketBase's own paths.
func alive(t *testing.T, s *kerneltest.Server, what, token string, yes bool) {
	t.Helper()
	for _, at := range []string{"GET /api/auth/me", "POST /api/collections/users/auth-refresh", "POST /api/files/token", "POST /api/auth/refresh", "GET /api/cards"} {
		method, path, _ := strings.Cut(at, " ")
		if r := s.Do(t, method, path, token, nil); (r.Status == http.StatusOK) != yes || (!yes && r.Status != http.StatusUnauthorized) {
			t.Errorf("%s: %s: got %d, want it to work: %v: %s", what, at, r.Status, yes, r.Body)
		}
	}
}

// realClinic makes the server's rules those of a clinic that is no demo.
func realClinic(t *testing.T, s *kerneltest.Server) {
	t.Helper()
	configure(t, s, map[string]any{"passwordMinLength": 10, "passwordRefuseCommon": true})
}

func configure(t *testing.T, s *kerneltest.Server, fields map[string]any) {
	t.Helper()
	if _, err := clinicapi.Change(s.App, fields); err != nil {
		t.Fatal(err)
	}
}

// account reads an account from the database.
func account(t *testing.T, s *kerneltest.Server, id string) *core.Record {
	t.Helper()
	r, err := s.App.FindRecordById("users", id)
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

// change writes one field of a record as code or the dashboard would.
func change(t *testing.T, s *kerneltest.Server, collection, id, field string, value any) error {
	t.Helper()
	r, err := s.App.FindRecordById(collection, id)
	if err != nil {
		t.Fatal(err)
	}
	r.Set(field, value)
	return s.App.Save(r)
}
