package patients

import (
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/exchange/exchangeapi"
)

// profile puts whoever signs up as a patient on the register.
var profile = authapi.Profile{
	Role: "patient", Collection: "patients",
	Create: func(tx core.App, account *core.Record) error {
		c, err := tx.FindCollectionByNameOrId("patients")
		if err != nil {
			return err
		}
		r := core.NewRecord(c)
		r.Load(map[string]any{"name": account.GetString("name"), "email": account.Email(), "userId": account.Id})
		return tx.Save(r)
	},
}

// table is the register as CSV. The age is not exported: it would contradict the date of
// birth by the time that the file is read again.
var table = exchangeapi.Table{
	Name: "patients", Collection: "patients", Doc: "The patient register.",
	Columns: []string{
		"mrn", "name", "dateOfBirth", "gender", "bloodGroup", "contact", "email", "address",
		"emergencyContact", "allergies", "notes", "assignedDoctorId", "sourceId",
	},
	ImportOnly: []string{"age"},
	Where:      "restrictedAt = ''",
	Keys:       [][]string{{"mrn"}, {"sourceId"}},
	Natural:    []string{"name", "dateOfBirth", "age", "contact", "email"},
	Counted:    &exchangeapi.Counted{Column: "mrn", Number: ownNumber, Pass: passNumber},
	Prepare:    readRow,
}

// keys are the columns by which a row may name its patient.
var keys = []string{"id", "mrn", "sourceId"}

// readRow notes an age of 0. The age of a patient whose date of birth is known is left: a
// file does not say when it was written. Neither the name nor the day of birth being the
// patient's, a row means somebody else: two systems may give the same numbers.
func readRow(r *core.Record, row map[string]string) {
	age, before := strings.TrimSpace(row["age"]), r.Original()
	if !r.IsNew() && differs(r, "name") && differs(r, "dateOfBirth") {
		by := slices.IndexFunc(keys, func(k string) bool { return strings.TrimSpace(row[k]) != "" })
		kernel.Refuse(r, kernel.Bad(keys[max(by, 0)], "another_patient", "Belongs to a patient of another name and date of birth. "+
			"Where the file is from another system, leave its numbers out."))
	}
	if r.IsNew() || before.GetString("dateOfBirth") == "" {
		r.SetRaw(ageSent, age != "")
		return
	}
	r.Set("age", before.GetInt("age"))
	if age != "" && strings.TrimSpace(row["dateOfBirth"]) == "" {
		r.Set("dateOfBirth", before.GetString("dateOfBirth"))
	}
}

// differs reports whether a row says something else of its patient than is known.
func differs(r *core.Record, field string) bool {
	was, now := r.Original().GetString(field), strings.TrimSpace(r.GetString(field))
	return was != "" && now != "" && !strings.EqualFold(was, now)
}
