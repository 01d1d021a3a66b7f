package video_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/appointments"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/patients"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
	"github.com/polyclinic-os/polyclinic/modules/video"
	"github.com/polyclinic-os/polyclinic/modules/video/agora/agoratest"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

var set = &kerneltest.Set{Modules: []kernel.Module{
	hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(), staff.Module(), patients.Module(), appointments.Module(), video.Module(),
}}

const (
	appID       = "970CA35de60c44645bbae8a215061b33"
	certificate = "5CFd2fd1755d40ecb72977518be15d3b"

	tokenPath = "/api/video/generate-token"
	startPath = "/api/video/start-call"
	endPath   = "/api/video/end-call"
	calls     = "/api/collections/video_calls/records"

	tomorrow = appointmentsapi.CastTomorrow // Ada with Dr Grace
	nextWeek = appointmentsapi.CastNextWeek // Bob with Dr Omar
)

func as(a authapi.Account) kerneltest.Account {
	return kerneltest.Account{Email: a.Email, Password: a.Password}
}

var (
	guest                                  = kerneltest.Account{}
	alma, ada, bob, grace, omar, nia, rosa = as(authapi.Alma), as(authapi.Ada), as(authapi.Bob), as(authapi.Grace), as(authapi.Omar), as(authapi.Nia), as(authapi.Rosa)
)

// configure sets an Agora project for the test, and leaves the rest unset.
func configure(t *testing.T) {
	t.Helper()
	t.Setenv("AGORA_APP_ID", appID)
	t.Setenv("AGORA_APP_CERTIFICATE", certificate)
	t.Setenv("AGORA_CUSTOMER_KEY", "")
	t.Setenv("AGORA_CUSTOMER_SECRET", "")
}

func ask(channel string, uid any, role string) map[string]any {
	return map[string]any{"channelName": channel, "uid": uid, "role": role}
}

func call(appointment, doctor, patient string) map[string]any {
	return map[string]any{"appointmentId": appointment, "doctorId": doctor, "patientId": patient}
}

var adasCall = call(tomorrow, staffapi.Grace, patientsapi.Ada)

func end(channel string) map[string]any { return map[string]any{"channelName": channel} }

func TestNotConfigured(t *testing.T) {
	both := []string{"AGORA_APP_ID and AGORA_APP_CERTIFICATE", "video_not_configured"}
	s := set.Start(t)
	for _, name := range []string{"AGORA_APP_ID", "AGORA_APP_CERTIFICATE"} {
		t.Setenv(name, "")
	}
	s.On(t, []kerneltest.Scenario{
		{Name: "no token", As: ada, Path: tokenPath, Body: ask("room1", "user1", "publisher"), Want: 503, Has: both},
		{Name: "no call", As: grace, Path: startPath, Body: adasCall, Want: 503, Has: both},
		{Name: "no end", As: grace, Path: endPath, Body: end(tomorrow), Want: 503, Has: both},
	})
	t.Setenv("AGORA_APP_ID", appID)
	s.On(t, []kerneltest.Scenario{{Name: "only what is missing is named", As: ada, Path: tokenPath, Body: ask(tomorrow, authapi.Ada.ID, "publisher"), Want: 503, Has: []string{"AGORA_APP_CERTIFICATE"}, Not: []string{"AGORA_APP_ID"}}})
	t.Setenv("AGORA_APP_CERTIFICATE", "secret-of-another-form")
	s.On(t, []kerneltest.Scenario{{Name: "so is what is malformed, without its value", As: ada, Path: tokenPath, Body: ask(tomorrow, authapi.Ada.ID, "publisher"), Want: 503, Has: []string{"AGORA_APP_CERTIFICATE"}, Not: []string{"another-form"}}})
}

