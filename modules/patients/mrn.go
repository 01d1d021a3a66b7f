package patients

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

const numberPrefix = "P-"

var (
	reNumber = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9/._-]{0,29}$`)
	// reOurs matches what the counter gives, or looks like it. It will not get as far as 16 digits.
	reOurs = regexp.MustCompile(`^[Pp]-(\d{6,15})$`)
)

// giveNumber gives a new patient the next medical record number. The counter moves in
// the transaction of the register: a number that was not used is not lost, and one that
// was is never given again. A number that code sets, such as an import of another
// system's patients, is kept.
func giveNumber(tx core.App, r *core.Record) error {
	if given := strings.TrimSpace(r.GetString("mrn")); given != "" {
		r.Set("mrn", given)
		return takeNumber(tx, given)
	}
	for taken := true; taken; {
		var last int
		err := tx.NonconcurrentDB().NewQuery("UPDATE patient_numbers SET last = last + 1 RETURNING last").Row(&last)
		if err != nil {
			return fmt.Errorf("next medical record number: %w", err)
		}
		number := fmt.Sprintf("%s%06d", numberPrefix, last)
		r.Set("mrn", number)
		// One that came in past takeNumber must not keep everybody else off the register.
		if taken, err = isTaken(tx, number); err != nil {
			return err
		}
	}
	return nil
}

// takeNumber makes sure that the counter will not give a number that came from outside.
func takeNumber(tx core.App, given string) error {
	if !reNumber.MatchString(given) {
		return kernel.Bad("mrn", "validation_invalid_format", "Must be letters, digits and / . _ -, at most 30.")
	}
	n := ownNumber(given)
	if n == 0 {
		return nil
	}
	taken, err := isTaken(tx, given)
	if err != nil {
		return err
	}
	if taken {
		return kernel.Bad("mrn", "validation_not_unique", "Another patient has this number.")
	}
	return passNumber(tx, n)
}

// ownNumber returns the place in our own count that a number has, or seems to have: 77 of
// P-000077 and of p-000077. It is 0 of another system's.
func ownNumber(mrn string) int {
	ours := reOurs.FindStringSubmatch(strings.TrimSpace(mrn))
	if ours == nil {
		return 0
	}
	n, _ := strconv.Atoi(ours[1]) // at most 15 digits
	return n
}

// passNumber moves the counter on to n, never back.
func passNumber(tx core.App, n int) error {
	_, err := tx.NonconcurrentDB().NewQuery("UPDATE patient_numbers SET last = MAX(last, {:n})").Bind(dbx.Params{"n": n}).Execute()
	return err
}

// isTaken reports whether somebody has one of our numbers, with a capital P or a small one.
func isTaken(tx core.App, number string) (taken bool, err error) {
	digits := number[len(numberPrefix):]
	err = tx.NonconcurrentDB().NewQuery("SELECT EXISTS (SELECT 1 FROM patients WHERE mrn IN ({:a}, {:b}))").
		Bind(dbx.Params{"a": "P-" + digits, "b": "p-" + digits}).Row(&taken)
	if err != nil {
		return false, fmt.Errorf("medical record number: %w", err)
	}
	return taken, nil
}

func keepNumber(_ core.App, r *core.Record) error {
	if had := r.Original().GetString("mrn"); had != "" && had != r.GetString("mrn") {
		return kernel.ErrServerSet.At("mrn")
	}
	return nil
}
