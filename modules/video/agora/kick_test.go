package agora

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestTheRequestIsAsAgoraPublishesIt(t *testing.T) {
	fake := &fakeAgora{plan: map[string][]reply{
		"POST": {{status: 504}, {status: 200, body: made}},
		"GET":  {{status: 200, body: noRules}},
	}}
	want := map[string]string{
		"POST": "/dev/v1/kicking-rule application/json " +
			`{"appid":"` + vectorAppID + `","cname":"` + appointment + `","time":0,"privileges":["join_channel"]}`,
		"GET": "/dev/v1/kicking-rule?appid=" + vectorAppID + " application/json ",
	}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(testKey+":"+testSecret))
	fake.check = func(r *http.Request, body []byte) {
		if got := r.RequestURI + " " + r.Header.Get("Content-Type") + " " + string(body); got != want[r.Method] {
			t.Errorf("got %s %s\nwant %s", r.Method, got, want[r.Method])
		}
		if got := r.Header.Get("Authorization"); got != basic {
			t.Errorf("%s: got authorization %q, want %q", r.Method, got, basic)
		}
	}
	_, kicker := start(t, fake)
	kicker.BaseURL += "/" // a trailing slash in a setting is common
	if err := kicker.RemoveAll(t.Context(), appointment); err != nil {
		t.Error(err)
	}
	if got, want := fake.requests(), "POST GET POST"; got != want {
		t.Errorf("got requests %s, want %s", got, want)
	}
}

