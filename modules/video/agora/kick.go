package agora

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

const (
	// DefaultBaseURL is where Agora's REST API lives.
	// Source: docs.agora.io, channel management API, "How to call RESTful API".
	DefaultBaseURL = "https://api.agora.io"

	// defaultTimeout is the least that Agora advises for creating a rule.
	// Source: docs.agora.io, channel management API, "Get rule list", note.
	defaultTimeout = 20 * time.Second

	rulePath    = "/dev/v1/kicking-rule"
	maxTries    = 4
	maxReply    = 4 << 20 // bytes; a rule is about 200, a list holds all of an app's
	maxMessage  = 200     // bytes of Agora's own words that an error repeats
	joinChannel = "join_channel"
)

// ErrUnauthorized says that Agora refused the customer key and secret, or that
// they do not belong to the app: a person must correct the settings.
var ErrUnauthorized = errors.New("agora refused the rest credentials")

// Kicker empties Agora channels, and keeps users out of them, through the kicking-rule API. Key and Secret are
// the customer ID and secret of Agora's RESTful API, not the app certificate.
// AppID, Key and Secret are required; every other zero value has a default.
// A Kicker is safe for concurrent use while its fields stay as they are.
// Printed or marshalled, it shows neither Key nor Secret.
type Kicker struct {
	BaseURL string // default DefaultBaseURL; https, or http on this machine only
	AppID   string // 32 hex digits
	Key     string `json:"-"`
	Secret  string `json:"-"`

	HTTP    *http.Client                   `json:"-"` // default: a plain one; its redirect policy is not used
	Timeout time.Duration                  // per request, default 20 s; keep it there or above
	Backoff func(failed int) time.Duration `json:"-"` // the wait after the nth failed try, default about 1, 2, 4 s
}

// String leaves the credentials out, so that no log line can hold them.
func (k Kicker) String() string { return "agora kicker of app " + k.AppID }

// GoString does for %#v what String does for the other verbs.
func (k Kicker) GoString() string { return k.String() }

// order is a rule to make.
type order struct {
	AppID      string   `json:"appid"`
	Channel    string   `json:"cname,omitempty"` // empty: every channel of the app
	UID        uint32   `json:"uid,omitempty"`   // 0: everybody
	Minutes    int      `json:"time"`            // 0: out now, and no ban. Left out, Agora would ban for an hour
	Privileges []string `json:"privileges"`
}

// RemoveAll puts everybody out of channel, once. It bans nobody: a token that
// still lives lets its holder in again, so stop issuing tokens first.
//
// It tries four times at most, waiting in between, when Agora is busy (429),
// broken (5xx), not to be reached or silent for Timeout; a timeout or a 504 may
// hide a success, so then it first asks Agora whether the rule was made. In the
// worst case that takes four times two requests and three waits, under three
// minutes by default: bound it with ctx, and never call it inside a transaction.
//
// An empty or malformed channel is refused before anything is sent, since a rule
// without a channel would reach beyond it. Errors wrap ErrUnauthorized when the
// settings are wrong and ctx's error when ctx ended; none holds Key or Secret.
// Source: docs.agora.io, channel management API, "Create rule", "Get rule list"
// and "Response status code".
func (k *Kicker) RemoveAll(ctx context.Context, channel string) error {
	if err := checkChannel(channel); err != nil {
		return err
	}
	return k.make(ctx, order{Channel: channel}, "remove all from "+channel)
}

// Bar puts one user out of channel, or of every channel of the app when it is
// empty, and lets the user in no more for as long as a token can live, so that
// those issued until now admit nobody. It tries as RemoveAll does and has its
// errors; uid 0, which would be everybody, is refused before anything is sent.
func (k *Kicker) Bar(ctx context.Context, channel string, uid uint32) error {
	if uid == 0 {
		return errors.New("agora: uid 0 is everybody; one user is barred")
	}
	what := "bar a user"
	if channel != "" {
		if err := checkChannel(channel); err != nil {
			return err
		}
		what += " from " + channel
	}
	return k.make(ctx, order{Channel: channel, UID: uid, Minutes: int(MaxTokenLife / time.Minute)}, what)
}

