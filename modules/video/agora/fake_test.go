package agora

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	testKey    = "c0ffee-customer-id"
	testSecret = "5ec7e7-customer-secret"
)

// Agora's published replies: "Create rule", "Get rule list", "Response status code".
const (
	made     = `{"status":"success","id":1953}`
	noRules  = `{"status":"success","rules":[]}`
	badAppID = `{"message":"invalid appid"}`
)

// reply is one answer of fakeAgora. hang answers nothing until the test ends,
// drop breaks the connection off, stall sends the head of an answer only.
type reply struct {
	status            int
	body              string
	header            http.Header
	hang, drop, stall bool
}

// fakeAgora answers each request with the next reply planned for its method, the
// last one again when none is left, and keeps the requests' methods.
type fakeAgora struct {
	mu    sync.Mutex
	asked []string
	ended chan struct{}
	plan  map[string][]reply
	check func(*http.Request, []byte)
}

func (f *fakeAgora) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // a client that gave up is no concern here
	f.mu.Lock()
	next := reply{status: http.StatusTeapot}
	if planned := f.plan[r.Method]; len(planned) > 0 {
		next = planned[0]
		if len(planned) > 1 {
			f.plan[r.Method] = planned[1:]
		}
	}
	f.asked = append(f.asked, r.Method)
	if f.check != nil {
		f.check(r, body)
	}
	f.mu.Unlock()

	if next.hang {
		<-f.ended
		return
	}
	if next.drop {
		panic(http.ErrAbortHandler)
	}
	for key, values := range next.header {
		w.Header()[key] = values
	}
	w.WriteHeader(next.status)
	io.WriteString(w, next.body)
	if next.stall {
		http.NewResponseController(w).Flush()
		<-f.ended
	}
}

func (f *fakeAgora) requests() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.asked, " ")
}

// start returns fake's server and a Kicker for it that never waits between tries.
func start(t *testing.T, fake *fakeAgora) (*httptest.Server, *Kicker) {
	t.Helper()
	fake.ended = make(chan struct{})
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(fake.ended) }) // before Close, which waits for handlers
	return server, &Kicker{
		BaseURL: server.URL, AppID: vectorAppID, Key: testKey, Secret: testSecret, HTTP: server.Client(),
		Timeout: 10 * time.Second, Backoff: func(int) time.Duration { return 0 },
	}
}

// rules is Agora's list with one rule, of the fields given, made age ago.
func rules(age time.Duration, app, fields string) string {
	at := time.Now().Add(-age).UTC().Format("2006-01-02T15:04:05.000Z")
	return fmt.Sprintf(`{"status":"success","rules":[{"id":7,"appid":%q,"opid":1406,%s,"ts":%q,"createAt":%q,"updateAt":%q}]}`, app, fields, at, at, at)
}

const wholeRoom = `"uid":null,"cname":"` + appointment + `","ip":null,"privileges":["join_channel"]`
