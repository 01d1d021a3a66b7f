package video_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

// agora is a server with the replies that Agora publishes. status is what it answers next.
type agora struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	bodies []string
}

func (a *agora) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // a client that gave up is no concern here
	a.mu.Lock()
	defer a.mu.Unlock()
	key, secret, _ := r.BasicAuth()
	a.bodies = append(a.bodies, r.Method+" "+r.URL.Path+" "+key+":"+secret+" "+string(body))
	w.WriteHeader(a.status)
	io.WriteString(w, `{"status":"success","id":1953}`)
}

func (a *agora) answer(status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status = status
}

func (a *agora) asked() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Join(a.bodies, "\n")
}

func startAgora(t *testing.T) *agora {
	t.Helper()
	a := &agora{status: 200}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	t.Setenv("AGORA_REST_URL", a.URL)
	t.Setenv("AGORA_CUSTOMER_KEY", "key-of-the-clinic")
	t.Setenv("AGORA_CUSTOMER_SECRET", "secret-of-the-clinic")
	return a
}

const removal = `POST /dev/v1/kicking-rule key-of-the-clinic:secret-of-the-clinic {"appid":"` + appID + `","cname":"` + tomorrow + `","time":0,"privileges":["join_channel"]}`

func deliver(s *kerneltest.Server) {
	s.Kernel.Deliver()
	s.Kernel.Deliver() // the server's own worker may have been at it: this waits for it
}

func TestParticipantsAreRemoved(t *testing.T) {
	configure(t)
	a := startAgora(t)
	s := set.Start(t)
	s.As(t, grace, "POST", startPath, adasCall)
	if r := s.As(t, grace, "POST", endPath, end(tomorrow)); r.Status != 200 {
		t.Fatalf("end: %d %s", r.Status, r.Body)
	}
	deliver(s)
	if got := a.asked(); got != removal {
		t.Errorf("got %s\nwant %s", got, removal)
	}
}

func TestARemovalThatFailsIsTriedAgain(t *testing.T) {
	configure(t)
	a := startAgora(t)
	a.answer(401) // is not tried again at once
	s := set.Start(t)
	s.As(t, grace, "POST", startPath, adasCall)
	if r := s.As(t, grace, "POST", endPath, end(tomorrow)); r.Status != 200 {
		t.Fatalf("the end waits for Agora: %d %s", r.Status, r.Body)
	}
	deliver(s)
	a.answer(200)
	if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE outbox SET dueAt = ''").Execute(); err != nil {
		t.Fatal(err)
	}
	deliver(s)
	if got := a.asked(); got != removal+"\n"+removal {
		t.Errorf("got %s", got)
	}
	if n, err := s.App.CountRecords("outbox"); err != nil || n != 0 {
		t.Errorf("%d events wait, %v", n, err)
	}
}

func TestWithoutRestCredentialsNobodyIsAsked(t *testing.T) {
	configure(t)
	a := startAgora(t)
	t.Setenv("AGORA_CUSTOMER_SECRET", "")
	s := set.Start(t)
	s.As(t, grace, "POST", startPath, adasCall)
	s.As(t, grace, "POST", endPath, end(tomorrow))
	deliver(s)
	if got := a.asked(); got != "" {
		t.Errorf("Agora was asked: %s", got)
	}
	if n, err := s.App.CountRecords("outbox"); err != nil || n != 0 {
		t.Errorf("%d events wait, %v", n, err)
	}
}

// A removal that comes late must not put out who is in the next call.
func TestALaterCallIsLeftAlone(t *testing.T) {
	configure(t)
	a := startAgora(t)
	a.answer(401)
	s := set.Start(t)
	s.As(t, grace, "POST", startPath, adasCall)
	s.As(t, grace, "POST", endPath, end(tomorrow))
	deliver(s)
	before := a.asked()
	s.As(t, grace, "POST", startPath, adasCall)
	a.answer(200)
	if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE outbox SET dueAt = ''").Execute(); err != nil {
		t.Fatal(err)
	}
	deliver(s)
	if got := a.asked(); got != before {
		t.Errorf("Agora was asked again: %s", got)
	}
}

func TestACancelledAppointmentEndsItsCall(t *testing.T) {
	configure(t)
	a := startAgora(t)
	s := set.Start(t)
	_, started := issued(t, s.As(t, ada, "POST", startPath, adasCall))
	if r := s.As(t, ada, "DELETE", "/api/appointments/"+tomorrow, nil); r.Status != 204 {
		t.Fatalf("cancel: %d %s", r.Status, r.Body)
	}
	deliver(s)
	deliver(s)
	c, err := s.App.FindRecordById("video_calls", started["callId"].(string))
	if err != nil || c.GetString("status") != "ended" || c.GetDateTime("endedAt").IsZero() {
		t.Errorf("the call is %v, %v", c, err)
	}
	if got := a.asked(); got != removal {
		t.Errorf("got %s", got)
	}
	s.On(t, []kerneltest.Scenario{
		{Name: "and there is no new one", As: grace, Path: startPath, Body: call(tomorrow, staffapi.Grace, patientsapi.Ada), Want: 409, Has: []string{"appointment_over"}},
	})
}

func TestTokensAreKeptNowhere(t *testing.T) {
	configure(t)
	s := set.Start(t)
	r := s.As(t, grace, "POST", startPath, adasCall, "Idempotency-Key: once")
	_, started := issued(t, r)
	token := started["token"].(string)
	for _, table := range []string{"video_calls", "video_numbers", "outbox", "idempotency_keys", "appointments"} {
		rows, err := s.App.FindAllRecords(table)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			for name, v := range row.FieldsData() {
				if text, ok := v.(string); ok && strings.Contains(text, token[:40]) {
					t.Errorf("%s.%s holds the token", table, name)
				}
			}
		}
	}
	again, err := s.App.FindAllRecords("idempotency_keys")
	if err != nil || len(again) != 0 {
		t.Errorf("%d answers kept, %v", len(again), err)
	}
}
