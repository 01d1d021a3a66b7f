package messaging_test

import (
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

// appointment puts a past visit into the diary as it is: how visits come about is the
// diary's business.
func appointment(t *testing.T, s *kerneltest.Server, patient, doctor, status string) string {
	t.Helper()
	id := security.PseudorandomStringWithAlphabet(15, "abcdefghijklmnopqrstuvwxyz")
	_, err := s.App.NonconcurrentDB().Insert("appointments", dbx.Params{
		"id": id, "patientId": patient, "doctorId": doctor, "appointmentDate": "2024-03-04", "timeSlot": "09:00-10:00", "status": status,
	}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func become(t *testing.T, s *kerneltest.Server, appointment, status string) {
	t.Helper()
	if _, err := s.App.NonconcurrentDB().Update("appointments", dbx.Params{"status": status}, dbx.HashExp{"id": appointment}).Execute(); err != nil {
		t.Fatal(err)
	}
}
