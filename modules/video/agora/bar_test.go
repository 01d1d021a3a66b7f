package agora

import (
	"fmt"
	"net/http"
	"testing"
)

func TestBar(t *testing.T) {
	ok, gone := reply{status: 200, body: made}, reply{status: 504}
	one := func(uid, channel string) []reply {
		return []reply{{status: 200, body: rules(0, vectorAppID, `"uid":`+uid+`,"cname":`+channel+`,"ip":null,"privileges":["join_channel"]`)}}
	}
	room := fmt.Sprintf("%q", appointment)
	for _, test := range []struct {
		name, channel string
		posts, gets   []reply
		asked, body   string
	}{
		{"from a channel, a day long", appointment, []reply{ok}, nil, "POST", `"cname":"` + appointment + `","uid":77,"time":1440,`},
		{"from every channel", "", []reply{ok}, nil, "POST", `"uid":77,"time":1440,`},
		{"504, and the rule is there", appointment, []reply{gone}, one("77", room), "POST GET", ""},
		{"504, and the rule is there as text", appointment, []reply{gone}, one(`"77"`, room), "POST GET", ""},
		{"504, and the rule for every channel is there", "", []reply{gone}, one("77", "null"), "POST GET", ""},
		{"504, and the only rule is another's", appointment, []reply{gone, ok}, one("777", room), "POST GET POST", ""},
		{"504, and the only rule emptied the channel once", appointment, []reply{gone, ok}, one("null", room), "POST GET POST", ""},
		{"504, and the only rule is for one channel", "", []reply{gone, ok}, one("77", room), "POST GET POST", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			fake := &fakeAgora{plan: map[string][]reply{"POST": test.posts, "GET": test.gets}}
			want := `{"appid":"` + vectorAppID + `",` + test.body + `"privileges":["join_channel"]}`
			fake.check = func(r *http.Request, body []byte) {
				if r.Method == "POST" && test.body != "" && string(body) != want {
					t.Errorf("got %s\nwant %s", body, want)
				}
			}
			_, kicker := start(t, fake)
			if err := kicker.Bar(t.Context(), test.channel, 77); err != nil {
				t.Error(err)
			}
			if got := fake.requests(); got != test.asked {
				t.Errorf("got requests %s, want %s", got, test.asked)
			}
		})
	}
	fake := &fakeAgora{plan: map[string][]reply{"POST": {ok}}}
	_, kicker := start(t, fake)
	if kicker.Bar(t.Context(), appointment, 0) == nil || kicker.Bar(t.Context(), "a/b?", 77) == nil || fake.requests() != "" {
		t.Errorf("everybody, or nobody's channel, was barred: %s", fake.requests())
	}
}
