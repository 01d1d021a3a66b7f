package analytics_test

import (
	"fmt"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

// A field of the clinic's own that is added, renamed or taken away has its table read in full, and
// a column that was made again in the warehouse too. No row says anything else for it.
func TestATableThatIsReadAgainLeavesNoVersions(t *testing.T) {
	url := feed(t, "POLYCLINIC_SITE_ID=north", "POLYCLINIC_ANALYTICS_HISTORY=on", "POLYCLINIC_ANALYTICS_EXTRA=on")
	s := set.Start(t)
	same(t, s, url)
	const versions = `SELECT count(*) FROM polyclinic.appointments_history`
	before := number(t, url, versions)
	if before == 0 {
		t.Fatal("no versions are there")
	}
	for _, step := range []struct {
		name, seen string
		do         func(*core.Collection)
	}{
		{"added", `extra::text LIKE '%x_room%'`, func(c *core.Collection) { c.Fields.Add(&core.NumberField{Name: "x_room"}) }},
		{"renamed", `extra::text LIKE '%x_chair%'`, func(c *core.Collection) { c.Fields.GetByName("x_room").SetName("x_chair") }},
		{"taken away", `extra IS NULL`, func(c *core.Collection) { c.Fields.RemoveByName("x_chair") }},
	} {
		shape(t, s, "appointments", step.do)
		eventually(t, func() string {
			if n := number(t, url, `SELECT count(*) FROM polyclinic.appointments WHERE `+step.seen); n != before {
				return fmt.Sprintf("a field is %s: %d rows are as they should be", step.name, n)
			}
			return ""
		})
		same(t, s, url)
		if n := number(t, url, versions); n != before {
			t.Errorf("a field is %s: %d versions of %d rows", step.name, n, before)
		}
	}
	exec(t, s, `UPDATE appointments SET status = 'completed' WHERE id = (SELECT min(id) FROM appointments WHERE status = 'scheduled')`)
	same(t, s, url)
	if n := number(t, url, versions); n != before+1 {
		t.Errorf("a visit changed: %d versions, want one more than %d", n, before)
	}
}

func shape(t *testing.T, s *kerneltest.Server, name string, change func(*core.Collection)) {
	t.Helper()
	c, err := s.App.FindCollectionByNameOrId(name)
	if err == nil {
		change(c)
		err = s.App.Save(c)
	}
	if err != nil {
		t.Fatal(err)
	}
}
