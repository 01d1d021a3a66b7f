package messaging_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/appointments"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/messaging"
	"github.com/polyclinic-os/polyclinic/modules/patients"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

func modules() []kernel.Module {
	return []kernel.Module{
		hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(), staff.Module(), patients.Module(),
		appointments.Module(), messaging.Module(),
	}
}

var set = &kerneltest.Set{Modules: modules()}

func as(a authapi.Account) kerneltest.Account {
	return kerneltest.Account{Email: a.Email, Password: a.Password}
}

const (
	path       = "/api/messages"
	collection = "/api/collections/messages/records"
)

// to is a message to somebody, with something added to the body.
func to(receiver, more string) string {
	return `{"receiverId":"` + receiver + `","messageText":"Hello"` + more + `}`
}

func from(sender string) string { return `,"senderId":"` + sender + `"` }

func batch(body string) string {
	return `{"requests":[{"method":"POST","url":"` + collection + `","body":` + body + `}]}`
}

func TestSending(t *testing.T) {
	grace, rosa := as(authapi.Grace), as(authapi.Rosa)
	set.Start(t).On(t, []kerneltest.Scenario{
		{Name: "a guest signs in first", Path: path, Body: to(authapi.Rosa.ID, ""), Want: 401},
		{Name: "the sender is the caller", As: grace, Path: path, Body: to(authapi.Rosa.ID, ""), Want: 201,
			Has: []string{`"senderId":"` + authapi.Grace.ID, `"receiverId":"` + authapi.Rosa.ID, `"number":1`, `"readAt":""`}, Not: []string{`"conversationId":""`}},
		{Name: "profiles stand for their accounts", As: grace, Path: path, Body: to(staffapi.Rosa, from(staffapi.Grace)), Want: 201,
			Has: []string{`"senderId":"` + authapi.Grace.ID, `"receiverId":"` + authapi.Rosa.ID, `"number":2`}},
		{Name: "also in the collection", As: grace, Path: collection, Body: to(staffapi.Rosa, from(staffapi.Grace)), Want: 200,
			Has: []string{`"senderId":"` + authapi.Grace.ID, `"receiverId":"` + authapi.Rosa.ID, `"number":3`}},
		{Name: "a patient's profile too", As: grace, Path: path, Body: to(patientsapi.Ada, ""), Want: 201, Has: []string{`"receiverId":"` + authapi.Ada.ID}},
		{Name: "nobody writes in another's name", As: grace, Path: path, Body: to(authapi.Rosa.ID, from(authapi.Omar.ID)), Want: 403, Has: []string{`"senderId":{"code":"not_allowed"`}},
		{Name: "nor in a profile's", As: grace, Path: path, Body: to(authapi.Rosa.ID, from(staffapi.Omar)), Want: 403},
		{Name: "nor in nobody's", As: grace, Path: path, Body: to(authapi.Rosa.ID, from("nobody")), Want: 403},
		{Name: "nor in the collection", As: grace, Path: collection, Body: to(authapi.Rosa.ID, from(authapi.Omar.ID)), Want: 403},
		{Name: "nor in a batch", As: grace, Path: "/api/batch", Body: batch(to(authapi.Rosa.ID, from(authapi.Omar.ID))), Want: 400, Has: []string{"not_allowed"}},
		{Name: "an admin neither", As: as(authapi.Alma), Path: path, Body: to(authapi.Rosa.ID, from(authapi.Omar.ID)), Want: 403},
		{Name: "every bad field is named", As: grace, Path: path, Body: `{}`, Want: 400, Has: []string{`"receiverId":{"code":"validation_required"`, `"messageText":{"code":"validation_required"`}},
		{Name: "blank is no text", As: grace, Path: path, Body: `{"receiverId":"` + authapi.Rosa.ID + `","messageText":" \n\t"}`, Want: 400, Has: []string{`"messageText":{"code":"validation_required"`}},
		{Name: "5000 characters are a message", As: grace, Path: path, Body: map[string]any{"receiverId": authapi.Rosa.ID, "messageText": strings.Repeat("é", 5000)}, Want: 201},
		{Name: "5001 are too many", As: grace, Path: path, Body: map[string]any{"receiverId": authapi.Rosa.ID, "messageText": strings.Repeat("é", 5001)}, Want: 400, Has: []string{`"messageText":{"code":"validation_max_text_constraint"`}},
		{Name: "an unknown receiver is named", As: grace, Path: path, Body: to("nobody000000001", ""), Want: 400, Has: []string{`"receiverId":{"code":"unknown_person"`}},
		{Name: "whatever was sent for one", As: grace, Path: path, Body: `{"receiverId":{"a":1},"messageText":["x"]}`, Want: 400, Has: []string{`"receiverId"`, `"messageText"`}},
		{Name: "nobody writes to themself", As: grace, Path: path, Body: to(staffapi.Grace, ""), Want: 400, Has: []string{`"receiverId":{"code":"own_self"`}},
		{Name: "the server sets the rest", As: grace, Path: path, Body: to(authapi.Rosa.ID, `,"conversationId":"x","number":9,"readAt":"2026-01-01 00:00:00.000Z"`), Want: 400,
			Has: []string{`"conversationId":{"code":"server_set"`, `"number":{"code":"server_set"`, `"readAt":{"code":"server_set"`}},
		{Name: "a key sends once", As: rosa, Path: path, Body: to(authapi.Grace.ID, ""), Headers: []string{"Idempotency-Key: m1"}, Want: 201, Then: func(t *testing.T, s *kerneltest.Server, first kerneltest.Response) {
			if again := s.As(t, rosa, "POST", path, to(authapi.Grace.ID, ""), "Idempotency-Key: m1"); again.Body != first.Body {
				t.Errorf("first %s, again %s", first.Body, again.Body)
			}
		}},
	})
}

