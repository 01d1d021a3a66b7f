package video_test

import (
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

func TestTheOtherSideIsTold(t *testing.T) {
	configure(t)
	s := set.Start(t)
	streams := map[string]*kerneltest.Stream{}
	for _, who := range []kerneltest.Account{ada, bob, omar} {
		st := s.Connect(t)
		if r := s.Subscribe(t, st, s.Token(t, who), "video_calls/*", "appointments/*"); r.Status != 204 {
			t.Fatalf("subscribe: %d %s", r.Status, r.Body)
		}
		streams[who.Email] = st
	}
	s.As(t, grace, "POST", startPath, adasCall)
	s.As(t, grace, "POST", endPath, end(tomorrow))
	s.As(t, grace, "DELETE", "/api/appointments/"+tomorrow, nil)
	for _, want := range [][]string{
		{`"action":"create"`, `"status":"ringing"`, `"channelName":"` + tomorrow},
		{`"action":"update"`, `"status":"ended"`},
		{`"action":"update"`, `"status":"cancelled"`}, // an appointment that is cancelled is not gone
	} {
		ev, open := streams[ada.Email].Next(t)
		for _, part := range want {
			if !open || !strings.Contains(ev.Data, part) {
				t.Errorf("got %v, want %s", ev, part)
			}
		}
		if strings.Contains(ev.Data, "007") {
			t.Errorf("a token is sent: %s", ev.Data)
		}
	}
	// Bob and Dr Omar hear of their own appointment, and of nothing ahead of it.
	s.As(t, bob, "DELETE", "/api/appointments/"+nextWeek, nil)
	for _, who := range []kerneltest.Account{bob, omar} {
		if ev, open := streams[who.Email].Next(t); !open || !strings.Contains(ev.Data, nextWeek) {
			t.Errorf("%s: got %v, want %s", who.Email, ev, nextWeek)
		}
	}
}
