package patients_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

func TestStandingOfADoctor(t *testing.T) {
	s := set.Start(t)
	for statement, id := range map[string]string{
		"UPDATE patients SET assignedDoctorId = '' WHERE id = {:id}":                                                                 patientsapi.Bob,
		"UPDATE patients SET assignedDoctorId = (SELECT id FROM doctors WHERE userId = '" + authapi.Grace.ID + "') WHERE id = {:id}": patientsapi.Ada,
	} {
		if _, err := s.App.NonconcurrentDB().NewQuery(statement).Bind(dbx.Params{"id": id}).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(want string, ids ...string) {
		t.Helper()
		outside, byGlass, err := patientsapi.Standing(s.App, authapi.Grace.ID, ids)
		if got := fmt.Sprint(outside, byGlass, err); got != want {
			t.Errorf("%v: got %s, want %s", ids, got, want)
		}
	}
	glass := func(id string, ends time.Duration) {
		t.Helper()
		if err := patientsapi.OpenUntil(s.App, authapi.Grace.ID, id, time.Now().Add(ends)); err != nil {
			t.Fatal(err)
		}
	}
	ask("[] [] <nil>")
	ask("[] [] <nil>", patientsapi.Ada)
	ask("["+patientsapi.Bob+"] [] <nil>", patientsapi.Bob)
	ask("["+patientsapi.Bob+"] [] <nil>", patientsapi.Ada, patientsapi.Bob)
	glass(patientsapi.Bob, -time.Hour) // long closed
	ask("["+patientsapi.Bob+"] [] <nil>", patientsapi.Bob)
	glass(patientsapi.Bob, time.Hour)
	ask("["+patientsapi.Bob+"] ["+patientsapi.Bob+"] <nil>", patientsapi.Bob)
	ask("["+patientsapi.Bob+"] ["+patientsapi.Bob+"] <nil>", patientsapi.Ada, patientsapi.Bob)
	glass(patientsapi.Ada, time.Hour) // who is cared for anyway
	ask("[] [] <nil>", patientsapi.Ada)
	// What a transaction has written counts within it.
	err := s.App.RunInTransaction(func(tx core.App) error {
		if _, err := tx.NonconcurrentDB().Delete("care", dbx.HashExp{"patientId": patientsapi.Bob}).Execute(); err != nil {
			return err
		}
		for _, ids := range [][]string{{patientsapi.Bob}, {patientsapi.Ada, patientsapi.Bob}} {
			outside, byGlass, err := patientsapi.Standing(tx, authapi.Grace.ID, ids)
			if got, want := fmt.Sprint(outside, byGlass, err), "["+patientsapi.Bob+"] [] <nil>"; got != want {
				t.Errorf("in a transaction, %v: got %s, want %s", ids, got, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