func TestTheConversationIsTheSameInBothDirections(t *testing.T) {
	s := set.Start(t)
	one := s.As(t, as(authapi.Omar), "POST", path, to(staffapi.Nia, "")).JSON(t)
	two := s.As(t, as(authapi.Nia), "POST", path, to(authapi.Omar.ID, "")).JSON(t)
	other := s.As(t, as(authapi.Nia), "POST", path, to(authapi.Grace.ID, "")).JSON(t)
	if one["conversationId"] != two["conversationId"] || one["conversationId"] == "" || two["number"] != 2.0 {
		t.Errorf("one %v, two %v", one, two)
	}
	if other["conversationId"] == one["conversationId"] || other["number"] != 1.0 {
		t.Errorf("another pair's message is in the same conversation: %v", other)
	}
}

// An account that is not active is no receiver: pending and disabled people read nothing.
func TestWhoIsNotActiveReceivesNothing(t *testing.T) {
	s := set.Start(t)
	for _, status := range []string{authapi.Disabled, authapi.Pending} {
		r, err := s.App.FindRecordById("users", authapi.Omar.ID)
		if err != nil {
			t.Fatal(err)
		}
		r.Set("status", status)
		if err := s.App.Save(r); err != nil {
			t.Fatal(err)
		}
		if r := s.As(t, as(authapi.Grace), "POST", path, to(staffapi.Omar, "")); r.Status != 400 || r.Code("receiverId") != "unknown_person" {
			t.Errorf("%s: got %d, want 400: %s", status, r.Status, r.Body)
		}
	}
}

