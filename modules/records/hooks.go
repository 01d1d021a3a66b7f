package records

import (
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/records/recordsapi"
)

// begin completes a new record. An import brings its own author, doctor and date.
func begin(tx core.App, r *core.Record) error {
	r.Set("version", 1)
	if r.GetString("status") == "" {
		r.Set("status", recordsapi.Active)
	}
	who := kernel.Actor(r)
	r.Set("changedById", who)
	if r.GetString("authorId") == "" {
		r.Set("authorId", who)
	}
	if r.GetString("doctorId") == "" && r.GetString("authorId") != "" {
		doctor, err := doctorOf(tx, r.GetString("authorId"))
		if err != nil {
			return err
		}
		r.Set("doctorId", doctor)
	}
	if r.GetDateTime("recordedAt").IsZero() {
		r.Set("recordedAt", types.NowDateTime())
	}
	var bad kernel.Invalid
	if r.GetDateTime("recordedAt").Time().After(time.Now().Add(clockSkew)) {
		bad = append(bad, errFuture.At("recordedAt"))
	}
	if err := patientInRegister(tx, r, &bad); err != nil {
		return err
	}
	if err := nameAttachments(r); err != nil {
		return err
	}
	return check(tx, r, bad)
}

// clockSkew is how far a client's clock may be ahead of ours.
const clockSkew = 5 * time.Minute

// change makes the version that a write is about to become. The trigger on the table
// keeps the one that it replaces.
func change(tx core.App, r *core.Record) error {
	before := r.Original()
	r.Set("version", before.GetInt("version")+1)
	r.Set("changedById", kernel.Actor(r))
	if !containsAll(fileNames(r), fileNames(before)) {
		return errAttachmentsKept.At("attachments")
	}
	if err := nameAttachments(r); err != nil {
		return err
	}
	var bad kernel.Invalid
	if had := before.GetString("authorId"); had != "" && had != r.GetString("authorId") {
		bad = append(bad, kernel.ErrServerSet.At("authorId"))
	}
	return check(tx, r, bad)
}

// check names everything that is wrong with what a record says.
func check(tx core.App, r *core.Record, bad kernel.Invalid) error {
	if text := r.GetString("diagnosis"); text != "" && strings.TrimSpace(text) == "" {
		bad = append(bad, kernel.Required("diagnosis"))
	}
	if err := checkList(r, "prescriptions", errPrescriptions, prescription); err != nil {
		bad = append(bad, err)
	}
	if err := checkList(r, "codes", errCodes, code); err != nil {
		bad = append(bad, err)
	}
	if err := appointmentOfPatient(tx, r, &bad); err != nil {
		return err
	}
	return bad.Complete(tx, r)
}

// doctorOf returns the doctor whose account it is, "" when there is none.
func doctorOf(tx core.App, accountID string) (id string, err error) {
	err = tx.DB().Select("id").From("doctors").Where(dbx.HashExp{"userId": accountID}).Limit(1).Row(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// patientInRegister notes a patient who is not there, or not any more.
func patientInRegister(tx core.App, r *core.Record, bad *kernel.Invalid) error {
	id := r.GetString("patientId")
	if id == "" {
		return nil // PocketBase says that it is required
	}
	patient, err := tx.FindRecordById("patients", id)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if err != nil || !patient.GetDateTime("deletedAt").IsZero() {
		*bad = append(*bad, errNoPatient.At("patientId"))
	}
	return nil
}

// appointmentOfPatient notes an appointment that another patient had.
func appointmentOfPatient(tx core.App, r *core.Record, bad *kernel.Invalid) error {
	id := r.GetString("appointmentId")
	if id == "" || id == r.Original().GetString("appointmentId") {
		return nil
	}
	appointment, err := tx.FindRecordById("appointments", id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // PocketBase says that it is not there
	}
	if err != nil {
		return err
	}
	if appointment.GetString("patientId") != r.GetString("patientId") {
		*bad = append(*bad, errWrongPatient.At("appointmentId"))
	}
	return nil
}

// takeReason lets a client say why, in the body of its DELETE: a URL ends up in logs.
func takeReason(e *core.RecordRequestEvent) error {
	info, err := e.RequestInfo()
	if err != nil {
		return kernel.ErrBadInput
	}
	reason, isText := info.Body["reason"].(string)
	switch {
	case info.Body["reason"] != nil && !isText:
		return kernel.Bad("reason", "validation_invalid_type", "Must be text.")
	case utf8.RuneCountInString(reason) > maxReason:
		return kernel.Bad("reason", "validation_max_text_constraint", "Must be no more than 1000 characters.")
	}
	e.Record.Set("enteredInErrorReason", strings.TrimSpace(reason))
	return nil
}

// maxReason is the length of enteredInErrorReason in characters.
const maxReason = 1000

// enterInError marks the record. What it said stays in its history.
func enterInError(tx core.App, r *core.Record) error {
	now, err := tx.FindRecordById(r.Collection(), r.Id)
	if err != nil {
		return err
	}
	if !now.GetDateTime("enteredInErrorAt").IsZero() {
		return kernel.ErrNotFound // somebody else was faster
	}
	now.Load(map[string]any{
		"enteredInErrorAt": types.NowDateTime(), "status": recordsapi.EnteredInError,
		"enteredInErrorReason": r.GetString("enteredInErrorReason"),
	})
	kernel.SetActor(now, kernel.Actor(r))
	return tx.Save(now)
}

// fileNames returns the names of a record's attachments, those of new uploads included.
func fileNames(r *core.Record) (names []string) {
	values, ok := r.GetRaw("attachments").([]any)
	if !ok {
		return r.GetStringSlice("attachments")
	}
	for _, v := range values {
		switch v := v.(type) {
		case string:
			names = append(names, v)
		case *filesystem.File:
			names = append(names, v.Name)
		}
	}
	return names
}

func containsAll(all, some []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}
