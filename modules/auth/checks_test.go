package auth

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
)

func TestAQueueOfManySignInsIsBounded(t *testing.T) {
	c := &checks{places: make(chan struct{}, 1), queue: 3}
	release, err := c.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range c.queue {
		wg.Go(func() {
			if release, err := c.take(t.Context()); err != nil {
				t.Error(err)
			} else {
				release()
			}
		})
	}
	for c.waiting.Load() < c.queue {
		runtime.Gosched()
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := c.take(gone); !errors.Is(err, errBusy) {
		t.Errorf("one more than may wait: %v", err)
	}
	full := &checks{places: make(chan struct{}), queue: 1}
	if _, err := full.take(gone); err == nil || errors.Is(err, errBusy) {
		t.Errorf("somebody who went away: %v", err)
	}
	release()
	wg.Wait()
	if n := c.waiting.Load(); n != 0 {
		t.Errorf("%d are still counted", n)
	}
}

func TestAlarmsAreDueOnceInARow(t *testing.T) {
	a, c := start()
	got := map[alarm]int{}
	try := func(account string, i int) {
		t.Helper()
		at, wait := a.begin(account, network("192.0.2."+string(rune('0'+i%10))), c.now, true)
		if at == nil {
			t.Fatalf("waits %s", wait)
		}
		got[at.end(wrong, c.now())]++
		c.pass(attemptMemory - 1)
	}
	for i := range 25 {
		try("ada", i)
	}
	if got[alarm{account: true}] != 1 || got[alarm{}] != 24 {
		t.Errorf("of one account: %v", got)
	}
	c.pass(attemptMemory + 1)
	for i := range 9 {
		try("ada", i)
	}
	if got[alarm{account: true}] != 1 {
		t.Error("nine after a pause raise one")
	}
	try("ada", 9)
	if got[alarm{account: true}] != 2 {
		t.Error("the tenth does not")
	}
	clear(got)
	for i := range 60 {
		try("nobody"+string(rune('a'+i%26))+string(rune('a'+i/26)), 0)
	}
	if got[alarm{address: true}] != 1 {
		t.Errorf("of one address: %v", got)
	}
}
