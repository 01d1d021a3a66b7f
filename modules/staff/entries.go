package staff

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

// checkEntries tidies what was entered and names everything that makes no sense.
func (k kind) checkEntries(tx core.App, r *core.Record) error {
	r.Set("name", strings.Join(strings.Fields(r.GetString("name")), " "))
	for _, field := range append([]string{"contact", "email"}, k.fields...) {
		r.Set(field, strings.TrimSpace(r.GetString(field)))
	}
	var bad kernel.Invalid
	add := func(e *kernel.Error) {
		if e != nil {
			bad = append(bad, e)
		}
	}
	if r.GetString("name") == "" {
		add(kernel.Required("name"))
	}
	if r.GetString("contact") != r.Original().GetString("contact") {
		add(staffapi.CheckContact(r.GetString("contact")))
	}
	account, err := staffapi.TieAccount(tx, r, k.role)
	if err != nil {
		return err
	}
	add(account)
	if k.collection == "doctors" {
		if r.GetString("specialty") == "" {
			add(kernel.Required("specialty"))
		}
		add(checkHours(r))
		s, err := clinicapi.Current(tx)
		if err != nil {
			return err
		}
		add(checkFee(r, s.Currency))
	}
	return bad.Complete(tx, r)
}

// checkHours takes shifts that end after they begin and do not overlap. Each says its weekday:
// without one it would be read as Sunday's.
func checkHours(r *core.Record) *kernel.Error {
	bad := kernel.Bad("hours", "validation_invalid_hours", `Must be a list of {"weekday": 0 to 6, "from": "HH:MM", "to": "HH:MM"}, 0 being Sunday, without overlaps.`)
	shifts, err := staffapi.Hours(r)
	if err != nil {
		return bad
	}
	if raw := r.GetString("hours"); len(shifts) > 0 && raw != r.Original().GetString("hours") {
		var said []struct{ Weekday *int }
		if err := json.Unmarshal([]byte(raw), &said); err != nil {
			return bad
		}
		for _, s := range said {
			if s.Weekday == nil {
				return bad
			}
		}
	}
	slices.SortFunc(shifts, func(a, b staffapi.Shift) int {
		if a.Weekday != b.Weekday {
			return int(a.Weekday - b.Weekday)
		}
		return strings.Compare(a.From, b.From)
	})
	for i := 1; i < len(shifts); i++ {
		if shifts[i].Weekday == shifts[i-1].Weekday && shifts[i].From < shifts[i-1].To {
			return bad
		}
	}
	return nil
}
