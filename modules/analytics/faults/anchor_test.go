package faults_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
)

// The audit trail's hashes are in the warehouse too: a trail that somebody began anew, with
// all of its own hashes in order, does not agree with them.
func TestFaultAuditTrailIsWrittenAnew(t *testing.T) {
	url := postgres.Server(t).Database(t)
	s := newSite(t, "north", url).starts()
	s.same()
	s.stops()
	s.wants(`SELECT count(*) FROM polyclinic.sync_anchor WHERE site_id = 'north'`, int64(1))
	if said, status := s.run("audit", "verify"); status != 0 || !strings.Contains(said, "1 anchors agree") {
		t.Fatalf("verify: %d %s", status, said)
	}
	whole := filepath.Join(t.TempDir(), "pb_data")
	s.must(os.CopyFS(whole, os.DirFS(s.dir)))
	since := time.Now().UTC().Format(time.RFC3339Nano)

	s.must(os.RemoveAll(filepath.Join(s.dir, "audit")))
	s.starts().stops()
	if said, status := s.run("audit", "verify"); status == 0 || !strings.Contains(said, "anchored in the analytics warehouse") {
		t.Errorf("a new trail passed: %d %s", status, said)
	}
	if said, status := s.run("audit", "verify", "--anchored-since", since, "--known-gaps", "1"); status != 0 || !strings.Contains(said, "1 anchors agree") {
		t.Errorf("anchors since then: %d %s", status, said)
	}

	// An anchor that cannot be asked for is no anchor that agrees.
	s.dir = whole
	s.env = append(s.env, "POLYCLINIC_ANALYTICS_URL=postgres://role:hidden@127.0.0.1:1/none")
	said, status := s.run("audit", "verify")
	if status == 0 || !strings.Contains(said, "whole: ") || !strings.Contains(said, "the anchors in the analytics warehouse could not be read") || strings.Contains(said, "hidden") {
		t.Errorf("without a warehouse: %d %s", status, said)
	}
}

// A second clinic that was given the name of the first by mistake is refused, and puts none of
// its own trail's hashes beside those of the first.
func TestFaultAnchorsOfASecondClinic(t *testing.T) {
	url := postgres.Server(t).Database(t)
	first := newSite(t, "north", url).starts()
	first.same()
	second := newSite(t, "north", url).starts()
	second.stops() // which sets an anchor, if any
	first.stops()
	if said, status := first.run("audit", "verify"); status != 0 || !strings.Contains(said, "anchors agree") {
		t.Errorf("verify: %d %s", status, said)
	}
}

// A clinic that nobody named is found in the warehouse by a command that opens no data, too.
func TestFaultAnchorsOfAClinicThatNobodyNamed(t *testing.T) {
	url := postgres.Server(t).Database(t)
	s := newSite(t, "", url).starts()
	until := time.Now().Add(program.Patience)
	for said := ""; !strings.Contains(said, "every change is shipped"); said, _ = s.run("analytics", "status") {
		if time.Now().After(until) {
			t.Fatalf("nothing is shipped:\n%s", said)
		}
	}
	s.stops()
	if said, status := s.run("audit", "verify"); status != 0 || !strings.Contains(said, "1 anchors agree") {
		t.Errorf("verify: %d %s", status, said)
	}
	s.must(os.Remove(filepath.Join(s.dir, "data.db")))
	if said, status := s.run("audit", "verify"); status != 1 || !strings.Contains(said, "data.db") || strings.Contains(said, "goroutine") {
		t.Errorf("without data.db: %d %s", status, said)
	}
}
