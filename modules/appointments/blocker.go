package appointments

import (
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

// blocker keeps a doctor who is still booked.
var blocker staffapi.Blocker = booked{}

type booked struct{}

// Blocks counts the doctor's live appointments of today and later.
func (booked) Blocks(tx core.App, collection, id string) (string, error) {
	if collection != "doctors" {
		return "", nil
	}
	c, err := clinicapi.Current(tx)
	if err != nil {
		return "", err
	}
	var ahead struct {
		Count int    `db:"n"`
		Next  string `db:"next"`
	}
	err = tx.DB().Select("COUNT(*) AS n", "COALESCE(MIN(appointmentDate), '') AS next").From("appointments").
		Where(dbx.HashExp{"doctorId": id, "status": live}).
		AndWhere(dbx.NewExp("appointmentDate >= {:today}", dbx.Params{"today": c.Today(time.Now())})).One(&ahead)
	switch {
	case err != nil || ahead.Count == 0:
		return "", err
	case ahead.Count == 1:
		return "1 appointment ahead, on " + ahead.Next, nil
	}
	return fmt.Sprintf("%d appointments ahead, the next on %s", ahead.Count, ahead.Next), nil
}
