package patientsapi

import (
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// SeenOn moves the day on which an imported patient came onto the register back to day,
// YYYY-MM-DD, when that is earlier: a file of another system seldom says when somebody was
// registered, but they were by their first visit. Patients who were registered here keep
// their day.
func SeenOn(tx core.App, patientID, day string) error {
	_, err := tx.NonconcurrentDB().NewQuery("UPDATE patients SET registeredOn = {:day} WHERE id = {:id} AND sourceId != '' AND registeredOn > {:day}").
		Bind(dbx.Params{"id": patientID, "day": day}).Execute()
	if err != nil {
		return fmt.Errorf("day of the register: %w", err)
	}
	return nil
}
