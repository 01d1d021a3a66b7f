package privacy_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

// Who took a consent, or wrote a message, stays known: by no path is the account deleted.
func TestAnAccountThatIsNamedIsNotDeleted(t *testing.T) {
	s := set.Start(t)
	if r := s.As(t, dana, "POST", "/api/consents", `{"patientId":"`+patientsapi.Ada+`","purpose":"video","version":"2026-01"}`); r.Status != 201 {
		t.Fatal(r.Status, r.Body)
	}
	if r := s.As(t, nia, "POST", "/api/messages", `{"receiverId":"`+patientsapi.Ada+`","messageText":"Your results"}`); r.Status != 201 {
		t.Fatal(r.Status, r.Body)
	}
	root := s.Superuser(t)
	for id, in := range map[string]string{authapi.Dana.ID: "named in consents.", authapi.Nia.ID: "named in conversations, messages."} {
		r := s.Do(t, "DELETE", "/api/collections/users/records/"+id, root, nil)
		if r.Status != http.StatusConflict || r.Code("error") != "account_named" || !strings.Contains(r.Body, in) || !strings.Contains(r.Body, "disabled") {
			t.Errorf("got %d, want 409 %s: %s", r.Status, in, r.Body)
		}
	}
}