// make makes a rule; what says in an error what it was for.
func (k *Kicker) make(ctx context.Context, o order, what string) error {
	endpoint, err := k.endpoint()
	if err != nil {
		return err
	}
	o.AppID, o.Privileges = k.AppID, []string{joinChannel}
	started := time.Now()
	for failed := 1; ; failed++ {
		failure := k.post(ctx, endpoint, o)
		if failure == nil || failure.unsure && k.ruleMade(ctx, endpoint, o, started) {
			return nil
		}
		if !failure.again || failed == maxTries {
			return k.clean(fmt.Errorf("agora: %s: %w", what, failure.err))
		}
		if err := wait(ctx, k.pause(failed)); err != nil {
			return k.clean(fmt.Errorf("agora: %s: %w; last try: %w", what, err, failure.err))
		}
	}
}

// failure is a try that brought no success.
type failure struct {
	err    error
	again  bool // another try may succeed
	unsure bool // Agora may have done it all the same
}

// post makes the rule once; nil means that Agora confirmed it.
func (k *Kicker) post(ctx context.Context, endpoint string, o order) *failure {
	body, err := json.Marshal(o)
	if err != nil {
		return &failure{err: err}
	}
	status, header, reply, err := k.do(ctx, http.MethodPost, endpoint, body)
	if err != nil {
		return &failure{err: err, again: true, unsure: true}
	}
	var answer struct{ Status, Message string }
	// A reply that is no JSON leaves answer empty, and that is no success.
	_ = json.Unmarshal(reply, &answer)
	switch {
	case status == http.StatusOK && answer.Status == "success":
		return nil
	case status == http.StatusOK:
		return &failure{err: fmt.Errorf("answer is not a success: status %s", k.quote(answer.Status)), again: true, unsure: true}
	}
	// Agora's support asks for the request id.
	err = fmt.Errorf("http %d, message %s, request id %s", status, k.quote(answer.Message), k.quote(header.Get("X-Request-ID")))
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		err = fmt.Errorf("%w: %w", ErrUnauthorized, err)
	}
	return &failure{
		err:    err,
		again:  status == http.StatusTooManyRequests || status >= 500,
		unsure: status == http.StatusGatewayTimeout,
	}
}

// do sends one request and returns the whole reply. It follows no redirect:
// that would hand the credentials to whoever answers there.
func (k *Kicker) do(ctx context.Context, method, target string, body []byte) (status int, header http.Header, reply []byte, err error) {
	timeout := k.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	request.SetBasicAuth(k.Key, k.Secret)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")

	var client http.Client
	if k.HTTP != nil {
		client = *k.HTTP
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, nil, err
	}
	defer response.Body.Close()
	reply, err = io.ReadAll(io.LimitReader(response.Body, maxReply))
	if err != nil {
		return 0, nil, nil, fmt.Errorf("read answer: %w", err)
	}
	return response.StatusCode, response.Header, reply, nil
}

// endpoint returns the rules' address, or what is wrong with k's fields.
func (k *Kicker) endpoint() (string, error) {
	if !isHex32(k.AppID) {
		return "", errAppID
	}
	if k.Key == "" || k.Secret == "" {
		return "", errors.New("agora: customer key or secret is missing")
	}
	if k.BaseURL == "" {
		return DefaultBaseURL + rulePath, nil
	}
	base, err := url.Parse(k.BaseURL)
	if err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return "", errors.New("agora: base url is not of the form https://host")
	}
	// Basic authentication is readable on the wire.
	if base.Scheme != "https" && (base.Scheme != "http" || !isLoopback(base.Hostname())) {
		return "", errors.New("agora: base url is not https")
	}
	return base.JoinPath(rulePath).String(), nil
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// pause is how long to wait after so many failed tries, from 1 up.
func (k *Kicker) pause(failed int) time.Duration {
	if k.Backoff != nil {
		return k.Backoff(failed)
	}
	// Spread by a quarter either way: calls end on the hour, many at once, and
	// Agora allows ten requests a second per account.
	base := time.Second << (failed - 1)
	return base*3/4 + rand.N(base/2)
}

// wait returns nil after d, or ctx's error as soon as ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	return ctx.Err()
}

// quote returns somebody else's words fit for an error: without our credentials,
// on one line and short. Credentials go first, lest the cut leave half of one.
func (k *Kicker) quote(words string) string {
	words = k.hide(words)
	return fmt.Sprintf("%q", words[:min(len(words), maxMessage)])
}

// clean returns err, or its text without our credentials when that holds them.
func (k *Kicker) clean(err error) error {
	if text := k.hide(err.Error()); text != err.Error() {
		return errors.New(text)
	}
	return err
}

func (k *Kicker) hide(text string) string {
	basic := base64.StdEncoding.EncodeToString([]byte(k.Key + ":" + k.Secret))
	return strings.NewReplacer(basic, "[hidden]", k.Secret, "[hidden]", k.Key, "[hidden]").Replace(text)
}
