package agora

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestARedirectIsNotFollowed(t *testing.T) {
	elsewhere := &fakeAgora{plan: map[string][]reply{"POST": {{status: 200, body: made}}, "GET": {{status: 200, body: made}}}}
	other, _ := start(t, elsewhere)
	for _, status := range []int{301, 302, 303, 307, 308} {
		fake := &fakeAgora{plan: map[string][]reply{"POST": {{status: status, header: http.Header{"Location": {other.URL}}}}}}
		_, kicker := start(t, fake)
		kicker.HTTP.CheckRedirect = func(*http.Request, []*http.Request) error { return nil }
		if err := kicker.RemoveAll(t.Context(), appointment); err == nil || !strings.Contains(err.Error(), fmt.Sprint(status)) {
			t.Errorf("%d: got error %v, want one with the status", status, err)
		}
		if kicker.HTTP.CheckRedirect(nil, nil) != nil {
			t.Errorf("%d: the caller's client was changed", status)
		}
	}
	if got := elsewhere.requests(); got != "" {
		t.Errorf("the redirect was followed: %s", got)
	}
}

func TestNothingIsSentWhenSomethingIsMissing(t *testing.T) {
	for _, test := range []struct {
		name, channel string
		change        func(*Kicker)
		want          string
	}{
		{"no channel", "", func(*Kicker) {}, "channel name is empty"},
		{"a channel Agora does not take", "a*", func(*Kicker) {}, "channel name"},
		{"no app id", appointment, func(k *Kicker) { k.AppID = "" }, "app id"},
		{"no key", appointment, func(k *Kicker) { k.Key = "" }, "key or secret"},
		{"no secret", appointment, func(k *Kicker) { k.Secret = "" }, "key or secret"},
		{"an address without a scheme", appointment, func(k *Kicker) { k.BaseURL = "api.agora.io" }, "base url"},
		{"an address with a password", appointment, func(k *Kicker) { k.BaseURL = "https://a:" + testSecret + "@api.agora.io" }, "base url"},
		{"an address that is none", appointment, func(k *Kicker) { k.BaseURL = "https://" + testSecret + "\x7f" }, "base url"},
		{"an unencrypted address", appointment, func(k *Kicker) { k.BaseURL = "http://api.agora.io" }, "not https"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fake := &fakeAgora{plan: map[string][]reply{"POST": {{status: 200, body: made}}}}
			_, kicker := start(t, fake)
			test.change(kicker)
			err := kicker.RemoveAll(t.Context(), test.channel)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), testSecret) {
				t.Errorf("got error %v, want one with %q and no secret", err, test.want)
			}
			if got := fake.requests(); got != "" {
				t.Errorf("got requests %s, want none", got)
			}
		})
	}
}

// An answer may repeat what was sent, in a debug page of a proxy say.
func TestNoErrorHoldsASecret(t *testing.T) {
	basic := base64.StdEncoding.EncodeToString([]byte(testKey + ":" + testSecret))
	all := "Basic " + basic + " is " + testKey + " and " + testSecret
	atTheCut := strings.Repeat("x", maxMessage-len(testSecret)/2) + testSecret + strings.Repeat("x", 1000)
	for _, test := range []struct {
		name  string
		reply reply
	}{
		{"in a message", reply{status: 400, body: `{"message":"` + all + `"}`}},
		{"in a status", reply{status: 200, body: `{"status":"` + all + `"}`}},
		{"in a request id", reply{status: 401, header: http.Header{"X-Request-Id": {all}}}},
		{"in a broken redirect", reply{status: 302, header: http.Header{"Location": {"http://" + testSecret + "\x01:%"}}}},
		{"where a long message is cut", reply{status: 400, body: `{"message":"` + atTheCut + `"}`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, kicker := start(t, &fakeAgora{plan: map[string][]reply{"POST": {test.reply}}})
			err := kicker.RemoveAll(t.Context(), appointment)
			if err == nil {
				t.Fatal("got no error")
			}
			for _, secret := range []string{basic, testKey, testSecret, testSecret[:6]} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error holds %q: %v", secret, err)
				}
			}
			if len(err.Error()) > 700 || strings.ContainsAny(err.Error(), "\n\x01") {
				t.Errorf("the error is not one short line: %q", err)
			}
		})
	}
}
