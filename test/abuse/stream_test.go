package abuse

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"testing"
	"time"
)

// stream is a realtime connection.
type stream struct {
	id     string
	status int
	events chan string
	close  func()
}

// connect opens a realtime connection, which ends with the test.
func (c *clinic) connect(t *testing.T) *stream {
	t.Helper()
	st := c.tryConnect(t)
	if st.status != http.StatusOK {
		t.Fatalf("realtime: %d", st.status)
	}
	return st
}

func (c *clinic) tryConnect(t *testing.T) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/api/realtime", nil)
	if err != nil {
		t.Fatal(err)
	}
	c.asked.Add(1)
	res, err := direct.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	st := &stream{status: res.StatusCode, events: make(chan string, 100), close: func() { cancel(); res.Body.Close() }}
	t.Cleanup(st.close)
	if st.status != http.StatusOK {
		return st
	}
	go func() {
		defer close(st.events)
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			if data, is := strings.CutPrefix(lines.Text(), "data:"); is {
				st.events <- data
			}
		}
	}()
	var hello struct{ ClientID string }
	if err := json.Unmarshal([]byte(st.next(t)), &hello); err != nil || hello.ClientID == "" {
		t.Fatal("realtime: no client id", err)
	}
	st.id = hello.ClientID
	return st
}

// next waits for a message; "" says that the server ended the connection.
func (st *stream) next(t *testing.T) string {
	t.Helper()
	select {
	case ev := <-st.events:
		return ev
	case <-time.After(30 * time.Second):
		t.Fatal("no realtime message came")
		return ""
	}
}

func (c *clinic) subscribe(t *testing.T, st *stream, token string, topics ...string) answer {
	t.Helper()
	return c.do(t, token, "POST", "/api/realtime", map[string]any{"clientId": st.id, "subscriptions": topics})
}

// form is a body of several parts with its content type, as a header line.
func form(t *testing.T, parts ...[3]string) (body, header string) {
	t.Helper()
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for _, p := range parts { // field, file name or "", content
		h := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + p[0] + `"`}}
		if p[1] != "" {
			h["Content-Disposition"] = []string{`form-data; name="` + p[0] + `"; filename="` + p[1] + `"`}
		}
		part, err := w.CreatePart(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write([]byte(p[2])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String(), "Content-Type: " + w.FormDataContentType()
}

func (c *clinic) upload(t *testing.T, who caller, method, path, field, name, content string) answer {
	t.Helper()
	body, header := form(t, [3]string{field, name, content})
	return c.as(t, who, method, path, body, header)
}
