package audit

import (
	"fmt"
	"sync"

	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
)

// Guests may be anybody: one address can send thousands of requests a second, and an entry
// of each would fill the disk. The first of a minute are recorded, the others counted and
// recorded as one. Whoever is signed in is always recorded, and whoever is shown a record.
const guestsPerMinute = 30

// crowd counts the requests of guests.
type crowd struct {
	mu sync.Mutex
	by map[guests]int
}

// guests are those of one address, and what they do or are refused: "refused", "read", "do".
type guests struct{ address, action string }

// admits reports whether the request gets an entry of its own.
func (c *crowd) admits(a *asked, action string) bool {
	if a.event.Auth != nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[guests]int{}
	}
	who := guests{a.event.RealIP(), action}
	if len(c.by) > 10_000 && c.by[who] == 0 {
		who.address = "many"
	}
	c.by[who]++
	return c.by[who] <= guestsPerMinute
}

// sum returns the entries of what was only counted, and begins a new minute.
func (c *crowd) sum() (list []chain.Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for who, n := range c.by {
		if n <= guestsPerMinute {
			continue
		}
		e := chain.Entry{
			Actor: "guest", Address: who.address, Action: who.action, Outcome: "ok", Count: n - guestsPerMinute,
			Why: fmt.Sprintf("more than %d in a minute", guestsPerMinute),
		}
		if who.action == "refused" {
			e.Outcome = "refused"
		}
		list = append(list, e)
	}
	c.by = nil
	return list
}
