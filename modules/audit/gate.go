package audit

import (
	"net/http"

	"github.com/pocketbase/pocketbase/tools/router"
)

// gate holds the first byte back until the entry is written.
type gate struct {
	http.ResponseWriter
	enter  func(status int) error
	passed bool
	failed bool
}

func (g *gate) pass(status int) bool {
	if !g.passed {
		g.passed = true
		if g.enter(status) != nil {
			g.failed = true
			h := g.Header()
			for _, name := range []string{"Content-Length", "Content-Disposition", "Content-Range", "Content-Encoding", "ETag", "Last-Modified", "Accept-Ranges"} {
				h.Del(name)
			}
			router.ErrorHandler(g.ResponseWriter, &http.Request{Method: http.MethodGet}, errNoTrail)
		}
	}
	return !g.failed
}

func (g *gate) WriteHeader(status int) {
	if status < http.StatusOK && status != http.StatusSwitchingProtocols {
		g.ResponseWriter.WriteHeader(status) // "100 Continue" says nothing
		return
	}
	if g.pass(status) {
		g.ResponseWriter.WriteHeader(status)
	}
}

func (g *gate) Write(b []byte) (int, error) {
	if !g.pass(http.StatusOK) {
		return len(b), nil // the refusal is the answer
	}
	return g.ResponseWriter.Write(b)
}

// FlushError sends what is there, which begins the answer.
func (g *gate) FlushError() error {
	if !g.pass(http.StatusOK) {
		return nil
	}
	return http.NewResponseController(g.ResponseWriter).Flush()
}

// Written is router.WriteTracker.
func (g *gate) Written() bool {
	t, ok := g.ResponseWriter.(router.WriteTracker)
	return ok && t.Written()
}

// Status is router.StatusTracker.
func (g *gate) Status() int {
	if t, ok := g.ResponseWriter.(router.StatusTracker); ok {
		return t.Status()
	}
	return 0
}

// Unwrap lets http.ResponseController reach the writer below, for deadlines. It does not
// let anybody flush past the gate: FlushError is found first.
func (g *gate) Unwrap() http.ResponseWriter { return g.ResponseWriter }
