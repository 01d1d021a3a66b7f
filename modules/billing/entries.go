package billing

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// Marks of what a client sent: a number field has no "absent". They are no fields.
const (
	amountSent    = "@amountSent"
	amountMissing = "@amountMissing" // and no items either
	byClient      = "@byClient"      // it came through the API
)

// forSomething refuses an invoice over nothing: it would be paid as soon as it is issued,
// and could not be mended. An import may bring one.
func forSomething(_ core.App, r *core.Record) error {
	if r.GetRaw(byClient) != true || r.GetInt("amountMinor") > 0 || r.GetString("status") == billingapi.Draft {
		return nil
	}
	field := "amount"
	if !noItems(r.GetString("items")) {
		field = "items"
	}
	return kernel.Bad(field, "validation_min_greater_than_required", "The amount must be more than 0.")
}

// readRequest notes what only the request knows: whether an amount was sent, whether a
// draft is wanted, and whose service a doctor bills.
func readRequest(e *core.RecordRequestEvent) error {
	body := map[string]any{}
	if err := e.BindBody(&body); err != nil {
		return kernel.ErrBadInput
	}
	amount, named := body["amount"]
	sent := amount != nil && amount != ""
	if named && !sent {
		e.Record.Set("amount", e.Record.Original().GetFloat("amount")) // null says nothing
	}
	e.Record.SetRaw(amountSent, sent)
	e.Record.SetRaw(byClient, true)
	if !e.Record.IsNew() {
		if _, named := body["items"]; named && !sent && noItems(e.Record.GetString("items")) && !noItems(e.Record.Original().GetString("items")) {
			return kernel.Bad("items", "validation_required", "Without items, say the amount.")
		}
		return nil
	}
	e.Record.SetRaw(amountMissing, !sent && noItems(e.Record.GetString("items")))
	switch draft := body["draft"]; draft {
	case nil, false, "false", "":
	case true, "true":
		e.Record.Set("status", billingapi.Draft)
	default:
		return kernel.Bad("draft", "validation_invalid_type", "Must be true or false.")
	}
	return billAsOneself(e)
}

func noItems(raw string) bool {
	return slices.Contains([]string{"", "null", "[]", `""`}, strings.TrimSpace(raw))
}

// billAsOneself lets doctors bill for themselves, and for others only by their visit.
func billAsOneself(e *core.RecordRequestEvent) error {
	if e.Auth == nil || e.Auth.IsSuperuser() || !authapi.Doctor.Has(e.Auth) || e.Record.GetString("appointmentId") != "" {
		return nil
	}
	own, err := authapi.ProfileOf(e.App, e.Auth)
	if err != nil || own == nil {
		return err
	}
	switch e.Record.GetString("doctorId") {
	case "":
		e.Record.Set("doctorId", own.Id)
	case own.Id:
	default:
		return kernel.ErrForbidden.At("doctorId")
	}
	return nil
}

// checkEntries tidies what was entered, takes the doctor from the visit, and returns what
// makes no sense.
func checkEntries(tx core.App, r *core.Record) (bad kernel.Invalid, err error) {
	for _, field := range []string{"details", "dueOn", "voidReason"} {
		r.Set(field, strings.TrimSpace(r.GetString(field)))
	}
	if day := r.GetString("dueOn"); day != "" {
		if _, ok := clinicapi.ParseDay(day); !ok {
			bad = append(bad, kernel.Bad("dueOn", "validation_invalid_day", "Must be a day that exists, YYYY-MM-DD."))
		}
	}
	if changed(r, "patientId") {
		ok, err := there(tx, "patients", r.GetString("patientId"))
		if err != nil {
			return nil, err
		}
		if r.GetString("patientId") == "" {
			bad = append(bad, kernel.Required("patientId"))
		} else if !ok {
			bad = append(bad, errNoPatient.At("patientId"))
		}
	}
	visit, err := checkVisit(tx, r)
	if err != nil {
		return nil, err
	}
	if visit != nil {
		bad = append(bad, visit)
	}
	if id := r.GetString("doctorId"); id != "" && changed(r, "doctorId") && !changed(r, "appointmentId") {
		ok, err := there(tx, "doctors", id)
		if err != nil {
			return nil, err
		}
		if !ok {
			bad = append(bad, errNoDoctor.At("doctorId"))
		}
	}
	return bad, nil
}

// checkVisit takes an appointment of the same patient, and its doctor where none is named.
func checkVisit(tx core.App, r *core.Record) (*kernel.Error, error) {
	id := r.GetString("appointmentId")
	if id == "" || (!changed(r, "appointmentId") && !changed(r, "patientId")) {
		return nil, nil
	}
	visit, err := tx.FindRecordById("appointments", id)
	if errors.Is(err, sql.ErrNoRows) {
		return errNoVisit.At("appointmentId"), nil
	}
	if err != nil {
		return nil, fmt.Errorf("appointment of an invoice: %w", err)
	}
	if visit.GetString("patientId") != r.GetString("patientId") {
		return errNoVisit.At("appointmentId"), nil
	}
	doctor := r.GetString("doctorId")
	switch {
	case doctor == "", doctor == r.Original().GetString("doctorId"):
		r.Set("doctorId", visit.GetString("doctorId"))
	case doctor != visit.GetString("doctorId"):
		return kernel.Bad("doctorId", "other_doctor", "The appointment is with another doctor."), nil
	}
	return nil, nil
}

// there reports whether a record exists and is not deleted.
func there(tx core.App, collection, id string) (bool, error) {
	if id == "" {
		return false, nil
	}
	r, err := tx.FindRecordById(collection, id)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s of an invoice: %w", collection, err)
	}
	return r.GetDateTime("deletedAt").IsZero(), nil
}

func changed(r *core.Record, field string) bool {
	return r.GetString(field) != r.Original().GetString(field)
}

// price works out the amount: the sum of the items where there are any, else what was
// entered. It names every value that does not hold. An invoice whose items and amount stay
// as they are is left alone.
func price(r *core.Record) error {
	currency, old := r.GetString("currency"), r.Original()
	entered := r.GetRaw(amountSent) == true || r.GetFloat("amount") != old.GetFloat("amount")
	if !r.IsNew() && !entered && !changed(r, "items") {
		return nil
	}
	items, sum, err := parseItems(r.GetString("items"), currency, storedItems(old.GetString("items"), currency))
	if err != nil {
		return err
	}
	r.Set("items", encodeItems(items))
	if len(items) == 0 || entered {
		minor, err := enteredAmount(r, currency)
		if err != nil {
			return err
		}
		if len(items) > 0 && minor != sum {
			return errMismatch.At("amount")
		}
		sum = minor
	}
	r.Set("amountMinor", sum)
	r.Set("amount", clinicapi.Major(sum, currency))
	return nil
}

func enteredAmount(r *core.Record, currency string) (int64, error) {
	minor, ok := clinicapi.Minor(r.GetFloat("amount"), currency)
	switch {
	case r.GetRaw(amountMissing) == true:
		return 0, kernel.Required("amount")
	case !ok:
		return 0, errAmount.Saying(fmt.Sprintf("Must be an amount with at most %d decimals, as %s has, and at most 10 to the power of %d.",
			clinicapi.Decimals(currency), currency, 12-clinicapi.Decimals(currency))).At("amount")
	case minor < 0:
		return 0, kernel.Bad("amount", "validation_min_number_constraint", "Must not be negative.")
	}
	return minor, nil
}
