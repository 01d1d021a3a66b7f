package kernel_test

import (
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

// Things of the cast: Ada's and Bob's.
const (
	adas = "thingada0000001"
	bobs = "thingbob0000002"
)

const (
	path       = "/api/things"
	collection = "/api/collections/things/records"
)

var (
	guest = kerneltest.Account{}
	alma  = as(authapi.Alma)
	ada   = as(authapi.Ada)
	grace = as(authapi.Grace)
	nia   = as(authapi.Nia)
)

func as(a authapi.Account) kerneltest.Account {
	return kerneltest.Account{Email: a.Email, Password: a.Password}
}

// newSet returns a module set of a test's own, and the bench of its things.
func newSet() (*kerneltest.Set, *things.Bench) {
	bench := &things.Bench{Cast: func(app core.App) error {
		c, err := app.FindCollectionByNameOrId("things")
		if err != nil {
			return err
		}
		for id, owner := range map[string]string{adas: authapi.Ada.ID, bobs: authapi.Bob.ID} {
			r := core.NewRecord(c)
			r.Load(map[string]any{"id": id, "name": "cup", "ownerId": owner})
			if err := app.Save(r); err != nil {
				return err
			}
		}
		return nil
	}}
	return &kerneltest.Set{Modules: []kernel.Module{hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(), bench.Module()}}, bench
}

func count(t *testing.T, s *kerneltest.Server, collection string) int64 {
	t.Helper()
	n, err := s.App.CountRecords(collection)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func wantStatus(t *testing.T, what string, r kerneltest.Response, want int) {
	t.Helper()
	if r.Status != want {
		t.Errorf("%s: got %d, want %d: %s", what, r.Status, want, r.Body)
	}
}
