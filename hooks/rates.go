package hooks

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
)

var errRate = kernel.Fail(http.StatusTooManyRequests, "too_many_requests", "Too many requests.")

// bindRates counts requests by class for each account, and for each address while nobody is
// signed in, beside the rules by path in PocketBase's settings. Both are on while those are.
func bindRates(k *kernel.Kernel) {
	r := &rates{k: k, buckets: &buckets{by: map[string]*bucket{}}}
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "platform.rates", Func: func(se *core.ServeEvent) error {
		se.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "platform.rates", Priority: kernel.PriorityGuard, Func: func(e *core.RequestEvent) error {
			if err := r.count(e, 1, 0); err != nil {
				return err
			}
			return e.Next()
		}})
		return se.Next()
	}})
	// The requests in a batch pass no middleware. One of them was counted as the batch.
	k.App.OnBatchRequest().Bind(&hook.Handler[*core.BatchRequestEvent]{Id: "platform.rates", Priority: first + 1, Func: func(e *core.BatchRequestEvent) error {
		if err := r.count(e.RequestEvent, len(e.Batch)-1, 1); err != nil {
			return err
		}
		return e.Next()
	}})
}

type rates struct {
	k       *kernel.Kernel
	buckets *buckets
}

// count takes n requests more of what the caller may send, and refuses when that is used up;
// before is how many this one was counted as already.
func (r *rates) count(e *core.RequestEvent, n, before int) error {
	limits := e.App.Settings().RateLimits
	class, counted := classOf(r.k, e.Request)
	if n < 1 || !counted || !limits.Enabled || e.HasSuperuserAuth() || slices.Contains(limits.ExcludedIPs, e.RealIP()) {
		return nil
	}
	perMinute, err := perMinute(r.k, class)
	if err != nil {
		return err
	}
	wait := r.buckets.take(string(class)+"|"+callerOf(e, class), perMinute, n, before, time.Now())
	if wait <= 0 {
		return nil
	}
	seconds := strconv.Itoa(int(math.Ceil(wait.Seconds())))
	e.Response.Header().Set("Retry-After", seconds)
	return r.k.APIError(errRate.Saying("Too many requests. Try again in " + seconds + " seconds."))
}

func perMinute(k *kernel.Kernel, class kernel.RateClass) (int, error) {
	rules, err := kernel.One[kernel.WebRules](k)
	if err != nil {
		return 0, err
	}
	return rules.PerMinute(k.App, class)
}

// callerOf is whose requests are counted together. Sign-ins are an address's: whoever
// guesses has no account yet.
func callerOf(e *core.RequestEvent, class kernel.RateClass) string {
	if e.Auth == nil || class == kernel.SignInRate {
		return e.RealIP()
	}
	return e.Auth.Id
}

// classOf returns the class of a request; what is no business of the API is not counted.
func classOf(k *kernel.Kernel, r *http.Request) (class kernel.RateClass, counted bool) {
	p := r.URL.Path
	if !strings.HasPrefix(p, "/api/") || r.Method == http.MethodOptions || p == "/api/health" {
		return "", false
	}
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case !reads && isSignIn(p):
		return kernel.SignInRate, true
	case reads && (k.Exports(r.Pattern) || slices.Contains([]string{"csv", "pdf"}, strings.ToLower(r.URL.Query().Get("format")))):
		return kernel.ExportRate, true
	case reads:
		return kernel.ReadRate, true
	}
	return kernel.WriteRate, true
}

// isSignIn names the paths that check a password, a code or a link, or send one.
func isSignIn(path string) bool {
	switch path {
	case "/api/auth/login", "/api/auth/register", "/api/auth/invitation", "/api/auth/setup":
		return true
	}
	last := path[strings.LastIndexByte(path, '/')+1:]
	return strings.HasPrefix(path, "/api/collections/") && (strings.HasPrefix(last, "auth-with-") || strings.HasPrefix(last, "request-") || strings.HasPrefix(last, "confirm-"))
}

// buckets holds one bucket per class and caller. A bucket begins full, so that opening a
// page with many lists waits for nothing, and fills up again at an even pace.
type buckets struct {
	mu sync.Mutex
	by map[string]*bucket
}

type bucket struct {
	left float64
	at   time.Time
}

// maxBuckets bounds the memory that strangers can fill.
const maxBuckets = 50_000

// take returns how long the caller must wait, 0 when n requests may go on. More than a full
// bucket holds are let through by a full one, before of which were taken already, and are
// owed: the next ones wait for that.
func (b *buckets) take(key string, perMinute, n, before int, now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	rate := float64(perMinute) / 60
	x := b.by[key]
	if x == nil {
		if len(b.by) >= maxBuckets {
			b.makeRoom(now)
		}
		x = &bucket{left: float64(perMinute), at: now}
		b.by[key] = x
	}
	x.left = min(float64(perMinute), x.left+max(0, now.Sub(x.at).Seconds())*rate)
	x.at = now
	if needed := float64(min(n, perMinute-before)); x.left < needed {
		return time.Duration((needed - x.left) / rate * float64(time.Second))
	}
	x.left -= float64(n)
	return 0
}

// makeRoom drops what nobody used for a minute, which is full again, and strangers at
// random should that not be enough.
func (b *buckets) makeRoom(now time.Time) {
	for key, x := range b.by {
		if now.Sub(x.at) > time.Minute {
			delete(b.by, key)
		}
	}
	for key := range b.by {
		if len(b.by) < maxBuckets*9/10 {
			return
		}
		delete(b.by, key)
	}
}