func TestWhoGetsAToken(t *testing.T) {
	configure(t)
	me := func(a authapi.Account, role string) map[string]any { return ask(tomorrow, a.ID, role) }
	set.Start(t).On(t, []kerneltest.Scenario{
		{Name: "a guest signs in first", As: guest, Path: tokenPath, Body: me(authapi.Ada, "publisher"), Want: 401},
		{Name: "the patient", As: ada, Path: tokenPath, Body: me(authapi.Ada, "publisher"), Want: 200, Has: []string{`"token":"007`, `"appId":"` + appID, `"channelName":"` + tomorrow}},
		{Name: "the doctor", As: grace, Path: tokenPath, Body: me(authapi.Grace, "publisher"), Want: 200},
		{Name: "or to look on only", As: grace, Path: tokenPath, Body: me(authapi.Grace, "subscriber"), Want: 200},
		{Name: "an admin looks on", As: alma, Path: tokenPath, Body: me(authapi.Alma, "subscriber"), Want: 200},
		{Name: "and does no more", As: alma, Path: tokenPath, Body: me(authapi.Alma, "publisher"), Want: 403, Has: []string{`"role":{"code":"not_allowed"`}},
		{Name: "another patient does not", As: bob, Path: tokenPath, Body: me(authapi.Bob, "subscriber"), Want: 403, Has: []string{`"channelName"`}},
		{Name: "nor another doctor", As: omar, Path: tokenPath, Body: me(authapi.Omar, "publisher"), Want: 403},
		{Name: "nor a nurse", As: nia, Path: tokenPath, Body: me(authapi.Nia, "publisher"), Want: 403},
		{Name: "nor the desk", As: rosa, Path: tokenPath, Body: me(authapi.Rosa, "subscriber"), Want: 403},
		{Name: "a channel of nobody's is like another's", As: ada, Path: tokenPath, Body: ask("room1", authapi.Ada.ID, "publisher"), Want: 403, Has: []string{`"channelName"`}},
		{Name: "an admin is told that there is none", As: alma, Path: tokenPath, Body: ask("room1", authapi.Alma.ID, "subscriber"), Want: 404},
		{Name: "a token for somebody else", As: ada, Path: tokenPath, Body: me(authapi.Grace, "publisher"), Want: 403, Has: []string{`"uid":{"code":"not_allowed"`}},
		{Name: "a token for another number", As: ada, Path: tokenPath, Body: ask(tomorrow, 12345, "publisher"), Want: 403, Has: []string{`"uid"`}},
		{Name: "a token for everybody", As: ada, Path: tokenPath, Body: ask(tomorrow, 0, "publisher"), Want: 403, Has: []string{`"uid"`}},
		{Name: "a cancelled appointment", As: bob, Path: tokenPath, Body: ask(appointmentsapi.CastCancelled, authapi.Bob.ID, "publisher"), Want: 409, Has: []string{"appointment_over"}},
		{Name: "one that took place", As: ada, Path: tokenPath, Body: ask(appointmentsapi.CastYesterday, authapi.Ada.ID, "publisher"), Want: 409, Has: []string{"appointment_over"}},
		{Name: "nothing said", As: ada, Path: tokenPath, Body: `{}`, Want: 400, Has: []string{`"channelName":{"code":"validation_required"`, `"uid":{"code":"validation_required"`, `"role":{"code":"validation_required"`}},
		{Name: "a role that is none", As: ada, Path: tokenPath, Body: me(authapi.Ada, "host"), Want: 400, Has: []string{`"role":{"code":"validation_in_invalid"`}},
		{Name: "a uid that is none", As: ada, Path: tokenPath, Body: ask(tomorrow, []int{1}, "publisher"), Want: 400, Has: []string{`"uid":{"code":"validation_invalid_type"`}},
		{Name: "a uid with a fraction", As: ada, Path: tokenPath, Body: ask(tomorrow, 1.5, "publisher"), Want: 400, Has: []string{`"uid"`}},
		{Name: "a channel that is no text", As: ada, Path: tokenPath, Body: ask("", 1, "publisher"), Want: 400, Has: []string{`"channelName"`}},
		{Name: "no JSON", As: ada, Path: tokenPath, Body: `{"channelName":`, Want: 400},
	})
}

// issued reads the token of an answer with a reader that is not Agora's builder.
func issued(t *testing.T, r kerneltest.Response) (agoratest.Token, map[string]any) {
	t.Helper()
	if r.Status != 200 {
		t.Fatalf("got %d: %s", r.Status, r.Body)
	}
	answer := r.JSON(t)
	token, err := agoratest.Parse(answer["token"].(string), certificate)
	if err != nil {
		t.Fatal(err)
	}
	uid := strconv.FormatFloat(answer["uid"].(float64), 'f', 0, 64)
	if len(token.Services) != 1 || token.AppID != appID || token.Services[0].Channel != tomorrow || token.Services[0].UID != uid || uid == "0" {
		t.Errorf("token is %+v, answer %v", token, answer["uid"])
	}
	expires, err := time.Parse(time.RFC3339, answer["expiresAt"].(string))
	if err != nil || expires.Unix() != int64(token.Issued)+int64(token.Life) {
		t.Errorf("expiresAt is %v, the token lives %d s from %d", answer["expiresAt"], token.Life, token.Issued)
	}
	return token, answer
}

