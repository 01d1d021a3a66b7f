package video_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

// bar is what Agora is asked to keep a number out of a channel, or of all when it is "".
func bar(channel string, uid any) string {
	if channel != "" {
		channel = `"cname":"` + channel + `",`
	}
	return fmt.Sprintf(`{"appid":"%s",%s"uid":%.0f,"time":1440,"privileges":["join_channel"]}`, appID, channel, uid)
}

const kick = `"cname":"` + tomorrow + `","time":0,`

func give(t *testing.T, s *kerneltest.Server, doctor string) {
	t.Helper()
	if r := s.As(t, rosa, "PUT", "/api/appointments/"+tomorrow, map[string]any{"doctorId": doctor}); r.Status != 200 {
		t.Fatalf("give to %s: %d %s", doctor, r.Status, r.Body)
	}
}

// settle delivers events, and those that their reactions emit.
func settle(s *kerneltest.Server) {
	deliver(s)
	deliver(s)
}

func TestACallEndsWhenTheAppointmentHasAnotherDoctor(t *testing.T) {
	configure(t)
	a := startAgora(t)
	s := set.Start(t)
	_, graces := issued(t, s.As(t, grace, "POST", startPath, adasCall))
	s.As(t, ada, "POST", startPath, adasCall)
	stream := s.Connect(t)
	if r := s.Subscribe(t, stream, s.Token(t, grace), "video_calls/*"); r.Status != 204 {
		t.Fatalf("subscribe: %d %s", r.Status, r.Body)
	}
	give(t, s, staffapi.Omar)
	settle(s)
	if ev, open := stream.Next(t); !open || !strings.Contains(ev.Data, `"status":"ended"`) {
		t.Errorf("Dr Grace hears %v", ev)
	}
	asked := a.asked()
	if strings.Count(asked, kick) != 1 || strings.Count(asked, bar(tomorrow, graces["uid"])) != 1 || strings.Count(asked, "POST") != 2 {
		t.Errorf("Agora was asked: %s", asked)
	}
	old := graces["callId"].(string)
	s.On(t, []kerneltest.Scenario{
		{Name: "the call has ended", As: alma, Method: "GET", Path: calls + "/" + old, Want: 200, Has: []string{`"status":"ended"`, staffapi.Grace}},
		{Name: "who had it gets no token", As: grace, Path: tokenPath, Body: ask(tomorrow, authapi.Grace.ID, "publisher"), Want: 403},
		{Name: "nor does anybody for the ended call", As: omar, Path: tokenPath, Body: ask(tomorrow, authapi.Omar.ID, "publisher"), Want: 409, Has: []string{"call_ended"}},
		{Name: "who has it starts another", As: omar, Path: startPath, Body: call(tomorrow, staffapi.Omar, patientsapi.Ada), Want: 200, Not: []string{old}},
		{Name: "and sees it", As: omar, Method: "GET", Path: calls, Want: 200, Has: []string{`"totalItems":1`, `"status":"ringing"`}},
		{Name: "which who had it does not", As: grace, Method: "GET", Path: calls, Want: 200, Has: []string{`"totalItems":1`, old}},
	})

	// Given back, Dr Grace comes under a number that nobody keeps out; elsewhere hers is the same.
	give(t, s, staffapi.Grace)
	settle(s)
	_, again := issued(t, s.As(t, grace, "POST", startPath, adasCall))
	if again["uid"] == graces["uid"] {
		t.Errorf("she is let in as %v, who is kept out", again["uid"])
	}
	if _, still := issued(t, s.As(t, grace, "POST", startPath, adasCall)); still["uid"] != again["uid"] {
		t.Errorf("her number is %v, then %v", again["uid"], still["uid"])
	}
	give(t, s, staffapi.Omar)
	settle(s)
	if asked := a.asked(); strings.Count(asked, bar(tomorrow, again["uid"])) != 1 {
		t.Errorf("the second number is let in: %s", asked)
	}
}

// A token lets in without any call.
func TestATokenOfAnotherDoctorsAppointmentAdmitsNobody(t *testing.T) {
	configure(t)
	a := startAgora(t)
	s := set.Start(t)
	_, graces := issued(t, s.As(t, grace, "POST", tokenPath, ask(tomorrow, authapi.Grace.ID, "publisher")))
	give(t, s, staffapi.Omar)
	settle(s)
	if asked := a.asked(); !strings.HasSuffix(asked, bar(tomorrow, graces["uid"])) || strings.Contains(asked, kick) {
		t.Errorf("Agora was asked: %s", asked)
	}
}

