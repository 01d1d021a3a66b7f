package audit

import (
	"fmt"
	"sync"

	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
)

// Guests may be anybody: one address can send thousands of refused requests a second, and
// an entry of each would fill the disk. The first of a minute are recorded, the others
// counted and recorded as one. Whoever is signed in is always recorded.
const guestsPerMinute = 30

// crowd counts the refused requests of guests.
type crowd struct {
	mu sync.Mutex
	by map[string]int
}

// admits reports whether the refused request gets an entry of its own.
func (c *crowd) admits(a *asked) bool {
	if a.event.Auth != nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]int{}
	}
	address := a.event.RealIP()
	if len(c.by) > 10_000 && c.by[address] == 0 {
		address = "many"
	}
	c.by[address]++
	return c.by[address] <= guestsPerMinute
}

// sum returns the entries of what was only counted, and begins a new minute.
func (c *crowd) sum() (list []chain.Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for address, n := range c.by {
		if n > guestsPerMinute {
			list = append(list, chain.Entry{
				Actor: "guest", Address: address, Action: "refused", Outcome: "refused", Count: n - guestsPerMinute,
				Why: fmt.Sprintf("more than %d in a minute", guestsPerMinute),
			})
		}
	}
	c.by = nil
	return list
}
