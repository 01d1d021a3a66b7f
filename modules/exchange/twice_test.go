package exchange_test

import (
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/exchange"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

// A row without a number once got the one that a later row has: that row was then taken for the
// same patient, who was overwritten.
func TestANumberOfTheFileIsGivenToNobodyElse(t *testing.T) {
	s := set.Start(t)
	var file strings.Builder
	file.WriteString("mrn,name,dateOfBirth\n,Anna Alpha,1980-01-01\n")
	for range 150 { // more than one slice
		file.WriteString(",,\n")
	}
	file.WriteString("P-000003,Berta Beta,1990-01-01\n")
	for i := range 2 {
		sum, bad, err := load(t, s, "patients", file.String(), exchange.Options{})
		if err != nil || sum.Bad > 0 || (i == 0 && sum.New != 2) || (i == 1 && sum.Unchanged != 2) {
			t.Fatalf("import %d: %v %v %v", i+1, sum, bad, err)
		}
	}
	for name, want := range map[string]string{"Anna Alpha": "P-000004", "Berta Beta": "P-000003"} {
		if got := patient(t, s, name).GetString("mrn"); got != want {
			t.Errorf("%s has %s, want %s", name, got, want)
		}
	}
	if got := s.As(t, alma, "POST", "/api/patients", `{"name":"At The Desk"}`).JSON(t)["mrn"]; got != "P-000005" {
		t.Errorf("the next number is %v", got)
	}
}

func TestTwoRowsThatNameOneRecordByDifferentKeys(t *testing.T) {
	s := set.Start(t)
	file := "id,mrn,contact\n" + patientsapi.Ada + ",,+1 555 0001\n,P-000001,+1 555 0002\n"
	sum, bad, err := load(t, s, "patients", file, exchange.Options{})
	if err != nil || sum.Written || len(bad) != 1 || bad[0] != "line 3: mrn: Means the same record as line 2." {
		t.Errorf("%v %q %v", sum, bad, err)
	}
}

// Two clinics give the same numbers: the register of one is not to overwrite the other's.
func TestAnotherPatientsNumberIsRefused(t *testing.T) {
	s := set.Start(t)
	file := "mrn,name,dateOfBirth\nP-000001,Somebody Else,1950-05-05\n"
	sum, bad, err := load(t, s, "patients", file, exchange.Options{})
	if err != nil || sum.Written || len(bad) != 1 || !strings.HasPrefix(bad[0], "line 2: mrn: Belongs to a patient of another name and date of birth.") {
		t.Errorf("%v %q %v", sum, bad, err)
	}
	patient(t, s, authapi.Ada.Name)
	// Who marries keeps the date of birth, and a mistyped date the name.
	born := patient(t, s, authapi.Ada.Name).GetString("dateOfBirth")
	for _, row := range []string{"P-000001,Ada Stone," + born, "P-000001,Ada Stone,1950-05-05"} {
		if sum, bad, err := load(t, s, "patients", "mrn,name,dateOfBirth\n"+row+"\n", exchange.Options{}); err != nil || sum.Changed != 1 {
			t.Errorf("%s: %v %q %v", row, sum, bad, err)
		}
	}
}
