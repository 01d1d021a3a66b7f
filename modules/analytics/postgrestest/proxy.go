package postgrestest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy is a network between a client and a server that a test can cut, slow down and
// leave half open.
type Proxy struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	conns map[net.Conn]bool
	down  bool
	at    string        // cut once the client has said it, "" for never
	held  chan struct{} // closed while traffic flows

	delay  atomic.Int64 // for each piece of data, either way
	budget atomic.Int64 // bytes to the server until the cut; negative: no end
	taken  atomic.Int64
	tried  atomic.Int64
}

// NewProxy listens on a free loopback port and passes on to target, a Server's Address.
func NewProxy(tb testing.TB, target string) *Proxy {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{listener: l, target: target, conns: map[net.Conn]bool{}, held: make(chan struct{})}
	close(p.held)
	p.budget.Store(-1)
	go p.serve()
	tb.Cleanup(func() {
		_ = l.Close() // nothing more comes
		p.Cut()
		p.Resume()
	})
	return p
}

// Address is the proxy's host and port.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Cut closes every connection and refuses new ones until Mend.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = true
	for c := range p.conns {
		_ = c.Close() // either end may have closed it
	}
}

// Mend ends Cut and CutAfter.
func (p *Proxy) Mend() {
	p.budget.Store(-1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = false
}

// CutAfter cuts as soon as so many further bytes have gone to the server.
func (p *Proxy) CutAfter(bytes int64) { p.budget.Store(p.taken.Load() + bytes) }

// CutAt cuts once, as soon as the client's next piece that holds the text, such as COMMIT,
// went to the server: the answer is lost. Others may connect again at once.
func (p *Proxy) CutAt(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = text
}

// Down reports whether it is cut.
func (p *Proxy) Down() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.down
}

// Tries is how often somebody connected, while it was cut too.
func (p *Proxy) Tries() int64 { return p.tried.Load() }

// cutAt reports whether the piece is the one after which to cut.
func (p *Proxy) cutAt(piece []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at == "" || !bytes.Contains(piece, []byte(p.at)) {
		return false
	}
	p.at = ""
	return true
}

// Slow holds up each piece of data, either way, for d.
func (p *Proxy) Slow(d time.Duration) { p.delay.Store(int64(d)) }

// Hold leaves connections half open: they stay, new ones are taken, and nothing gets
// through until Resume.
func (p *Proxy) Hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.held:
		p.held = make(chan struct{})
	default: // held already
	}
}

// Resume ends Hold.
func (p *Proxy) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.held:
	default:
		close(p.held)
	}
}

// Bytes is how many bytes went to the server.
func (p *Proxy) Bytes() int64 { return p.taken.Load() }

func (p *Proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.tried.Add(1)
		go p.join(client)
	}
}

func (p *Proxy) join(client net.Conn) {
	defer client.Close()
	if !p.note(client) {
		return
	}
	defer p.forget(client)
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	if !p.note(server) {
		return
	}
	defer p.forget(server)
	done := make(chan struct{}, 2)
	go func() { p.pass(server, client, true); done <- struct{}{} }()
	go func() { p.pass(client, server, false); done <- struct{}{} }()
	<-done
}

func (p *Proxy) note(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = true
	return !p.down
}

func (p *Proxy) forget(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

func (p *Proxy) gate() chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held
}

var errCut = errors.New("cut")

func (p *Proxy) pass(to io.Writer, from io.Reader, up bool) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			<-p.gate()
			time.Sleep(time.Duration(p.delay.Load()))
			if werr := p.write(to, buf[:n], up); werr != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// write passes a piece on; of the piece that goes over the budget, the part up to it.
func (p *Proxy) write(to io.Writer, piece []byte, up bool) error {
	if !up {
		_, err := to.Write(piece)
		return err
	}
	sum := p.taken.Add(int64(len(piece)))
	end := p.budget.Load()
	if end < 0 || sum <= end {
		_, err := to.Write(piece)
		if p.cutAt(piece) {
			return errCut // join closes both ends
		}
		return err
	}
	if keep := int64(len(piece)) - (sum - end); keep > 0 {
		_, _ = to.Write(piece[:keep]) // it is cut anyway
	}
	p.Cut()
	return errCut
}
