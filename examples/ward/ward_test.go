// Package ward tests the scripts of this folder with the real program.
package ward

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

var polyclinic program.Program

func TestMain(m *testing.M) {
	os.Exit(program.Test(m, "../..", func(p program.Program) { polyclinic = p }))
}

// clinic is a running demo clinic with the scripts beside its data folder.
func clinic(t *testing.T) *program.Server {
	t.Helper()
	site := t.TempDir()
	data := filepath.Join(site, "pb_data")
	// The demo's own appointments have no ward, so it is made ahead of the rule.
	if status := polyclinic.Serve(t, data, "--demo").Stop(t); status != 0 {
		t.Fatalf("exit status %d", status)
	}
	for _, folder := range []string{"pb_hooks", "pb_migrations"} {
		if err := os.CopyFS(filepath.Join(site, folder), os.DirFS(folder)); err != nil {
			t.Fatal(err)
		}
	}
	return polyclinic.Serve(t, data)
}

func signIn(t *testing.T, s *program.Server, email, password string) (token string) {
	t.Helper()
	status, answer := s.Do(t, "POST", "/api/auth/login", "", fmt.Sprintf(`{"email":%q,"password":%q}`, email, password))
	var v struct{ Token string }
	if err := json.Unmarshal([]byte(answer), &v); err != nil || v.Token == "" {
		t.Fatalf("sign in: %d %s", status, answer)
	}
	return v.Token
}

// freeSlots returns a day of the next weeks and the free slots that the doctor has on it.
func freeSlots(t *testing.T, s *program.Server, token string) (day string, slots []string) {
	t.Helper()
	for ahead := 1; ahead < 40; ahead++ {
		day = time.Now().UTC().AddDate(0, 0, ahead).Format(time.DateOnly)
		status, answer := s.Do(t, "GET", "/api/doctors/"+staffapi.Grace+"/slots?date="+day, token, "")
		var v struct {
			Slots []struct{ TimeSlot, Status string }
		}
		if err := json.Unmarshal([]byte(answer), &v); err != nil || status != http.StatusOK {
			t.Fatalf("slots: %d %s", status, answer)
		}
		for _, sl := range v.Slots {
			if sl.Status == "free" {
				slots = append(slots, sl.TimeSlot)
			}
		}
		if len(slots) >= 3 {
			return day, slots
		}
		slots = nil
	}
	t.Fatal("no free slots within 40 days")
	return
}

func TestNoBookingWithoutAWard(t *testing.T) {
	s := clinic(t)
	token := signIn(t, s, "staff@gmail.com", "staff123$#")
	day, slots := freeSlots(t, s, token)
	booking := func(slot, more string) string {
		return fmt.Sprintf(`{"patientId":%q,"doctorId":%q,"appointmentDate":%q,"timeSlot":%q%s}`, patientsapi.Ada, staffapi.Grace, day, slot, more)
	}
	batch := func(body string) string {
		return `{"requests":[{"method":"POST","url":"/api/collections/appointments/records","body":` + body + `}]}`
	}
	const ward = `,"x_ward":"North"`
	for i, way := range []struct {
		name, path string
		wrap       func(string) string
		booked     int
	}{
		{"the documented path", "/api/appointments", func(b string) string { return b }, http.StatusCreated},
		{"the collection", "/api/collections/appointments/records", func(b string) string { return b }, http.StatusOK},
		{"a batch", "/api/batch", batch, http.StatusOK},
	} {
		t.Run(way.name, func(t *testing.T) {
			for _, without := range []string{"", `,"x_ward":"  "`} {
				status, answer := s.Do(t, "POST", way.path, token, way.wrap(booking(slots[i], without)))
				if status != http.StatusBadRequest || !strings.Contains(answer, `"x_ward":{"code":"validation_required"`) {
					t.Errorf("without a ward: got %d %s", status, answer)
				}
			}
			status, answer := s.Do(t, "POST", way.path, token, way.wrap(booking(slots[i], ward)))
			if status != way.booked || !strings.Contains(answer, `"x_ward":"North"`) {
				t.Errorf("with a ward: got %d %s", status, answer)
			}
		})
	}
	status, answer := s.Do(t, "GET", "/api/appointments?filter=x_ward='North'", token, "")
	if status != http.StatusOK || !strings.Contains(answer, `"totalItems":3`) {
		t.Errorf("the ward's appointments: got %d %s", status, answer)
	}
}

// The demo's own bookings have no ward: who tries both at once is told what to do.
func TestADemoIsMadeAheadOfTheRule(t *testing.T) {
	site := t.TempDir()
	for _, folder := range []string{"pb_hooks", "pb_migrations"} {
		if err := os.CopyFS(filepath.Join(site, folder), os.DirFS(folder)); err != nil {
			t.Fatal(err)
		}
	}
	said, status := polyclinic.Run(t, "serve", "--demo", "--http", program.FreeAddress(t), "--dir", filepath.Join(site, "pb_data"))
	if status == 0 || !strings.Contains(said, "Say which ward.") || !strings.Contains(said, "make the demo first, and put the scripts into pb_hooks then") {
		t.Errorf("exit status %d, and\n%s", status, said)
	}
}