func TestToWhomPatientsWrite(t *testing.T) {
	for name, url := range map[string]string{"documented": path, "collection": collection, "batch": "/api/batch"} {
		t.Run(name, func(t *testing.T) {
			s := set.Start(t)
			send := func(from authapi.Account, receiver string) kerneltest.Response {
				body := to(receiver, "")
				if name == "batch" {
					body = batch(body)
				}
				return s.As(t, as(from), "POST", url, body)
			}
			allowed := func(from authapi.Account, receiver, why string) {
				t.Helper()
				if r := send(from, receiver); r.Status >= 300 {
					t.Errorf("%s to %s, %s: got %d: %s", from.Name, receiver, why, r.Status, r.Body)
				}
			}
			refused := func(from authapi.Account, receiver, why string) {
				t.Helper()
				if r := send(from, receiver); (r.Status != 403 && name != "batch") || !strings.Contains(r.Body, "not_allowed") {
					t.Errorf("%s to %s, %s: got %d: %s", from.Name, receiver, why, r.Status, r.Body)
				}
			}
			allowed(authapi.Bob, staffapi.Omar, "own doctor")
			allowed(authapi.Bob, staffapi.Nia, "a nurse")
			allowed(authapi.Bob, staffapi.Dana, "staff")
			refused(authapi.Bob, authapi.Alma.ID, "an admin, who is none of the nurses and staff")
			refused(authapi.Bob, authapi.Ada.ID, "another patient")
			refused(authapi.Bob, patientsapi.Ada, "another patient's profile")
			refused(authapi.Bob, staffapi.Grace, "a doctor who does not treat them")
			allowed(authapi.Grace, authapi.Bob.ID, "anybody")
			allowed(authapi.Bob, staffapi.Grace, "she wrote to him")

			refused(authapi.Ada, staffapi.Omar, "a doctor who does not treat her")
			visit := appointment(t, s, patientsapi.Ada, staffapi.Omar, "cancelled")
			refused(authapi.Ada, staffapi.Omar, "a cancelled appointment is none")
			become(t, s, visit, "completed")
			allowed(authapi.Ada, staffapi.Omar, "he has seen her")
		})
	}
}

func TestUnreadIsAListLikeAnyOther(t *testing.T) {
	s := set.Start(t)
	for _, text := range []string{"apples", "pears"} {
		s.As(t, as(authapi.Ada), "POST", path, map[string]any{"receiverId": authapi.Grace.ID, "messageText": text})
	}
	grace, url := as(authapi.Grace), path+"/unread"
	s.On(t, []kerneltest.Scenario{
		{Name: "searched", As: grace, Method: "GET", Path: url + "?q=apples", Want: 200, Has: []string{`"totalItems":1`, "apples"}},
		{Name: "sorted", As: grace, Method: "GET", Path: url + "?sort=created&perPage=1&skipTotal=1", Want: 200, Has: []string{`"totalItems":-1`}, Not: []string{"pears"}},
		{Name: "a filter finds nobody else's", As: as(authapi.Ada), Method: "GET", Path: url + "?filter=senderId='" + authapi.Ada.ID + "'", Want: 200, Has: []string{`"totalItems":0`}},
		{Name: "the inbox is not filtered", As: grace, Method: "GET", Path: path + "/conversations?filter=id!=''", Want: 400, Has: []string{`"filter":{"code":"query_not_allowed","message":"This list takes`}},
		{Name: "nor expanded", As: grace, Method: "GET", Path: path + "/conversations?expand=firstId", Want: 400, Has: []string{`"expand"`}},
		{Name: "nor counted, when asked not to", As: grace, Method: "GET", Path: path + "/conversations?skipTotal=true&fields=unread", Want: 200, Has: []string{`"totalItems":-1`, `"unread":`}, Not: []string{"lastMessage"}},
	})
	var plan []struct {
		Detail string `db:"detail"`
	}
	if err := s.App.DB().NewQuery("EXPLAIN QUERY PLAN SELECT COUNT(DISTINCT messages._rowid_) FROM messages WHERE messages.receiverId = 'x' AND messages.readAt = ''").All(&plan); err != nil || !strings.Contains(fmt.Sprint(plan), "idx_messages_unread") {
		t.Errorf("the unread ones are not found by their index: %v %v", plan, err)
	}
}
