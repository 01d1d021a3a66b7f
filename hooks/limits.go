package hooks

import (
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/polyclinic-os/polyclinic/kernel"
)

var limitSettings = []kernel.Setting{
	{Name: "POLYCLINIC_DISABLE", Doc: "Modules to switch off, separated by commas: their paths answer 404, their data stays."},
}

// maxJSON is the largest body that is not an upload.
const maxJSON = 2 << 20

// bindLimits caps bodies and adds the Retry-After that PocketBase's 429 lacks.
func bindLimits(k *kernel.Kernel) {
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "platform.limits", Func: func(se *core.ServeEvent) error {
		se.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "platform.limits", Priority: -8000, Func: func(e *core.RequestEvent) error {
			h := e.Response.Header()
			h.Set("Referrer-Policy", "same-origin")
			h.Set("Permissions-Policy", "camera=(self), microphone=(self), geolocation=()")
			var body *boundedBody
			if !strings.HasPrefix(e.Request.Header.Get("Content-Type"), "multipart/") {
				if e.Request.ContentLength > maxJSON {
					return k.APIError(kernel.ErrTooLarge)
				}
				body = &boundedBody{ReadCloser: e.Request.Body}
				e.Request.Body = body
			}
			err := e.Next()
			if err != nil && body != nil && body.exceeded {
				return k.APIError(kernel.ErrTooLarge) // PocketBase says that it could not read the body
			}
			if err != nil && k.StatusOf(err) == http.StatusTooManyRequests && h.Get("Retry-After") == "" {
				h.Set("Retry-After", "10")
			}
			return err
		}})
		return se.Next()
	}})
}

// boundedBody refuses to be read beyond maxJSON: a body sent in chunks does not say its
// length ahead. Like PocketBase's it can be read again.
type boundedBody struct {
	io.ReadCloser
	read     int
	exceeded bool
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.read += n; b.read > maxJSON {
		b.exceeded = true
		return n, kernel.ErrTooLarge
	}
	if err == io.EOF {
		b.read = 0 // PocketBase's body starts over then
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