func TestRemoveAll(t *testing.T) {
	ok, gone := reply{status: 200, body: made}, reply{status: 504, body: `{"message":"timeout"}`}
	list := func(body string) []reply { return []reply{{status: 200, body: body}} }
	// Agora's clock ahead of ours, and a rule that old by our clock.
	dated := func(ahead, age time.Duration) reply {
		date := time.Now().Add(ahead).UTC().Format(http.TimeFormat)
		return reply{status: 200, body: rules(age, vectorAppID, wholeRoom), header: http.Header{"Date": {date}}}
	}
	for _, test := range []struct {
		name  string
		posts []reply
		gets  []reply
		asked string
		want  string // in the error; empty for success
	}{
		{"a confirmed rule is enough", []reply{ok}, nil, "POST", ""},
		{"wrong credentials are not tried again", []reply{{status: 401, body: `{"message":"Invalid authentication credentials"}`}}, nil, "POST", "Invalid authentication"},
		{"a forbidden app is not tried again", []reply{{status: 403}}, nil, "POST", "http 403"},
		{"a bad request is not tried again, and says why", []reply{{status: 400, body: badAppID}}, nil, "POST", `http 400, message "invalid appid"`},
		{"an unknown path is not tried again", []reply{{status: 404}}, nil, "POST", "http 404"},
		{"too many requests are tried again", []reply{{status: 429}, {status: 429}, ok}, nil, "POST POST POST", ""},
		{"a broken server is tried again", []reply{{status: 500}, {status: 502}, {status: 503}, ok}, nil, "POST POST POST POST", ""},
		{"four tries are the end", []reply{{status: 500, header: http.Header{"X-Request-Id": {"r-17"}}}}, nil, "POST POST POST POST", `http 500, message "", request id "r-17"`},
		{"a busy Agora gets no fifth request", []reply{{status: 429}}, nil, "POST POST POST POST", "http 429"},
		{"a broken connection is tried again", []reply{{drop: true}, ok}, list(noRules), "POST GET POST", ""},
		{"a success that does not say so is tried again", []reply{{status: 200, body: `{"status":"failed"}`}, ok}, list(noRules), "POST GET POST", ""},
		{"a page of some portal is no success", []reply{{status: 200, body: "<html>Welcome to our Wi-Fi"}}, list("<html>"), "POST GET POST GET POST GET POST GET", "not a success"},
		{"another 2xx is no success", []reply{{status: 202, body: made}}, nil, "POST", "http 202"},

		{"504, and the rule is there", []reply{gone}, list(rules(0, vectorAppID, wholeRoom)), "POST GET", ""},
		{"504, and the rule is there under uid 0 and an empty ip", []reply{gone}, list(rules(0, vectorAppID, `"uid":0,"cname":"`+appointment+`","ip":"","privileges":["publish_audio","join_channel"]`)), "POST GET", ""},
		{"504, and no rule is there", []reply{gone, ok}, list(noRules), "POST GET POST", ""},
		{"504, and the list breaks", []reply{gone, ok}, []reply{{status: 500}}, "POST GET POST", ""},
		{"504, and the list is refused", []reply{gone, ok}, []reply{{status: 429, body: rules(0, vectorAppID, wholeRoom)}}, "POST GET POST", ""},
		{"504, and the list is no success", []reply{gone, ok}, list(strings.Replace(rules(0, vectorAppID, wholeRoom), "success", "failed", 1)), "POST GET POST", ""},
		{"504, and the list is no list", []reply{gone, ok}, list(`[]`), "POST GET POST", ""},
		{"504, and the only rule is an old one", []reply{gone, ok}, list(rules(time.Minute, vectorAppID, wholeRoom)), "POST GET POST", ""},
		{"504, and the only rule has no age", []reply{gone, ok}, list(strings.ReplaceAll(rules(0, vectorAppID, wholeRoom), "createAt", "x")), "POST GET POST", ""},
		{"504, and the only rule is another app's", []reply{gone, ok}, list(rules(0, vectorCertificate, wholeRoom)), "POST GET POST", ""},
		{"504, and the only rule is another channel's", []reply{gone, ok}, list(rules(0, vectorAppID, strings.Replace(wholeRoom, appointment, "other", 1))), "POST GET POST", ""},
		{"504, and the only rule is for one user", []reply{gone, ok}, list(rules(0, vectorAppID, strings.Replace(wholeRoom, `"uid":null`, `"uid":7`, 1))), "POST GET POST", ""},
		{"504, and the only rule is for one address", []reply{gone, ok}, list(rules(0, vectorAppID, strings.Replace(wholeRoom, `"ip":null`, `"ip":"192.0.2.7"`, 1))), "POST GET POST", ""},
		{"504, and the only rule mutes", []reply{gone, ok}, list(rules(0, vectorAppID, strings.Replace(wholeRoom, "join_channel", "publish_audio", 1))), "POST GET POST", ""},
		{"504, and the rule is there though our clock is hours slow", []reply{gone}, []reply{dated(3*time.Hour, -3*time.Hour)}, "POST GET", ""},
		{"504, and the rule is old though our clock says new", []reply{gone, ok}, []reply{dated(3*time.Hour, 0)}, "POST GET POST", ""},
		{"504, and the list has no date", []reply{gone, ok}, []reply{{status: 200, body: rules(0, vectorAppID, wholeRoom), header: http.Header{"Date": nil}}}, "POST GET POST", ""},
		{"504 at the last try, and the rule is there", []reply{{status: 500}, {status: 500}, {status: 500}, gone}, list(rules(0, vectorAppID, wholeRoom)), "POST POST POST POST GET", ""},
		{"504 for ever", []reply{gone}, list(noRules), "POST GET POST GET POST GET POST GET", "http 504"},
		{"500 says enough not to ask", []reply{{status: 500}, ok}, list(rules(0, vectorAppID, wholeRoom)), "POST POST", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			fake := &fakeAgora{plan: map[string][]reply{"POST": test.posts, "GET": test.gets}}
			_, kicker := start(t, fake)
			err := kicker.RemoveAll(t.Context(), appointment)
			if test.want == "" && err != nil {
				t.Errorf("got error %v", err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), appointment)) {
				t.Errorf("got error %v, want one with %q and the channel", err, test.want)
			}
			status := test.posts[0].status
			if refused := status == 401 || status == 403; errors.Is(err, ErrUnauthorized) != refused {
				t.Errorf("got error %v, want ErrUnauthorized: %t", err, refused)
			}
			if got := fake.requests(); got != test.asked {
				t.Errorf("got requests %s, want %s", got, test.asked)
			}
		})
	}
}
