package postgrestest

import (
	"sync"
	"testing"
)

// Shared is one server for all tests of a package, started by the first that needs it:
//
//	var postgres postgrestest.Shared
//
//	func TestMain(m *testing.M) { os.Exit(postgres.Run(m)) }
//
// Tests that stop or kill their server start one of their own.
type Shared struct {
	once   sync.Once
	server *Server
	err    error
}

// Run runs the tests and removes the server.
func (s *Shared) Run(m *testing.M) int {
	defer s.Remove()
	return m.Run()
}

// Remove removes the server, if a test needed it. Run does so.
func (s *Shared) Remove() {
	if s.server != nil {
		s.server.remove()
	}
}

// Server returns the server.
func (s *Shared) Server(tb testing.TB) *Server {
	tb.Helper()
	s.once.Do(func() { s.server, s.err = start(0, nil) })
	if s.err != nil {
		tb.Fatal(s.err)
	}
	return s.server
}