func TestATokenIsForOneUserAndOneChannel(t *testing.T) {
	configure(t)
	s := set.Start(t)
	publisher, adas := issued(t, s.As(t, ada, "POST", tokenPath, ask(tomorrow, authapi.Ada.ID, "publisher")))
	subscriber, doctors := issued(t, s.As(t, grace, "POST", tokenPath, ask(tomorrow, authapi.Grace.ID, "subscriber")))
	if got := len(publisher.Services[0].Privileges); got != 4 {
		t.Errorf("a publisher has %d privileges", got)
	}
	if got := subscriber.Services[0].Privileges; len(got) != 1 || got[1] == 0 {
		t.Errorf("a subscriber has the privileges %v", got)
	}
	if adas["uid"] == doctors["uid"] {
		t.Errorf("both have the number %v", adas["uid"])
	}
	_, again := issued(t, s.As(t, ada, "POST", tokenPath, ask(tomorrow, adas["uid"], "publisher")))
	_, asText := issued(t, s.As(t, ada, "POST", tokenPath, ask(tomorrow, fmt.Sprintf("%.0f", adas["uid"]), "publisher")))
	if again["uid"] != adas["uid"] || asText["uid"] != adas["uid"] {
		t.Errorf("the number changed from %v to %v and %v", adas["uid"], again["uid"], asText["uid"])
	}
	if publisher.Life > 24*3600 {
		t.Errorf("a token lives %d s", publisher.Life)
	}
}

func TestStart(t *testing.T) {
	configure(t)
	set.Start(t).On(t, []kerneltest.Scenario{
		{Name: "a guest signs in first", As: guest, Path: startPath, Body: adasCall, Want: 401},
		{Name: "an admin starts no call", As: alma, Path: startPath, Body: adasCall, Want: 403},
		{Name: "nor does a nurse", As: nia, Path: startPath, Body: adasCall, Want: 403},
		{Name: "nor another patient", As: bob, Path: startPath, Body: adasCall, Want: 403},
		{Name: "nor another doctor", As: omar, Path: startPath, Body: adasCall, Want: 403},
		{Name: "nor anybody for no appointment", As: omar, Path: startPath, Body: call("nothing00000000", staffapi.Omar, patientsapi.Ada), Want: 403},
		{Name: "everything is named", As: ada, Path: startPath, Body: `{}`, Want: 400, Has: []string{`"appointmentId"`, `"doctorId"`, `"patientId"`}},
		{Name: "the doctor is the appointment's", As: ada, Path: startPath, Body: call(tomorrow, staffapi.Omar, patientsapi.Ada), Want: 400, Has: []string{`"doctorId":{"code":"not_of_this_appointment"`}},
		{Name: "the patient too", As: ada, Path: startPath, Body: call(tomorrow, staffapi.Grace, patientsapi.Bob), Want: 400, Has: []string{`"patientId":{"code":"not_of_this_appointment"`}},
		{Name: "not for one that took place", As: ada, Path: startPath, Body: call(appointmentsapi.CastYesterday, staffapi.Grace, patientsapi.Ada), Want: 409},
		{Name: "no client writes calls", As: grace, Path: calls, Body: map[string]any{"appointmentId": tomorrow, "doctorId": staffapi.Grace, "patientId": patientsapi.Ada, "channelName": tomorrow, "status": "active"}, Want: 403},
		{Name: "nor sees numbers", As: alma, Method: "GET", Path: "/api/collections/video_numbers/records", Want: 403},
	})
}

