package messaging_test

import (
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/messaging"
)

func send(s *kerneltest.Server, from, to, text string) (string, error) {
	r, err := messaging.Send(s.App, from, to, text)
	return r.GetString("conversationId"), err
}

// listen subscribes to messages as the account and returns the connection.
func listen(t *testing.T, s *kerneltest.Server, token string) *kerneltest.Stream {
	t.Helper()
	st := s.Connect(t)
	if r := s.Subscribe(t, st, token, "messages", "messages/*"); r.Status != 204 {
		t.Fatalf("subscribe: %d %s", r.Status, r.Body)
	}
	return st
}

// silent fails unless the connection was closed and nothing was heard on it.
func silent(t *testing.T, st *kerneltest.Stream) {
	t.Helper()
	if ev, open := st.Next(t); open {
		t.Errorf("heard %s %s", ev.Name, ev.Data)
	}
}

// next fails unless the two next events, one for each topic, are about the text.
func next(t *testing.T, st *kerneltest.Stream, who, text string) {
	t.Helper()
	for range 2 {
		if ev, open := st.Next(t); !open || !strings.Contains(ev.Data, `"messageText":"`+text+`"`) {
			t.Errorf("%s: want a message %q, got %s %s", who, text, ev.Name, ev.Data)
		}
	}
}

func TestMessagesArriveLiveAtTheirTwoPeopleOnly(t *testing.T) {
	s := set.Start(t)
	everybody := map[string]*kerneltest.Stream{}
	for _, a := range []authapi.Account{authapi.Grace, authapi.Ada, authapi.Bob, authapi.Omar, authapi.Alma} {
		everybody[a.Name] = listen(t, s, s.Token(t, as(a)))
	}
	if r := s.As(t, as(authapi.Grace), "POST", path, `{"receiverId":"`+authapi.Ada.ID+`","messageText":"for Ada"}`); r.Status != 201 {
		t.Fatalf("%d: %s", r.Status, r.Body)
	}
	next(t, everybody[authapi.Grace.Name], "the sender", "for Ada")
	next(t, everybody[authapi.Ada.Name], "the receiver", "for Ada")
	// The others hear the next message first: nothing of the one before reached them.
	s.As(t, as(authapi.Alma), "POST", path, `{"receiverId":"`+authapi.Bob.ID+`","messageText":"for Bob"}`)
	next(t, everybody[authapi.Alma.Name], "an admin", "for Bob")
	next(t, everybody[authapi.Bob.Name], "another patient", "for Bob")
	s.As(t, as(authapi.Omar), "POST", path, `{"receiverId":"`+authapi.Grace.ID+`","messageText":"for Grace"}`)
	next(t, everybody[authapi.Omar.Name], "another doctor", "for Grace")
	next(t, everybody[authapi.Grace.Name], "the receiver", "for Grace")
}

func TestASubscriptionMayNotAskForMore(t *testing.T) {
	s := set.Start(t)
	st := s.Connect(t)
	if r := s.Subscribe(t, st, "", "messages"); r.Status != 401 {
		t.Errorf("a guest: got %d, want 401", r.Status)
	}
	if r := s.Subscribe(t, st, s.Token(t, as(authapi.Bob)), `messages?options={"query":{"filter":"senderId.email~'a'"}}`); r.Status != 400 {
		t.Errorf("a relation path: got %d, want 400: %s", r.Status, r.Body)
	}
}

func TestADisabledAccountHearsNothing(t *testing.T) {
	s := set.Start(t)
	st := listen(t, s, s.Token(t, as(authapi.Ada)))
	conversation := castConversation(t, s)
	status(t, s, authapi.Ada.ID, authapi.Disabled)
	// Her message is marked as read, which a sender hears of.
	if r := s.As(t, as(authapi.Grace), "POST", path+"/conversation/"+conversation+"/read", nil); r.JSON(t)["read"] != 1.0 {
		t.Fatalf("%d: %s", r.Status, r.Body)
	}
	silent(t, st)
	status(t, s, authapi.Ada.ID, authapi.Active)
	st = listen(t, s, s.SignIn(t, as(authapi.Ada)))
	s.As(t, as(authapi.Grace), "POST", path, `{"receiverId":"`+authapi.Ada.ID+`","messageText":"welcome back"}`)
	next(t, st, "Ada", "welcome back")
}

func TestAnEndedSessionHearsNothing(t *testing.T) {
	s := set.Start(t)
	token := s.SignIn(t, as(authapi.Ada))
	st := listen(t, s, token)
	if r := s.Do(t, "POST", "/api/auth/logout", token, nil); r.Status != 204 {
		t.Fatalf("%d: %s", r.Status, r.Body)
	}
	s.As(t, as(authapi.Grace), "POST", path, `{"receiverId":"`+authapi.Ada.ID+`","messageText":"missed"}`)
	silent(t, st)
	st = listen(t, s, s.SignIn(t, as(authapi.Ada)))
	s.As(t, as(authapi.Grace), "POST", path, `{"receiverId":"`+authapi.Ada.ID+`","messageText":"heard"}`)
	next(t, st, "Ada", "heard")
}

func TestReadingIsHeardByTheSender(t *testing.T) {
	s := set.Start(t)
	st := listen(t, s, s.Token(t, as(authapi.Ada)))
	s.As(t, as(authapi.Grace), "POST", path+"/conversation/"+castConversation(t, s)+"/read", nil)
	for range 2 {
		if ev, _ := st.Next(t); !strings.Contains(ev.Data, `"action":"update"`) || strings.Contains(ev.Data, `"readAt":""`) {
			t.Errorf("got %s", ev.Data)
		}
	}
}

func status(t *testing.T, s *kerneltest.Server, account, status string) {
	t.Helper()
	r, err := s.App.FindRecordById("users", account)
	if err != nil {
		t.Fatal(err)
	}
	r.Set("status", status)
	if err := s.App.Save(r); err != nil {
		t.Fatal(err)
	}
}
