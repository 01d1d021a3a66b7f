package audit

import (
	"fmt"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
)

var check = kernel.Check{Name: "audit", Doc: "Whether the audit trail is written, anchored, and without gaps.", Run: func(app core.App) (found []kernel.Finding) {
	t := of(app)
	if c := t.chain.Load(); c != nil {
		if t.reserve.inUse() {
			found = append(found, kernel.Finding{Code: "disk_full", Level: kernel.Alarm, Text: "The disk of the audit trail is full: nothing is saved until there is room. Reading goes on for as long as the 64 MB last that the trail has kept."})
		}
		if c.Err() != nil || t.behind.Load() {
			found = append(found, kernel.Finding{Code: "audit_unavailable", Level: kernel.Alarm, Text: "The audit trail cannot be written, so nothing of patients is shown: look at the server's log, and at the space on its disk."})
		}
		t.anchored.mu.Lock()
		if len(t.anchored.failed) > 0 {
			found = append(found, kernel.Finding{Code: "audit_not_anchored", Level: kernel.Alarm, Text: fmt.Sprintf("The audit trail could not be anchored outside of itself, in %s: see that it can be reached and written (the page Logs of the dashboard has the error).", strings.Join(t.anchored.failed, " or "))})
		}
		t.anchored.mu.Unlock()
	}
	switch gone, err := isGone(app); {
	case err != nil:
		found = append(found, kernel.Finding{Code: "audit_gone", Level: kernel.Risk, Text: "Whether the audit trail is there could not be looked up."})
	case gone:
		found = append(found, kernel.Finding{Code: "audit_gone", Level: kernel.Alarm, Text: fmt.Sprintf("The audit trail is not in %s: put it back, or mount its disk, before a server begins another there. Where the server has %s, set it for this command too.", dir(app.DataDir()), settingDir.Name)})
	}
	switch gaps, err := openGaps(dir(app.DataDir())); {
	case err != nil:
		found = append(found, kernel.Finding{Code: "audit_gap", Level: kernel.Risk, Text: fmt.Sprintf("Whether the audit trail has gaps could not be looked up: %v.", err)})
	case len(gaps) > 0:
		numbers := strings.Trim(fmt.Sprint(gaps), "[]")
		found = append(found, kernel.Finding{Code: "audit_gap", Level: kernel.Risk, Text: "A part of the audit trail was lost (entry " + strings.ReplaceAll(numbers, " ", ", ") + "): see `polyclinic audit verify`, and name it in " + settingGaps.Name + " once it is accounted for."})
	}
	if len(places(t.k)) == 0 {
		found = append(found, kernel.Finding{Code: "audit_no_anchors", Level: kernel.Note, Text: "Somebody who can write the audit trail's files could write it anew: set POLYCLINIC_AUDIT_ANCHORS to a file on another machine's disk, or a warehouse."})
	}
	return found
}}

// isGone reports whether data.db has handed writes over to a trail that is not there.
func isGone(app core.App) (bool, error) {
	if chain.Has(dir(app.DataDir())) || !app.HasTable("audit_writes") || !app.HasTable("audit_state") {
		return false, nil
	}
	s, err := readState(app)
	if err != nil {
		return false, err
	}
	var left int64
	err = app.DB().NewQuery("SELECT coalesce((SELECT min(id) - 1 FROM audit_writes WHERE body IS NOT NULL), (SELECT seq FROM sqlite_sequence WHERE name = 'audit_writes'), 0)").Row(&left)
	return left > chain.Base(s.Epoch), err
}
