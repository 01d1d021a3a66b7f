package auth

import (
	"fmt"
	"testing"
	"time"
)

// clock is a time that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time       { return c.at }
func (c *clock) pass(d time.Duration) { c.at = c.at.Add(d) }

// try makes one attempt with the outcome and returns the wait, 0 when it was let through.
func (c *clock) try(a *attempts, account, address string, o outcome) time.Duration {
	t, wait := a.begin(account, address, c.now, true)
	if t != nil {
		t.end(o, c.now())
	}
	return wait
}

func start() (*attempts, *clock) {
	return newAttempts(), &clock{time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
}

func TestWaitsGrowToACap(t *testing.T) {
	a, c := start()
	for i := range 5 {
		if w := c.try(a, "ada", "192.0.2.1", wrong); w != 0 {
			t.Fatalf("failure %d waits %s", i+1, w)
		}
	}
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300} {
		w := c.try(a, "Ada ", "192.0.2.1", wrong)
		if w != want*time.Second {
			t.Fatalf("wait %s, want %d s", w, want)
		}
		if again := c.try(a, "ada", "192.0.2.1", right); again != w {
			t.Fatalf("an attempt during the wait changed it to %s", again)
		}
		c.pass(w)
		if w := c.try(a, "ada", "192.0.2.1", wrong); w != 0 {
			t.Fatalf("after the wait: %s", w)
		}
	}
}

func TestSuccessClearsThePair(t *testing.T) {
	a, c := start()
	for range 5 {
		c.try(a, "ada", "192.0.2.1", wrong)
	}
	c.pass(time.Second)
	if w := c.try(a, "ada", "192.0.2.1", right); w != 0 {
		t.Fatalf("waits %s", w)
	}
	for i := range 5 {
		if w := c.try(a, "ada", "192.0.2.1", wrong); w != 0 {
			t.Fatalf("failure %d after the success waits %s", i+1, w)
		}
	}
}

func TestFailuresAreForgotten(t *testing.T) {
	a, c := start()
	for range 9 {
		c.try(a, "ada", "192.0.2.1", wrong)
		c.pass(time.Minute)
	}
	c.pass(31 * time.Minute)
	for i := range 5 {
		if w := c.try(a, "ada", "192.0.2.1", wrong); w != 0 {
			t.Fatalf("failure %d half an hour later waits %s", i+1, w)
		}
	}
}

func TestStrangersDoNotLockTheOwnerOut(t *testing.T) {
	a, c := start()
	if w := c.try(a, "ada", "192.0.2.1", right); w != 0 {
		t.Fatal(w)
	}
	for i := range 200 { // a botnet, and a neighbour behind the same address
		c.try(a, "ada", fmt.Sprintf("198.51.100.%d", i), wrong)
		c.try(a, fmt.Sprintf("nobody%d", i), "192.0.2.1", wrong)
	}
	if w := c.try(a, "ada", "192.0.2.1", right); w != 0 {
		t.Errorf("the owner waits %s where she signed in before", w)
	}
	if w := c.try(a, "ada", "203.0.113.5", right); w <= 0 || w > time.Minute {
		t.Errorf("from a new place, waits %s, want at most a minute", w)
	}
	if w := c.try(a, "bob", "192.0.2.1", right); w <= 0 || w > time.Minute {
		t.Errorf("the guessing address waits %s at another account, want at most a minute", w)
	}
	if w := c.try(a, "bob", "203.0.113.5", right); w != 0 {
		t.Errorf("somebody else elsewhere waits %s", w)
	}
}

func TestAnUndecidedAttemptCountsNeitherWay(t *testing.T) {
	a, c := start()
	for range 20 {
		if w := c.try(a, "ada", "192.0.2.1", undecided); w != 0 {
			t.Fatalf("waits %s", w)
		}
	}
	if !a.tally("p|ada|192.0.2.1", c.now()).good.IsZero() {
		t.Error("counts as a success")
	}
}

// Whoever holds the database's one writer must not wait for somebody who waits for it.
func TestAHurriedAttemptDoesNotWaitForItsTurn(t *testing.T) {
	a, c := start()
	first, _ := a.begin("ada", "192.0.2.1", c.now, true)
	if second, wait := a.begin("ada", "192.0.2.1", c.now, false); second != nil || wait <= 0 {
		t.Errorf("got %v, %s", second, wait)
	}
	first.end(right, c.now())
	second, wait := a.begin("ada", "192.0.2.1", c.now, false)
	if second == nil || wait != 0 {
		t.Fatalf("after the first: got %v, %s", second, wait)
	}
	second.end(right, c.now())
	if n := a.tally("p|ada|192.0.2.1", c.now()).waiting; n != 0 {
		t.Errorf("%d are waiting", n)
	}
}

func TestOneHouseholdIsOneAddress(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:0db8:0001:0002::1": "2001:db8:1:2::/64", "::ffff:192.0.2.1": "::ffff:192.0.2.1", "": "", "what": "what",
	} {
		if got := network(address); got != want {
			t.Errorf("network(%q) = %q, want %q", address, got, want)
		}
	}
}

func TestCountersAreBounded(t *testing.T) {
	a, c := start()
	c.try(a, "ada", "192.0.2.1", right)
	for i := range maxTallies / 2 {
		c.try(a, fmt.Sprint("nobody", i), "198.51.100.1", wrong)
	}
	c.try(a, "bob", "203.0.113.1", wrong)
	if len(a.by) > maxTallies {
		t.Errorf("%d counters", len(a.by))
	}
	if a.by["p|ada|192.0.2.1"] == nil {
		t.Error("somebody who has signed in was forgotten for strangers")
	}
}
