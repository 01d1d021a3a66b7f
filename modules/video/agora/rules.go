package agora

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rule is what Agora lists of a kicking rule, as far as we read it.
// Source: docs.agora.io, channel management API, "Get rule list".
type rule struct {
	AppID      string          `json:"appid"`
	Channel    string          `json:"cname"`
	UID        json.RawMessage `json:"uid"` // a number; null or 0 when the rule names no user
	IP         json.RawMessage `json:"ip"`  // a string or null
	Privileges []string        `json:"privileges"`
	CreatedAt  string          `json:"createAt"` // RFC 3339
}

// listSlack is how far Agora's own clocks, and the whole seconds of a Date
// header, may lie apart.
const listSlack = 5 * time.Second

// ruleMade asks Agora once whether the rule of an order was made since
// started. A false "yes" would leave people in the room; a false "no" only posts
// a rule twice, and that does no harm. So whatever is not a clear yes is a no:
// no answer, a rule of unknown age, and a rule left from an earlier call. (Agora
// does not promise to list rules with time 0, nor every rule on a bad network.)
func (k *Kicker) ruleMade(ctx context.Context, endpoint string, o order, started time.Time) bool {
	target := endpoint + "?" + url.Values{"appid": {k.AppID}}.Encode()
	status, header, reply, err := k.do(ctx, http.MethodGet, target, nil)
	if err != nil || status != http.StatusOK {
		return false
	}
	var list struct {
		Status string
		Rules  []rule
	}
	if err := json.Unmarshal(reply, &list); err != nil || list.Status != "success" {
		return false
	}
	// Ages by Agora's clock on both sides: a clinic's own may be wrong by hours.
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return false
	}
	oldest := date.Add(-time.Since(started) - listSlack)
	return slices.ContainsFunc(list.Rules, func(r rule) bool {
		createdAt, err := time.Parse(time.RFC3339, r.CreatedAt)
		return err == nil && !createdAt.Before(oldest) && r.carriesOut(o)
	})
}

// carriesOut reports whether r puts out whom the order does, from where it does:
// not one user for everybody, and nobody of one address.
func (r rule) carriesOut(o order) bool {
	who := isBlank(r.UID)
	if o.UID != 0 {
		who = strings.Trim(string(r.UID), `"`) == strconv.FormatUint(uint64(o.UID), 10)
	}
	return r.AppID == o.AppID && r.Channel == o.Channel && who &&
		isBlank(r.IP) && slices.Contains(r.Privileges, joinChannel)
}

// isBlank reports whether a field of a rule was not set, in any spelling.
func isBlank(value json.RawMessage) bool {
	return slices.Contains([]string{"", "null", "0", `""`, `"0"`}, string(value))
}
