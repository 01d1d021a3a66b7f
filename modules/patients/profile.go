package patients

import (
	"strings"

	"github.com/pocketbase/pocketbase/core"

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
	Prepare:    readRow,
}

// readRow notes an age of 0. The age of a patient whose date of birth is known is left: a
// file does not say when it was written.
func readRow(r *core.Record, row map[string]string) {
	age, before := strings.TrimSpace(row["age"]), r.Original()
	if r.IsNew() || before.GetString("dateOfBirth") == "" {
		r.SetRaw(ageSent, age != "")
		return
	}
	r.Set("age", before.GetInt("age"))
	if age != "" && strings.TrimSpace(row["dateOfBirth"]) == "" {
		r.Set("dateOfBirth", before.GetString("dateOfBirth"))
	}
}
