package audit

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAFreedReserveIsTakenAgainWhereThereIsRoom(t *testing.T) {
	var r reserve
	dir := t.TempDir()
	if err := r.hold(dir); err != nil || !r.held || r.inUse() {
		t.Fatalf("held %v, in use %v, %v", r.held, r.inUse(), err)
	}
	if !r.free() || !r.inUse() {
		t.Error("what is held can be freed, and is in use then")
	}
	if _, err := os.Stat(filepath.Join(dir, reserveName)); !os.IsNotExist(err) {
		t.Errorf("its room is not there: %v", err)
	}
	if r.free() {
		t.Error("there is nothing left to free")
	}
	if err := r.renew(); err != nil || !r.held || r.inUse() {
		t.Errorf("with room again: held %v, in use %v, %v", r.held, r.inUse(), err)
	}
}

// TestADiskTooSmallForAReserveIsNotWaitedFor: it would never have the room, and nothing would
// ever be saved again.
func TestADiskTooSmallForAReserveIsNotWaitedFor(t *testing.T) {
	r := reserve{path: filepath.Join(t.TempDir(), reserveName)} // as hold leaves it there
	if r.free() || r.inUse() {
		t.Error("writes wait for room that was never kept")
	}
}