func TestACallFromStartToEnd(t *testing.T) {
	configure(t)
	s := set.Start(t)
	_, one := issued(t, s.As(t, grace, "POST", startPath, adasCall))
	_, two := issued(t, s.As(t, grace, "POST", startPath, adasCall))
	if one["callId"] == "" || one["callId"] != two["callId"] || one["channelName"] != tomorrow {
		t.Fatalf("started %v, then %v", one, two)
	}
	id := one["callId"].(string)
	s.On(t, []kerneltest.Scenario{
		{Name: "the patient sees it ring", As: ada, Method: "GET", Path: calls, Want: 200, Has: []string{`"totalItems":1`, `"status":"ringing"`, id}, Not: []string{"007"}},
		{Name: "others do not", As: bob, Method: "GET", Path: calls, Want: 200, Has: []string{`"totalItems":0`}},
		{Name: "nor another doctor", As: omar, Method: "GET", Path: calls + "/" + id, Want: 404},
		{Name: "an admin looking on answers nothing", As: alma, Path: tokenPath, Body: ask(tomorrow, authapi.Alma.ID, "subscriber"), Want: 200},
		{Name: "so it still rings", As: alma, Method: "GET", Path: calls + "/" + id, Want: 200, Has: []string{`"status":"ringing"`}},
		{Name: "the patient joins the same call", As: ada, Path: startPath, Body: adasCall, Want: 200, Has: []string{`"callId":"` + id}},
		{Name: "which is active then", As: grace, Method: "GET", Path: calls + "/" + id, Want: 200, Has: []string{`"status":"active"`}},
		{Name: "another patient does not end it", As: bob, Path: endPath, Body: end(tomorrow), Want: 403},
		{Name: "nor the desk", As: rosa, Path: endPath, Body: end(tomorrow), Want: 403},
		{Name: "the patient ends it", As: ada, Path: endPath, Body: end(tomorrow), Want: 200, Has: []string{`"callId":"` + id, `"durationSeconds":`, `"endedAt":"2`, `"startedAt":"2`}},
		{Name: "ending twice is a conflict", As: grace, Path: endPath, Body: end(tomorrow), Want: 409, Has: []string{"call_ended"}},
		{Name: "there is no token for an ended call", As: grace, Path: tokenPath, Body: ask(tomorrow, authapi.Grace.ID, "publisher"), Want: 409, Has: []string{`"channelName":{"code":"call_ended"`}},
		{Name: "a new call may be started", As: grace, Path: startPath, Body: adasCall, Want: 200, Not: []string{id}},
		{Name: "and has tokens", As: ada, Path: tokenPath, Body: ask(tomorrow, authapi.Ada.ID, "publisher"), Want: 200},
		{Name: "an admin ends it", As: alma, Path: endPath, Body: end(tomorrow), Want: 200},
		{Name: "a channel without a call has no end", As: bob, Path: endPath, Body: end(appointmentsapi.CastNextWeek), Want: 404},
		{Name: "a channel is named", As: bob, Path: endPath, Body: `{}`, Want: 400, Has: []string{`"channelName"`}},
	})
	ended, err := s.App.FindRecordById("video_calls", id)
	if err != nil {
		t.Fatal(err)
	}
	ended.Set("status", "active")
	if err := s.App.Save(ended); s.Kernel.StatusOf(err) != 409 {
		t.Errorf("an ended call was revived: %v", err)
	}
}

func TestManyStartAtOnce(t *testing.T) {
	configure(t)
	s := set.Start(t)
	tokens := []string{s.Token(t, ada), s.Token(t, grace)}
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids := map[string]int{}
	for i := range 30 {
		wg.Go(func() {
			r := s.Do(t, "POST", startPath, tokens[i%2], adasCall)
			mu.Lock()
			defer mu.Unlock()
			ids[fmt.Sprint(r.Status, r.JSON(t)["callId"])]++
		})
	}
	wg.Wait()
	if len(ids) != 1 {
		t.Errorf("got %v, want one call", ids)
	}
	for id := range ids {
		if !strings.HasPrefix(id, "200") {
			t.Errorf("got %v", ids)
		}
	}
}

func TestNumbersAreUnique(t *testing.T) {
	configure(t)
	s := set.Start(t)
	issued(t, s.As(t, ada, "POST", tokenPath, ask(tomorrow, authapi.Ada.ID, "publisher")))
	_, err := s.App.NonconcurrentDB().NewQuery("INSERT INTO video_numbers (id, accountId, number) SELECT 'other0000000001', '" + authapi.Bob.ID + "', number FROM video_numbers").Execute()
	if err == nil {
		t.Error("two accounts have one number")
	}
}
