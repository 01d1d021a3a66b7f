package auth

import (
	"context"
	"net/http"
	"runtime"
	"sync/atomic"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// errBusy is what sign-ins beyond the queue are told. Who is signed in notices nothing.
var errBusy = kernel.Fail(http.StatusTooManyRequests, "too_many_sign_ins", "Too many people are signing in at this moment: try again in a few seconds.")

// busyRetry is about how many seconds a full queue takes.
const busyRetry = "5"

// checks bounds how many passwords are hashed at once, each 80 ms of a processor, and how
// many requests may wait for that: a flood of sign-ins must not starve the clinic.
type checks struct {
	places  chan struct{}
	waiting atomic.Int64
	queue   int64
}

// queuePerPlace is how many wait for each place: some five seconds.
const queuePerPlace = 64

func newChecks() *checks {
	n := max(2, runtime.GOMAXPROCS(0)/2)
	return &checks{places: make(chan struct{}, n), queue: int64(n) * queuePerPlace}
}

// take waits for a place. It fails when too many wait already or the client has gone.
func (c *checks) take(ctx context.Context) (release func(), err error) {
	release = func() { <-c.places }
	select {
	case c.places <- struct{}{}:
		return release, nil
	default:
	}
	defer c.waiting.Add(-1)
	if c.waiting.Add(1) > c.queue {
		return nil, errBusy
	}
	select {
	case c.places <- struct{}{}:
		return release, nil
	case <-ctx.Done():
		return nil, kernel.ErrBadInput
	}
}
