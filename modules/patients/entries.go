package patients

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

// bloodGroups are the ABO groups with and without the Rhesus factor.
var bloodGroups = []string{"A+", "A-", "B+", "B-", "AB+", "AB-", "O+", "O-", "A", "B", "AB", "O"}

// readRequest notes what only the request knows: which of age and date of birth were sent,
// since a number field has no "absent", and who is asking.
func readRequest(e *core.RecordRequestEvent) error {
	body := map[string]any{}
	if err := e.BindBody(&body); err != nil {
		return kernel.ErrBadInput
	}
	sent := func(field string) bool { v, ok := body[field]; return ok && v != nil && v != "" }
	e.Record.SetRaw(ageSent, sent("age"))
	if _, null := body["age"]; null && !sent("age") {
		e.Record.Set("age", e.Record.Original().GetFloat("age")) // nothing was said of it
	}
	e.Record.SetRaw(birthSent, sent("dateOfBirth"))
	if e.Record.GetString("userId") == e.Record.Original().GetString("userId") {
		return nil
	}
	if e.HasSuperuserAuth() || (e.Auth != nil && authapi.Admin.Has(e.Auth)) {
		return nil
	}
	return kernel.ErrNotWritable.At("userId")
}

// checkEntries tidies what was entered and names everything that makes no sense.
func checkEntries(tx core.App, r *core.Record) error {
	r.Set("name", strings.Join(strings.Fields(r.GetString("name")), " "))
	for _, field := range []string{"dateOfBirth", "gender", "contact", "email", "address", "emergencyContact"} {
		r.Set(field, strings.TrimSpace(r.GetString(field)))
	}
	s, err := clinicapi.Current(tx)
	if err != nil {
		return err
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
	bad = append(bad, agree(r, s.Today(time.Now()))...)
	if changed(r, "contact") {
		add(staffapi.CheckContact(r.GetString("contact")))
	}
	add(checkBlood(r))
	doctor, err := checkDoctor(tx, r)
	if err != nil {
		return err
	}
	add(doctor)
	account, err := staffapi.TieAccount(tx, r, authapi.Patient)
	if err != nil {
		return err
	}
	add(account)
	return bad.Complete(tx, r)
}

func changed(r *core.Record, field string) bool {
	return r.GetString(field) != r.Original().GetString(field)
}

func checkBlood(r *core.Record) *kernel.Error {
	if !changed(r, "bloodGroup") {
		return nil
	}
	group := strings.ToUpper(strings.NewReplacer(" ", "", "−", "-", "–", "-").Replace(r.GetString("bloodGroup")))
	r.Set("bloodGroup", group)
	if group == "" || slices.Contains(bloodGroups, group) {
		return nil
	}
	return kernel.Bad("bloodGroup", "validation_invalid_blood_group", "Must be one of "+strings.Join(bloodGroups, ", ")+".")
}

// checkDoctor lets a patient be assigned to a doctor who is there.
func checkDoctor(tx core.App, r *core.Record) (*kernel.Error, error) {
	id := r.GetString("assignedDoctorId")
	if id == "" || !changed(r, "assignedDoctorId") {
		return nil, nil
	}
	doctor, err := tx.FindRecordById("doctors", id)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("assigned doctor: %w", err)
	}
	if err != nil || !doctor.GetDateTime("deletedAt").IsZero() {
		return kernel.Bad("assignedDoctorId", "unknown_doctor", "There is no such doctor."), nil
	}
	return nil, nil
}
