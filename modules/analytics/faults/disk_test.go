package faults_test

import (
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/analytics/postgrestest"
	"github.com/polyclinic-os/polyclinic/modules/analytics/ship"
)

// The warehouse's disk is really full, to the last page: the clinic works on, says what is
// wrong, and ships what came meanwhile once there is room.
func TestFaultPostgresDiskIsFull(t *testing.T) {
	server, url := postgrestest.OnSmallDisk(t, 40)
	c := newClinic(t)
	c.url = url
	c.people("a", 200)
	c.ships(url).same()
	server.Fill(t, url)
	c.people("b", 3000)
	c.writes(20)
	is := c.says(func(is ship.Snapshot) bool { return is.State == ship.Waiting })
	for _, words := range []string{"no room left on its disk", "the clinic goes on"} {
		if !strings.Contains(is.Error, words) {
			t.Errorf("it does not say %q but %q", words, is.Error)
		}
	}
	c.exec(`UPDATE people SET gender = 'other' WHERE id LIKE 'b%7'`, `DELETE FROM people WHERE id LIKE 'b%3'`)
	server.Empty(t, url)
	c.same()
}
