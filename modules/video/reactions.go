package video

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/video/agora"
	"github.com/polyclinic-os/polyclinic/modules/video/videoapi"
)

// patience bounds one attempt to reach Agora: other modules' reactions wait meanwhile.
// The outbox tries again, for more than half an hour.
const patience = 25 * time.Second

// kicker returns what reaches Agora; set is false where the clinic has no REST credentials.
func kicker() (k *agora.Kicker, set bool) {
	k = &agora.Kicker{BaseURL: restURL.Value(), AppID: appID.Value(), Key: customerKey.Value(), Secret: customerSecret.Value()}
	return k, k.AppID != "" && k.Key != "" && k.Secret != ""
}

// removeParticipants puts everybody out of the channel of an ended call, where the
// clinic has Agora's REST credentials. It leaves alone a call that began since.
func removeParticipants(app core.App, e videoapi.EndedV1) error {
	k, set := kicker()
	if !set {
		return nil
	}
	call, found, err := latest(app, e.AppointmentID)
	if err != nil {
		return err
	}
	if found && call.GetString("status") != callEnded {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return k.RemoveAll(ctx, e.ChannelName)
}

// barNumber keeps a number out for as long as its tokens live, where the clinic has Agora's
// REST credentials.
func barNumber(_ core.App, e videoapi.ShutOutV1) error {
	k, set := kicker()
	if !set {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return k.Bar(ctx, e.ChannelName, e.Number)
}

// endOfCancelled ends the call of an appointment that was called off meanwhile.
func endOfCancelled(app core.App, e appointmentsapi.CancelledV1) error {
	return app.RunInTransaction(func(tx core.App) error {
		call, found, err := latest(tx, e.AppointmentID)
		if err != nil || !found || call.GetString("status") == callEnded {
			return err
		}
		return End(tx, call)
	})
}

// endOfFormer ends the call of an appointment that another doctor has now, and shuts out
// the one who had it. A new time alone ends nothing: the same two go on.
func endOfFormer(app core.App, e appointmentsapi.RescheduledV1) error {
	if e.DoctorID == e.WasDoctorID {
		return nil
	}
	return app.RunInTransaction(func(tx core.App) error {
		appointment, err := tx.FindRecordById("appointments", e.AppointmentID)
		if err != nil {
			return err
		}
		if appointment.GetString("doctorId") == e.WasDoctorID {
			return nil // has it back meanwhile
		}
		call, found, err := latest(tx, e.AppointmentID)
		if err != nil {
			return err
		}
		if found && call.GetString("status") != callEnded && !ofBoth(call, appointment) {
			if err := End(tx, call); err != nil {
				return err
			}
		}
		former, err := tx.FindRecordById("doctors", e.WasDoctorID)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil || former.GetString("userId") == "" {
			return err
		}
		return shutOut(tx, former.GetString("userId"), appointment.Id)
	})
}

// endOfRevoked ends the calls of an account that was closed or has another role now, and
// shuts it out of every channel.
func endOfRevoked(app core.App, e authapi.RevokedV1) error {
	return app.RunInTransaction(func(tx core.App) error {
		calls := []*core.Record{}
		err := tx.RecordQuery("video_calls").AndWhere(dbx.NewExp(`status != 'ended'
			AND (doctorId IN (SELECT id FROM doctors WHERE userId = {:account}) OR patientId IN (SELECT id FROM patients WHERE userId = {:account}))`,
			dbx.Params{"account": e.AccountID})).All(&calls)
		if err != nil {
			return err
		}
		for _, call := range calls {
			if err := End(tx, call); err != nil {
				return err
			}
		}
		return shutOutEverywhere(tx, e.AccountID)
	})
}

// endOfErased ends the calls of a patient who is about to be erased: afterwards nothing leads from
// the account that is closed to them.
func endOfErased(tx core.App, patientID string) error {
	calls := []*core.Record{}
	err := tx.RecordQuery("video_calls").AndWhere(dbx.HashExp{"patientId": patientID}).AndWhere(dbx.NewExp("status != 'ended'")).All(&calls)
	if err != nil {
		return err
	}
	for _, call := range calls {
		if err := End(tx, call); err != nil {
			return err
		}
	}
	return nil
}

// endOfUntied ends the calls that an account began or joined by a profile which is not its
// own any more, and shuts it out of every channel. Calls that began since are others'.
func endOfUntied(app core.App, e authapi.UntiedV1) error {
	side := map[string]string{"doctors": "doctorId", "patients": "patientId"}[e.Collection]
	if side == "" {
		return nil
	}
	return app.RunInTransaction(func(tx core.App) error {
		profile, err := tx.FindRecordById(e.Collection, e.ProfileID)
		if err == nil && profile.GetString("userId") == e.AccountID {
			return nil // has it back meanwhile
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		at, err := types.ParseDateTime(e.At)
		if err != nil {
			return err
		}
		calls := []*core.Record{}
		err = tx.RecordQuery("video_calls").AndWhere(dbx.HashExp{side: e.ProfileID}).
			AndWhere(dbx.NewExp("status != 'ended' AND startedAt <= {:at}", dbx.Params{"at": at.String()})).All(&calls)
		if err != nil {
			return err
		}
		for _, call := range calls {
			if err := End(tx, call); err != nil {
				return err
			}
		}
		return shutOutEverywhere(tx, e.AccountID)
	})
}

var reactions = []kernel.Subscription{
	kernel.On(videoapi.Ended, "video.remove", removeParticipants),
	kernel.On(videoapi.ShutOut, "video.bar", barNumber),
	kernel.On(appointmentsapi.Cancelled, "video.end", endOfCancelled),
	kernel.On(appointmentsapi.Rescheduled, "video.former", endOfFormer),
	kernel.On(authapi.Revoked, "video.revoked", endOfRevoked),
	kernel.On(authapi.Untied, "video.untied", endOfUntied),
}
