package hooks

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/polyclinic-os/polyclinic/kernel"
)

var limitSettings = []kernel.Setting{
	{Name: "POLYCLINIC_DISABLE", Doc: "Modules to switch off, separated by commas: their paths answer 404, their data stays."},
}

// What one request may send.
const (
	maxJSON   = 2 << 20  // a body that is no upload
	maxUpload = 32 << 20 // all files of a form together
	maxQuery  = 8 << 10
)

// How long a client may take. Writing has PocketBase's five minutes, which it lifts for
// realtime connections; so has reading, for uploads.
const (
	headersWithin = 10 * time.Second
	bodyWithin    = time.Minute // unless it is an upload
	idleAtMost    = 2 * time.Minute
	maxHeaders    = 64 << 10
)

// bindLimits caps bodies and queries, bounds how long clients take to send them, and says
// with Retry-After when to come again: PocketBase's 429 does not, nor does a database that
// somebody else writes.
func bindLimits(k *kernel.Kernel) {
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "platform.limits", Func: func(se *core.ServeEvent) error {
		se.Server.ReadHeaderTimeout, se.Server.IdleTimeout, se.Server.MaxHeaderBytes = headersWithin, idleAtMost, maxHeaders
		se.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "platform.limits", Priority: -8000, Func: func(e *core.RequestEvent) error {
			if len(e.Request.URL.RawQuery) > maxQuery {
				return k.APIError(kernel.ErrQuery.Saying("The query is too long: at most 8 KB."))
			}
			body, err := bound(e)
			if err != nil {
				return k.APIError(err)
			}
			err = e.Next()
			if err != nil && body.exceeded {
				return k.APIError(kernel.ErrTooLarge) // PocketBase says that it could not read the body
			}
			if h := e.Response.Header(); err != nil && h.Get("Retry-After") == "" {
				if busy := kernel.StorageError(err); busy != nil && busy.Is(kernel.ErrWriting) {
					h.Set("Retry-After", "5")
				} else if k.StatusOf(err) == http.StatusTooManyRequests {
					h.Set("Retry-After", "10")
				}
			}
			return err
		}})
		return se.Next()
	}})
}

// bound puts the body's limits in place, or refuses one that says ahead that it is too large.
func bound(e *core.RequestEvent) (*boundedBody, error) {
	upload := strings.HasPrefix(strings.ToLower(e.Request.Header.Get("Content-Type")), "multipart/")
	body := &boundedBody{ReadCloser: e.Request.Body, limit: maxJSON, done: func() {}}
	if upload {
		body.limit = maxUpload
	}
	if e.Request.ContentLength > int64(body.limit) {
		return nil, kernel.ErrTooLarge
	}
	if !upload && e.Request.ContentLength != 0 {
		c := http.NewResponseController(e.Response)
		// Where there is no connection to set a deadline on, as in a batch, there is nobody slow.
		if c.SetReadDeadline(time.Now().Add(bodyWithin)) == nil {
			body.done = func() { _ = c.SetReadDeadline(time.Time{}) } // it could be set a moment ago
		}
	}
	e.Request.Body = body
	return body, nil
}

// boundedBody refuses to be read beyond its limit: a body sent in chunks does not say its
// length ahead. Like PocketBase's it can be read again.
type boundedBody struct {
	io.ReadCloser
	limit, read int
	exceeded    bool
	done        func() // once the client has sent everything
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.read += n; b.read > b.limit {
		b.exceeded = true
		return n, kernel.ErrTooLarge
	}
	if err == io.EOF {
		b.read = 0 // PocketBase's body starts over then
		b.done()
		b.done = func() {}
	}
	return n, err
}

// Reread is router.Rereader.
func (b *boundedBody) Reread() {
	b.read = 0
	if r, ok := b.ReadCloser.(router.Rereader); ok {
		r.Reread()
	}
}

// counter counts what is open at once, in all and by address.
type counter struct {
	mu               sync.Mutex
	all, maxAll, max int
	by               map[string]int
}

func newCounter(maxAll, maxEach int) *counter {
	return &counter{maxAll: maxAll, max: maxEach, by: map[string]int{}}
}

func (c *counter) take(key string) (release func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all >= c.maxAll || c.by[key] >= c.max {
		return nil, false
	}
	c.all++
	c.by[key]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.all--
		if c.by[key]--; c.by[key] == 0 {
			delete(c.by, key)
		}
	}, true
}
