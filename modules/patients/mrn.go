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
	reOurs   = regexp.MustCompile(`^P-(\d{6,9})$`)
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
	var last int
	err := tx.NonconcurrentDB().NewQuery("UPDATE patient_numbers SET last = last + 1 RETURNING last").Row(&last)
	if err != nil {
		return fmt.Errorf("next medical record number: %w", err)
	}
	r.Set("mrn", fmt.Sprintf("%s%06d", numberPrefix, last))
	return nil
}

// takeNumber makes sure that the counter will not give a number that came from outside.
func takeNumber(tx core.App, given string) error {
	if !reNumber.MatchString(given) {
		return kernel.Bad("mrn", "validation_invalid_format", "Must be letters, digits and / . _ -, at most 30.")
	}
	ours := reOurs.FindStringSubmatch(given)
	if ours == nil {
		return nil
	}
	n, err := strconv.Atoi(ours[1])
	if err != nil {
		return fmt.Errorf("medical record number: %w", err)
	}
	_, err = tx.NonconcurrentDB().NewQuery("UPDATE patient_numbers SET last = MAX(last, {:n})").Bind(dbx.Params{"n": n}).Execute()
	return err
}

func keepNumber(_ core.App, r *core.Record) error {
	if had := r.Original().GetString("mrn"); had != "" && had != r.GetString("mrn") {
		return kernel.ErrServerSet.At("mrn")
	}
	return nil
}
