package auth_test

import (
	"errors"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	pbauth "github.com/pocketbase/pocketbase/tools/auth"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// account1 is an active admin, not saved.
func account1(t *testing.T, s *kerneltest.Server) *core.Record {
	t.Helper()
	c, err := s.App.FindCollectionByNameOrId("users")
	if err != nil {
		t.Fatal(err)
	}
	r := core.NewRecord(c)
	r.Load(map[string]any{"name": "X", "email": "first@example.com", "role": authapi.Admin.Name, "status": authapi.Active})
	r.SetPassword("kettle-4711-bridge")
	return r
}

// signUp does what PocketBase does after the provider's answer, up to its own handler.
func signUp(t *testing.T, s *kerneltest.Server, user pbauth.AuthUser, createData map[string]any) (*core.Record, error) {
	t.Helper()
	c, err := s.App.FindCollectionByNameOrId("users")
	if err != nil {
		t.Fatal(err)
	}
	e := &core.RecordAuthWithOAuth2RequestEvent{RequestEvent: &core.RequestEvent{App: s.App}, OAuth2User: &user, CreateData: createData, IsNewRecord: true}
	e.Collection = c
	err = s.App.OnRecordAuthWithOAuth2Request().Trigger(e, func(*core.RecordAuthWithOAuth2RequestEvent) error { return nil })
	return e.Record, err
}

func TestSignUpWithOAuth2(t *testing.T) {
	s := set.Start(t)
	for role, status := range map[string]string{"": authapi.Active, "patient": authapi.Active, "doctor": authapi.Pending, "staff": authapi.Pending} {
		r, err := signUp(t, s, pbauth.AuthUser{Id: "1" + role, Name: "Olga", Email: "Olga" + role + "@Example.com"}, map[string]any{"role": role, "status": "active", "duty": []string{"cashier"}, "email": "other@example.com"})
		if err != nil {
			t.Fatalf("role %q: %v", role, err)
		}
		if r.GetString("status") != status || r.Email() != "olga"+role+"@example.com" || !r.Verified() || len(r.GetStringSlice("duty")) != 0 {
			t.Errorf("role %q: got %v", role, r)
		}
	}
	if n := count(t, s, "cards"); n != 2 {
		t.Errorf("%d profiles, want those of the two patients", n)
	}
	before := count(t, s, "users")
	for _, role := range []string{"admin", "king"} {
		_, err := signUp(t, s, pbauth.AuthUser{Id: "2", Name: "M", Email: "m@example.com"}, map[string]any{"role": role})
		if k := s.Kernel.StatusOf(err); err == nil || k >= 500 {
			t.Errorf("role %q: got %v, %d", role, err, k)
		}
	}
	if _, err := signUp(t, s, pbauth.AuthUser{Id: "3", Name: "M"}, nil); err == nil || errors.Is(err, kernel.ErrNotFound) {
		t.Errorf("without an address: got %v", err)
	}
	if r, err := signUp(t, s, pbauth.AuthUser{Id: "4", Name: "G", Email: "Doctor@Gmail.com"}, nil); err != nil || r.Id != authapi.Grace.ID {
		t.Errorf("an address that is known: got %v, %v", r, err)
	}
	if n := count(t, s, "users"); n != before {
		t.Errorf("%d accounts more", n-before)
	}
}
