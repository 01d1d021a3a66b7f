package kernel_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/things"
)

// ears listens to every thing made, and says in which order it heard.
func ears(heard chan<- string) kernel.Module {
	return kernel.Module{
		Name: "ears", Doc: "Listens.", Requires: []string{"things"},
		On: []kernel.Subscription{kernel.On(things.Made, "listen", func(_ core.App, v things.MadeV1) error {
			heard <- v.ID
			return nil
		})},
	}
}

// A reaction that waits for a network keeps up its own lane and no other's.
func TestASlowReactionBlocksNoOther(t *testing.T) {
	set, bench := newSet()
	heard, entered, release := make(chan string, 100), make(chan struct{}, 100), make(chan struct{})
	set.Modules = append(set.Modules, ears(heard))
	s := set.Start(t)
	for s.Kernel.Deliver() > 0 { // those of the cast
	}
	for len(heard) > 0 {
		<-heard
	}
	bench.Dawdle = func() { entered <- struct{}{}; <-release }
	wantStatus(t, "create", s.As(t, alma, "POST", path, `{"name":"slow"}`), 201)
	<-entered // the server's own worker is in the slow lane
	for i := range 3 {
		wantStatus(t, "create", s.As(t, alma, "POST", path, fmt.Sprintf(`{"name":"jug %d"}`, i)), 201)
	}
	for range 4 {
		<-heard
	}
	if n := count(t, s, "outbox"); n < 4 || len(entered) > 0 {
		t.Errorf("%d rows left, and %d more reactions in the slow lane", n, len(entered))
	}
	close(release)
	s.Kernel.Deliver()
	if n := count(t, s, "outbox"); n != 0 || len(entered) != 3 {
		t.Errorf("%d rows left, %d of 3 heard", n, len(entered))
	}
}

// Many emit and several deliver at once: each reaction is heard, in order, once.
func TestManyEventsAtOnceAreHeardInOrder(t *testing.T) {
	set, _ := newSet()
	heard := make(chan string, 100)
	set.Modules = append(set.Modules, ears(heard))
	s := set.Start(t)
	for s.Kernel.Deliver() > 0 {
	}
	for len(heard) > 0 {
		<-heard
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 10 {
				s.As(t, alma, "POST", path, `{"name":"jug"}`)
				s.Kernel.Deliver()
			}
		})
	}
	all.Wait()
	for s.Kernel.Deliver() > 0 {
	}
	var made, order []string
	if err := s.App.DB().Select("id").From("things").Where(dbx.HashExp{"name": "jug"}).OrderBy("rowid").Column(&made); err != nil {
		t.Fatal(err)
	}
	for len(heard) > 0 {
		order = append(order, <-heard)
	}
	if fmt.Sprint(order) != fmt.Sprint(made) {
		t.Errorf("heard %d of %d, or in another order:\n%v\n%v", len(order), len(made), order, made)
	}
}
