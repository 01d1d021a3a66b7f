package auth

import (
	"net/netip"
	"strings"
	"sync"
	"time"
)

// attempts slows the guessing of passwords down. It counts failures in memory for each
// account from each address, for each address, and for each account.
//
// Nobody can be locked out for ever: a wait is at most minutes, an attempt during a wait
// does not lengthen it, and whoever has signed in to an account from an address is held to
// the counter of that pair alone, whatever strangers do elsewhere.
type attempts struct {
	mu sync.Mutex
	by map[string]*tally
}

// tally is what one counter knows.
type tally struct {
	turn     sync.Mutex // of a pair: guesses wait for each other, so that a burst is counted
	waiting  int
	failures int
	last     time.Time // of the failures
	until    time.Time // no attempt before
	good     time.Time // last success of a pair
}

// allowance is how many failures are free, and the longest wait after the others: 1 s, 2 s,
// 4 s, …
type allowance struct {
	free    int
	longest time.Duration
}

var (
	perPair    = allowance{5, 5 * time.Minute}
	perAddress = allowance{50, time.Minute}
	perAccount = allowance{30, time.Minute}
)

const (
	attemptMemory = 30 * time.Minute    // failures are forgotten after so long without another
	goodMemory    = 30 * 24 * time.Hour // how long a pair is known
	maxTallies    = 100_000
)

func newAttempts() *attempts { return &attempts{by: map[string]*tally{}} }

// attempt is one try, from its begin to its outcome.
type attempt struct {
	a                      *attempts
	pair, account, address *tally
}

// begin returns how long the caller must wait, or an attempt that must be ended. Guesses at
// one account from one address take turns; a caller that may not be held up here, because
// others wait for it, is told to come again.
func (a *attempts) begin(account, address string, now func() time.Time, mayWait bool) (*attempt, time.Duration) {
	account, address = tidyKey(account), network(address)
	a.mu.Lock()
	t := &attempt{a, a.tally(pairKey(account, address), now()), a.tally("u|"+account, now()), a.tally("a|"+address, now())}
	t.each(func(t *tally) { t.waiting++ })
	a.mu.Unlock()
	gotTurn := t.pair.turn.TryLock()
	if !gotTurn && mayWait {
		t.pair.turn.Lock()
		gotTurn = true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !gotTurn {
		t.each(func(t *tally) { t.waiting-- })
		return nil, time.Second
	}
	at := now()
	wait := t.pair.until.Sub(at)
	if t.pair.good.IsZero() {
		wait = max(wait, t.account.until.Sub(at), t.address.until.Sub(at))
	}
	if wait > 0 {
		t.release()
		return nil, wait
	}
	return t, 0
}

func tidyKey(account string) string { return strings.ToLower(strings.TrimSpace(account)) }

func pairKey(account, network string) string { return "p|" + tidyKey(account) + "|" + network }

// end notes the outcome, and returns what admins have to know of: once for every row of
// failures. undecided counts neither way.
func (t *attempt) end(o outcome, now time.Time) (due alarm) {
	t.a.mu.Lock()
	defer t.a.mu.Unlock()
	switch o {
	case wrong:
		t.pair.fail(perPair, now)
		due.account = t.account.fail(perAccount, now) == alarmAccount
		due.address = t.address.fail(perAddress, now) == alarmAddress
	case right:
		// An address that guesses at many must not clear itself by signing in to one.
		t.pair.failures, t.pair.until, t.pair.good = 0, time.Time{}, now
	}
	t.release()
	return due
}

type outcome int

const (
	undecided outcome = iota
	wrong
	right
)

func (t *attempt) each(fn func(*tally)) {
	fn(t.pair)
	fn(t.account)
	fn(t.address)
}

func (t *attempt) release() {
	t.each(func(t *tally) { t.waiting-- })
	t.pair.turn.Unlock()
}

// fail returns how many failures there were in a row.
func (t *tally) fail(limit allowance, now time.Time) int {
	if now.Sub(t.last) > attemptMemory {
		t.failures = 0
	}
	t.failures++
	t.last = now
	if over := t.failures - limit.free; over >= 0 {
		t.until = now.Add(min(limit.longest, time.Second<<min(over, 20)))
	}
	return t.failures
}

// tally returns the counter, making room when there are too many.
func (a *attempts) tally(key string, now time.Time) *tally {
	if t := a.by[key]; t != nil {
		return t
	}
	if len(a.by) >= maxTallies {
		a.makeRoom(now)
	}
	t := &tally{}
	a.by[key] = t
	return t
}

// makeRoom drops what is forgotten, and if that is little, strangers at random.
func (a *attempts) makeRoom(now time.Time) {
	for key, t := range a.by {
		if t.waiting == 0 && now.Sub(t.last) > attemptMemory && now.Sub(t.good) > goodMemory {
			delete(a.by, key)
		}
	}
	for key, t := range a.by {
		if len(a.by) < maxTallies*9/10 {
			return
		}
		if t.waiting == 0 && t.good.IsZero() {
			delete(a.by, key)
		}
	}
}

// network is the address itself, or for IPv6 the /64 that one household or attacker has.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	p, err := ip.Prefix(64)
	if err != nil {
		return address
	}
	return p.String()
}
