package kerneltest

import (
	"strings"
	"testing"
)

// Scenario is one request and what must come of it. A table of them reads as sentences.
type Scenario struct {
	Name    string // states the behaviour: "somebody else's is not there"
	As      Account
	Method  string // default POST
	Path    string
	Body    any
	Headers []string
	Want    int      // status
	Has     []string // parts of the answer
	Not     []string // parts that the answer must not have
	Before  func(t *testing.T, s *Server)
	Then    func(t *testing.T, s *Server, r Response)
}

// Run sends every scenario to a server of its own.
func (set *Set) Run(t *testing.T, scenarios []Scenario) {
	t.Helper()
	for _, sc := range scenarios {
		t.Run(sc.Name, func(t *testing.T) { sc.run(t, set.Start(t)) })
	}
}

// On sends every scenario, in order, to the same server.
func (s *Server) On(t *testing.T, scenarios []Scenario) {
	t.Helper()
	for _, sc := range scenarios {
		t.Run(sc.Name, func(t *testing.T) { sc.run(t, s) })
	}
}

func (sc Scenario) run(t *testing.T, s *Server) {
	t.Helper()
	if sc.Before != nil {
		sc.Before(t, s)
	}
	method := sc.Method
	if method == "" {
		method = "POST"
	}
	r := s.As(t, sc.As, method, sc.Path, sc.Body, sc.Headers...)
	if r.Status != sc.Want {
		t.Fatalf("%s %s: got %d, want %d: %s", method, sc.Path, r.Status, sc.Want, r.Body)
	}
	for _, part := range sc.Has {
		if !strings.Contains(r.Body, part) {
			t.Errorf("%s %s: answer lacks %s: %s", method, sc.Path, part, r.Body)
		}
	}
	for _, part := range sc.Not {
		if strings.Contains(r.Body, part) {
			t.Errorf("%s %s: answer has %s: %s", method, sc.Path, part, r.Body)
		}
	}
	if sc.Then != nil {
		sc.Then(t, s, r)
	}
}
