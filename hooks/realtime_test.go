package hooks_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

func TestWhoMaySubscribe(t *testing.T) {
	s := set.Start(t)
	for _, c := range []struct {
		name, topic string
		who         kerneltest.Account
		want        int
	}{
		{"a guest subscribes to nothing", "things/*", guest, 401},
		{"a guest has no topics of their own making", "anything", guest, 401},
		{"a topic that is no collection", "anything", ada, 403},
		{"a topic that is no collection, with options", "anything?options={}", ada, 403},
		{"a collection", "things/*", ada, 204},
		{"a record", "things/" + adas, ada, 204},
		{"options that cannot be read", "things/*?options={", ada, 400},
		{"options that are no object", "things/*?options=[1]", ada, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := s.Connect(t)
			r := s.Subscribe(t, st, s.Token(t, c.who), c.topic)
			wantStatus(t, c.topic, r, c.want)
		})
	}
	t.Run("a hundred topics are enough", func(t *testing.T) {
		topics := make([]string, 101)
		for i := range topics {
			topics[i] = named("things/r%d", i)
		}
		wantStatus(t, "101 topics", s.Subscribe(t, s.Connect(t), s.Token(t, ada), topics...), http.StatusBadRequest)
	})
}

// Whoever sends to a topic of their own cannot reach a guest: nobody but the signed in may
// listen, and to collections only.
func TestACustomTopicReachesNobody(t *testing.T) {
	s := set.Start(t)
	st := s.Connect(t)
	s.Subscribe(t, st, "", "anything")
	client, err := s.App.SubscriptionsBroker().ClientById(st.ClientID)
	if err != nil {
		t.Fatal(err)
	}
	if client.HasSubscription("anything") {
		t.Error("the guest is subscribed")
	}
}

func TestEverybodyHearsOnlyWhatTheyMaySee(t *testing.T) {
	s := set.Start(t)
	streams := map[string]*kerneltest.Stream{}
	for _, who := range []kerneltest.Account{ada, bob, alma} {
		st := s.Connect(t)
		wantStatus(t, who.Email, s.Subscribe(t, st, s.Token(t, who), "things/*"), http.StatusNoContent)
		streams[who.Email] = st
	}
	change := func(id, name string) {
		wantStatus(t, name, s.As(t, alma, "PUT", path+"/"+id, map[string]any{"name": name, "note": "n"}), http.StatusOK)
	}
	change(adas, "first-ada")
	change(bobs, "second-bob")
	for who, want := range map[string][]string{ada.Email: {"first-ada"}, bob.Email: {"second-bob"}, alma.Email: {"first-ada", "second-bob"}} {
		for _, name := range want {
			ev, open := streams[who].Next(t)
			if !open || !strings.Contains(ev.Data, name) || strings.Contains(ev.Data, `"hidden"`) {
				t.Errorf("%s: got %v, want %s", who, ev, name)
			}
		}
	}
}

// Finding 13: plain PocketBase went on sending to a doctor who was switched off.
func TestADisabledAccountHearsNothingMore(t *testing.T) {
	s := set.Start(t)
	st, witness := s.Connect(t), s.Connect(t)
	wantStatus(t, "grace", s.Subscribe(t, st, s.Token(t, grace), "things/*"), http.StatusNoContent)
	wantStatus(t, "alma", s.Subscribe(t, witness, s.Token(t, alma), "things/*"), http.StatusNoContent)
	wantStatus(t, "disable", s.As(t, alma, "PATCH", "/api/collections/users/records/"+authapi.Grace.ID, `{"status":"disabled"}`), http.StatusOK)
	wantStatus(t, "change", s.As(t, alma, "PUT", path+"/"+adas, `{"name":"secret"}`), http.StatusOK)
	if ev, _ := witness.Next(t); !strings.Contains(ev.Data, "secret") {
		t.Fatalf("the witness heard %v", ev)
	}
	if !s.End(t, st) {
		return // the connection was ended: good as well
	}
	if ev, open := st.Next(t); open && ev.Name != "end" {
		t.Errorf("the disabled account heard %v", ev)
	}
}

func TestConnectionsAreCapped(t *testing.T) {
	s := set.Start(t)
	for range 100 {
		s.Connect(t)
	}
	r := s.Do(t, "GET", "/api/realtime", "", nil)
	wantStatus(t, "the 101st of one address", r, http.StatusTooManyRequests)
	if r.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}
