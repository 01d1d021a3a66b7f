package postgrestest

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// Pooler is what PgBouncer is in transaction mode, at its harshest: each transaction of a
// client runs in another session of the server than the one before, and like PgBouncer it
// takes no settings at the start of a connection but those that it tracks. It notes every
// statement that it sees on the wire.
type Pooler struct {
	listener net.Listener
	idle     chan *session

	mu    sync.Mutex
	seen  []string
	bad   []string
	claim map[string]string
}

type session struct {
	conn     net.Conn
	frontend *pgproto3.Frontend
	params   map[string]string
}

// allowed are the settings that PgBouncer takes from a client.
var allowed = []string{"user", "database", "client_encoding", "datestyle", "timezone", "standard_conforming_strings", "application_name"}

// NewPooler listens on a free loopback port and keeps sessions of the database url.
func NewPooler(tb testing.TB, url string, sessions int) *Pooler {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Pooler{listener: l, idle: make(chan *session, sessions)}
	for range sessions {
		c, err := pgconn.Connect(context.Background(), url)
		if err != nil {
			tb.Fatal(err)
		}
		h, err := c.Hijack()
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { _ = h.Conn.Close() }) // the server ends the session
		p.idle <- &session{h.Conn, pgproto3.NewFrontend(h.Conn, h.Conn), h.ParameterStatuses}
	}
	tb.Cleanup(func() { _ = l.Close() }) // nothing more comes
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(client)
		}
	}()
	return p
}

// Address is the pooler's host and port.
func (p *Pooler) Address() string { return p.listener.Addr().String() }

// Claim makes the pooler say of the server what is not so, such as that its
// server_version is another.
func (p *Pooler) Claim(name, value string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claim = map[string]string{name: value}
}

// Seen returns the statements that went over the wire.
func (p *Pooler) Seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.seen...)
}

// Refused returns what a pooler in transaction mode does not carry: named statements,
// settings at the start of a connection.
func (p *Pooler) Refused() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.bad...)
}

func (p *Pooler) note(list *[]string, s string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*list = append(*list, s)
}

func (p *Pooler) serve(client net.Conn) {
	defer client.Close()
	b := pgproto3.NewBackend(client, client)
	if !p.greet(client, b) {
		return
	}
	var s *session
	defer func() {
		if s != nil { // the client left within a transaction
			s.frontend.Send(&pgproto3.Query{String: "ROLLBACK"})
			if s.frontend.Flush() == nil && p.answer(s, nil) {
				p.idle <- s
			}
		}
	}()
	for {
		message, err := b.Receive()
		if _, bye := message.(*pgproto3.Terminate); bye || err != nil {
			return // the session goes on to serve others
		}
		if s == nil {
			s = <-p.idle
		}
		p.inspect(message)
		s.frontend.Send(message)
		switch message.(type) {
		case *pgproto3.Sync, *pgproto3.Query, *pgproto3.CopyDone, *pgproto3.CopyFail:
			if s.frontend.Flush() != nil {
				return
			}
			if ended := p.answer(s, b); b.Flush() != nil {
				return
			} else if ended {
				p.idle <- s // behind the others: the next transaction runs elsewhere
				s = nil
			}
		case *pgproto3.CopyData, *pgproto3.Flush:
			if s.frontend.Flush() != nil {
				return
			}
		}
	}
}

// answer passes on what the session says, up to where it is ready or waits for data. It
// reports whether the transaction is over.
func (p *Pooler) answer(s *session, b *pgproto3.Backend) bool {
	for {
		message, err := s.frontend.Receive()
		if err != nil {
			return false
		}
		if b != nil {
			b.Send(message)
		}
		switch m := message.(type) {
		case *pgproto3.ReadyForQuery:
			return m.TxStatus == 'I'
		case *pgproto3.CopyInResponse:
			return false
		}
	}
}

func (p *Pooler) inspect(message pgproto3.FrontendMessage) {
	switch m := message.(type) {
	case *pgproto3.Parse:
		p.note(&p.seen, m.Query)
		if m.Name != "" {
			p.note(&p.bad, "a prepared statement: "+m.Query)
		}
	case *pgproto3.Query:
		p.note(&p.seen, m.String)
	}
}

// greet takes the client in without asking who it is.
func (p *Pooler) greet(client net.Conn, b *pgproto3.Backend) bool {
	for {
		message, err := b.ReceiveStartupMessage()
		if err != nil {
			return false
		}
		switch m := message.(type) {
		case *pgproto3.StartupMessage:
			for name := range m.Parameters {
				if !strings.Contains(" "+strings.Join(allowed, " ")+" ", " "+strings.ToLower(name)+" ") {
					p.note(&p.bad, "a setting at the start: "+name)
				}
			}
			s := <-p.idle
			params := s.params
			p.idle <- s
			b.Send(&pgproto3.AuthenticationOk{})
			p.mu.Lock()
			claim := p.claim
			p.mu.Unlock()
			for name, value := range params {
				if other, ok := claim[name]; ok {
					value = other
				}
				b.Send(&pgproto3.ParameterStatus{Name: name, Value: value})
			}
			b.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 1}})
			b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
			return b.Flush() == nil
		default: // TLS: not here
			if _, err := client.Write([]byte("N")); err != nil {
				return false
			}
		}
	}
}