// The reaction may come late: the call that another doctor starts is their own meanwhile.
func TestACallIsNotJoinedByAnotherDoctor(t *testing.T) {
	configure(t)
	a := startAgora(t)
	s := set.Start(t)
	_, graces := issued(t, s.As(t, grace, "POST", startPath, adasCall))
	_, err := s.App.NonconcurrentDB().NewQuery("UPDATE appointments SET doctorId = '" + staffapi.Omar + "' WHERE id = '" + tomorrow + "'").Execute()
	if err != nil {
		t.Fatal(err)
	}
	if r := s.As(t, omar, "POST", tokenPath, ask(tomorrow, authapi.Omar.ID, "publisher")); r.Status != 409 {
		t.Errorf("a token of another's call: %d %s", r.Status, r.Body)
	}
	_, omars := issued(t, s.As(t, omar, "POST", startPath, call(tomorrow, staffapi.Omar, patientsapi.Ada)))
	if omars["callId"] == graces["callId"] {
		t.Error("Dr Omar joined Dr Grace's call")
	}
	settle(s)
	s.On(t, []kerneltest.Scenario{
		{Name: "hers has ended", As: alma, Method: "GET", Path: calls + "/" + graces["callId"].(string), Want: 200, Has: []string{`"status":"ended"`}},
		{Name: "his has not", As: omar, Method: "GET", Path: calls + "/" + omars["callId"].(string), Want: 200, Has: []string{`"status":"ringing"`, staffapi.Omar}},
	})
	if asked := a.asked(); asked != "" {
		t.Errorf("Dr Omar's call was emptied: %s", asked)
	}
}

func TestACallGoesOnAtAnotherTime(t *testing.T) {
	configure(t)
	a := startAgora(t)
	s := set.Start(t)
	_, started := issued(t, s.As(t, grace, "POST", startPath, adasCall))
	if r := s.As(t, rosa, "PUT", "/api/appointments/"+tomorrow, map[string]any{"timeSlot": "15:00-15:30"}); r.Status != 200 {
		t.Fatalf("move: %d %s", r.Status, r.Body)
	}
	settle(s)
	_, joined := issued(t, s.As(t, ada, "POST", startPath, adasCall))
	if joined["callId"] != started["callId"] || a.asked() != "" {
		t.Errorf("the call is %v, was %v; asked %s", joined["callId"], started["callId"], a.asked())
	}
}

func TestAClosedAccountIsPutOutOfItsCalls(t *testing.T) {
	for _, test := range []struct {
		name  string
		who   kerneltest.Account
		id    string
		close map[string]any
	}{
		{"a doctor who is disabled", grace, authapi.Grace.ID, map[string]any{"status": "disabled"}},
		{"a patient who is disabled", ada, authapi.Ada.ID, map[string]any{"status": "disabled"}},
		{"a doctor who is a nurse now", grace, authapi.Grace.ID, map[string]any{"role": "nurse"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			configure(t)
			a := startAgora(t)
			s := set.Start(t)
			_, started := issued(t, s.As(t, test.who, "POST", startPath, adasCall))
			if r := s.As(t, alma, "PUT", "/api/users/"+test.id, test.close); r.Status != 200 {
				t.Fatalf("close: %d %s", r.Status, r.Body)
			}
			settle(s)
			if asked := a.asked(); strings.Count(asked, kick) != 1 || strings.Count(asked, bar("", started["uid"])) != 1 {
				t.Errorf("Agora was asked: %s", asked)
			}
			s.On(t, []kerneltest.Scenario{{Name: "the call has ended", As: alma, Method: "GET", Path: calls + "/" + started["callId"].(string), Want: 200, Has: []string{`"status":"ended"`}}})
			if test.close["status"] == nil {
				return
			}
			s.As(t, alma, "PUT", "/api/users/"+test.id, map[string]any{"status": "active"})
			who := s.SignIn(t, test.who)
			if r := s.Do(t, "POST", startPath, who, adasCall); r.Status != 200 || r.JSON(t)["uid"] == started["uid"] {
				t.Errorf("open again: %d %s", r.Status, r.Body)
			}
		})
	}
}

// tie gives a profile to an account, or to nobody when it is "".
func tie(t *testing.T, s *kerneltest.Server, profile, account string) {
	t.Helper()
	if r := s.As(t, alma, "PUT", profile, map[string]any{"userId": account}); r.Status != 200 {
		t.Fatalf("tie %s to %q: %d %s", profile, account, r.Status, r.Body)
	}
}

