package agora

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestASilentAgoraEndsEachTry(t *testing.T) {
	hang, stall := reply{hang: true}, reply{status: 200, body: `{"status":`, stall: true}
	for _, test := range []struct {
		name  string
		limit time.Duration // long where an answer must fit in
		posts []reply
		gets  []reply
		asked string
		ok    bool
	}{
		{"silence throughout", 20 * time.Millisecond, []reply{hang}, []reply{hang}, "POST GET POST GET POST GET POST GET", false},
		{"an answer that never ends", 20 * time.Millisecond, []reply{stall}, []reply{hang}, "POST GET POST GET POST GET POST GET", false},
		{"silence once", 500 * time.Millisecond, []reply{hang, {status: 200, body: made}}, []reply{{status: 200, body: noRules}}, "POST GET POST", true},
		{"silence, but the rule was made", 500 * time.Millisecond, []reply{hang}, []reply{{status: 200, body: rules(0, vectorAppID, wholeRoom)}}, "POST GET", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			fake := &fakeAgora{plan: map[string][]reply{"POST": test.posts, "GET": test.gets}}
			_, kicker := start(t, fake)
			kicker.Timeout = test.limit
			// Noted on our side: a short limit may end a request before it arrives.
			var asked []string
			server := kicker.HTTP.Transport
			kicker.HTTP.Transport = transport(func(r *http.Request) (*http.Response, error) {
				asked = append(asked, r.Method)
				return server.RoundTrip(r)
			})
			err := kicker.RemoveAll(t.Context(), appointment)
			if test.ok != (err == nil) || !test.ok && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got error %v, want success %t, else a deadline", err, test.ok)
			}
			if got := strings.Join(asked, " "); got != test.asked {
				t.Errorf("got requests %s, want %s", got, test.asked)
			}
		})
	}
}

// transport is a function in the place of a network.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestLeftAloneAKickerAsksAgoraAndIsPatient(t *testing.T) {
	var target string
	var patience time.Duration
	kicker := &Kicker{AppID: vectorAppID, Key: testKey, Secret: testSecret}
	kicker.HTTP = &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		target = r.URL.String()
		if deadline, ok := r.Context().Deadline(); ok {
			patience = time.Until(deadline)
		}
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(made)), Request: r}, nil
	})}
	if err := kicker.RemoveAll(t.Context(), appointment); err != nil {
		t.Fatal(err)
	}
	if want := "https://api.agora.io/dev/v1/kicking-rule"; target != want {
		t.Errorf("asked %s, want %s", target, want)
	}
	if patience < 19*time.Second || patience > time.Minute {
		t.Errorf("a request may take %s, want about 20 s", patience)
	}
	kicker.BaseURL = "https://api.sd-rtn.com/" // Agora's second address
	if err := kicker.RemoveAll(t.Context(), appointment); err != nil || target != "https://api.sd-rtn.com/dev/v1/kicking-rule" {
		t.Errorf("asked %s, error %v, want the second address", target, err)
	}
}

func TestTheCallersContextEndsEverything(t *testing.T) {
	t.Run("while waiting for the next try", func(t *testing.T) {
		fake := &fakeAgora{plan: map[string][]reply{"POST": {{status: 500}}}}
		_, kicker := start(t, fake)
		ctx, cancel := context.WithCancel(t.Context())
		kicker.Backoff = func(int) time.Duration { cancel(); return time.Hour }
		err := kicker.RemoveAll(ctx, appointment)
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "http 500") {
			t.Errorf("got error %v, want cancelled and the last try's reason", err)
		}
		if got := fake.requests(); got != "POST" {
			t.Errorf("got requests %s, want POST", got)
		}
	})
	t.Run("while Agora is silent, and nothing more is asked", func(t *testing.T) {
		fake := &fakeAgora{plan: map[string][]reply{"POST": {{hang: true}}}}
		_, kicker := start(t, fake)
		ctx, cancel := context.WithCancel(t.Context())
		fake.check = func(*http.Request, []byte) { cancel() }
		if err := kicker.RemoveAll(ctx, appointment); !errors.Is(err, context.Canceled) {
			t.Errorf("got error %v, want cancelled", err)
		}
		if got := fake.requests(); got != "POST" {
			t.Errorf("got requests %s, want POST", got)
		}
	})
}

func TestTheWaitGrowsAndIsSpread(t *testing.T) {
	var asked []int
	fake := &fakeAgora{plan: map[string][]reply{"POST": {{status: 500}}}}
	_, kicker := start(t, fake)
	kicker.Backoff = func(failed int) time.Duration { asked = append(asked, failed); return 0 }
	if err := kicker.RemoveAll(t.Context(), appointment); err == nil {
		t.Error("got no error from a broken server")
	}
	if want := []int{1, 2, 3}; !slices.Equal(asked, want) {
		t.Errorf("waits were asked after tries %v, want %v", asked, want)
	}
	asked, fake.plan["POST"] = nil, []reply{{status: 401}}
	if err := kicker.RemoveAll(t.Context(), appointment); err == nil || asked != nil {
		t.Errorf("waits were asked after tries %v for a lost cause (error %v), want none", asked, err)
	}
	plain := &Kicker{}
	for failed, base := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second} {
		if got := plain.pause(failed); got < base*3/4 || got >= base*5/4 {
			t.Errorf("after try %d the wait is %s, want about %s", failed, got, base)
		}
	}
}
