package kerneltest

import (
	"bufio"
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
)

// patience is how long a test waits for a message that must come.
const patience = 20 * time.Second

// Stream is one realtime connection.
type Stream struct {
	ClientID string
	events   chan StreamEvent
}

// StreamEvent is one message of a realtime connection.
type StreamEvent struct {
	Name string // the topic
	Data string
}

// Connect opens a realtime connection; it ends with the test.
func (s *Server) Connect(t testing.TB) *Stream {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/realtime", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		t.Fatalf("realtime: %s", res.Status)
	}
	t.Cleanup(func() { cancel(); res.Body.Close() })
	st := &Stream{events: make(chan StreamEvent, 100)}
	go st.read(bufio.NewScanner(res.Body))
	hello, _ := st.Next(t)
	var v struct{ ClientID string }
	if err := json.Unmarshal([]byte(hello.Data), &v); err != nil || v.ClientID == "" {
		t.Fatalf("realtime: first message %v", hello)
	}
	st.ClientID = v.ClientID
	return st
}

func (st *Stream) read(lines *bufio.Scanner) {
	defer close(st.events)
	lines.Buffer(nil, 1<<20)
	var ev StreamEvent
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		switch name {
		case "event":
			ev.Name = value
		case "data":
			ev.Data = value
		case "":
			st.events <- ev
			ev = StreamEvent{}
		}
	}
}

// Next waits for a message; open is false when the server ended the connection instead.
func (st *Stream) Next(t testing.TB) (ev StreamEvent, open bool) {
	t.Helper()
	select {
	case ev, open = <-st.events:
		return ev, open
	case <-time.After(patience):
		t.Fatal("no realtime message came")
		return
	}
}

// Subscribe sets the connection's topics as the account that token belongs to.
func (s *Server) Subscribe(t testing.TB, st *Stream, token string, topics ...string) Response {
	t.Helper()
	return s.Do(t, "POST", "/api/realtime", token, map[string]any{"clientId": st.ClientID, "subscriptions": topics})
}

// end is the name of the message that End sends.
const end = "end"

// End has the server send the connection a message named "end" past every hook. It comes
// after whatever the connection was sent before, so a test that gets it knows that there
// was nothing else. It reports false if the connection is gone.
func (s *Server) End(t testing.TB, st *Stream) bool {
	t.Helper()
	client, err := s.App.SubscriptionsBroker().ClientById(st.ClientID)
	if err != nil {
		return false
	}
	s.App.OnRealtimeMessageSend().Bind(&hook.Handler[*core.RealtimeMessageEvent]{Id: "kerneltest.end", Priority: math.MinInt, Func: func(e *core.RealtimeMessageEvent) error {
		if e.Message.Name != end {
			return e.Next()
		}
		if err := e.Message.WriteSSE(e.Response, e.Client.Id()); err != nil {
			return err
		}
		return e.Flush()
	}})
	client.Send(subscriptions.Message{Name: end, Data: []byte("{}")})
	return true
}