// A profile may be another account's tomorrow: who had it is out of its calls.
func TestAnAccountWithoutItsProfileIsPutOutOfItsCalls(t *testing.T) {
	for _, test := range []struct {
		name, profile, account, next string
		who                          kerneltest.Account
	}{
		{"a patient's is nobody's now", "/api/patients/" + patientsapi.Ada, authapi.Ada.ID, "", ada},
		{"a patient's is another account's", "/api/patients/" + patientsapi.Ada, authapi.Ada.ID, authapi.Bob.ID, ada},
		{"a doctor's is nobody's now", "/api/doctors/" + staffapi.Grace, authapi.Grace.ID, "", grace},
		{"a doctor's is another account's", "/api/doctors/" + staffapi.Grace, authapi.Grace.ID, authapi.Omar.ID, grace},
	} {
		t.Run(test.name, func(t *testing.T) {
			configure(t)
			a := startAgora(t)
			s := set.Start(t)
			tie(t, s, "/api/patients/"+patientsapi.Bob, "")
			tie(t, s, "/api/doctors/"+staffapi.Omar, "")
			_, started := issued(t, s.As(t, test.who, "POST", startPath, adasCall))
			tie(t, s, test.profile, test.next)
			settle(s)
			if asked := a.asked(); strings.Count(asked, kick) != 1 || strings.Count(asked, bar("", started["uid"])) != 1 {
				t.Errorf("Agora was asked: %s", asked)
			}
			s.On(t, []kerneltest.Scenario{
				{Name: "the call has ended", As: alma, Method: "GET", Path: calls + "/" + started["callId"].(string), Want: 200, Has: []string{`"status":"ended"`}},
				{Name: "who had it gets no token", As: test.who, Path: tokenPath, Body: ask(tomorrow, test.account, "publisher"), Want: 403},
			})

			// Had it back, the account comes under a number that nobody keeps out.
			tie(t, s, test.profile, test.account)
			settle(s)
			if _, again := issued(t, s.As(t, test.who, "POST", startPath, adasCall)); again["uid"] == started["uid"] {
				t.Errorf("is let in as %v, who is kept out", again["uid"])
			}
		})
	}
}

// The reaction may come late: what began meanwhile is not its own.
func TestACallThatBeganSinceGoesOn(t *testing.T) {
	configure(t)
	startAgora(t)
	s := set.Start(t)
	tie(t, s, "/api/patients/"+patientsapi.Ada, "")
	settle(s)
	_, started := issued(t, s.As(t, grace, "POST", startPath, adasCall))
	late := authapi.UntiedV1{Collection: "patients", ProfileID: patientsapi.Ada, AccountID: authapi.Ada.ID, At: time.Now().Add(-time.Minute)}
	if err := kernel.Emit(s.App, authapi.Untied, late); err != nil {
		t.Fatal(err)
	}
	settle(s)
	s.On(t, []kerneltest.Scenario{{Name: "it goes on", As: alma, Method: "GET", Path: calls + "/" + started["callId"].(string), Want: 200, Has: []string{`"status":"ringing"`}}})
}

// A doctor who is made a patient keeps the profile of a doctor, which gives them nothing any more.
func TestWhoIsNoDoctorAnyMoreIsNoPartyToTheirAppointments(t *testing.T) {
	configure(t)
	startAgora(t)
	s := set.Start(t)
	if r := s.As(t, alma, "PUT", "/api/users/"+authapi.Grace.ID, map[string]any{"role": "patient"}); r.Status != 200 {
		t.Fatalf("make Dr Grace a patient: %d %s", r.Status, r.Body)
	}
	settle(s)
	s.On(t, []kerneltest.Scenario{
		{Name: "a call", As: grace, Path: startPath, Body: adasCall, Want: 403},
		{Name: "a token", As: grace, Path: tokenPath, Body: ask(tomorrow, authapi.Grace.ID, "publisher"), Want: 403},
		{Name: "one to look on", As: grace, Path: tokenPath, Body: ask(tomorrow, authapi.Grace.ID, "subscriber"), Want: 403},
		{Name: "the end of one", As: grace, Path: endPath, Body: map[string]any{"channelName": tomorrow}, Want: 403},
		{Name: "the patient still has them", As: ada, Path: tokenPath, Body: ask(tomorrow, authapi.Ada.ID, "publisher"), Want: 200},
	})
}
