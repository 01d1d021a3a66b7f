package appointments

import (
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// bindZone keeps what is booked at its time of day when the clinic's time zone is changed.
// What has taken place keeps its instant.
func bindZone(k *kernel.Kernel) error {
	k.App.OnRecordUpdate("clinic").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "appointments: what is booked keeps its time of day when the time zone changes",
		Func: func(e *core.RecordEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			if e.Record.GetString("timeZone") == e.Record.Original().GetString("timeZone") {
				return nil
			}
			return rederive(e.App, e.Record)
		},
	})
	return nil
}

func rederive(tx core.App, settings *core.Record) error {
	c, err := clinicapi.FromRecord(settings)
	if err != nil {
		return err
	}
	var times []struct {
		Day   string `db:"appointmentDate"`
		Start int    `db:"startMinute"`
	}
	isLive := dbx.HashExp{"status": live}
	if err := tx.DB().Select("appointmentDate", "startMinute").Distinct(true).From("appointments").Where(isLive).All(&times); err != nil {
		return fmt.Errorf("booked times: %w", err)
	}
	for _, t := range times {
		at, _ := c.At(t.Day, t.Start) // a day: it was checked when it was booked
		instant, err := types.ParseDateTime(at.UTC())
		if err != nil {
			return err
		}
		_, err = tx.NonconcurrentDB().Update("appointments", dbx.Params{"startsAt": instant.String(), "updated": types.NowDateTime().String()},
			dbx.And(isLive, dbx.HashExp{"appointmentDate": t.Day, "startMinute": t.Start})).Execute()
		if err != nil {
			return fmt.Errorf("booked times: %w", err)
		}
	}
	return nil
}
