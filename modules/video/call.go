package video

import (
	"database/sql"
	"errors"
	"net/http"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/auditapi"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
	"github.com/polyclinic-os/polyclinic/modules/video/agora"
	"github.com/polyclinic-os/polyclinic/modules/video/videoapi"
)

// Statuses of a call. It is active once the other side was given a token.
const (
	callRinging = "ringing"
	callActive  = "active"
	callEnded   = "ended"
)

var (
	errEnded    = kernel.Fail(http.StatusConflict, "call_ended", "The call has ended.")
	errNotThese = kernel.Fail(http.StatusBadRequest, "not_of_this_appointment", "The appointment is somebody else's.")
)

type startInput struct {
	AppointmentID string `json:"appointmentId"`
	DoctorID      string `json:"doctorId"`
	PatientID     string `json:"patientId"`
}

func (in startInput) Validate() error {
	var bad kernel.Invalid
	for _, f := range [][2]string{{"appointmentId", in.AppointmentID}, {"doctorId", in.DoctorID}, {"patientId", in.PatientID}} {
		if f[1] == "" {
			bad = append(bad, kernel.Required(f[0]))
		}
	}
	return bad.OrNil()
}

type startOutput struct {
	ChannelName string         `json:"channelName"`
	Token       string         `json:"token"`
	AppID       string         `json:"appId"`
	UID         uint32         `json:"uid" doc:"the number that the client must join with"`
	CallID      string         `json:"callId"`
	ExpiresAt   types.DateTime `json:"expiresAt"`
}

var startRoute = kernel.Op(kernel.Route{
	Method: http.MethodPost, Path: "/api/video/start-call",
	Allow:   kernel.Allow(authapi.Doctor.Always(), authapi.Patient.Always()),
	Summary: "Start the call of an appointment, or join it",
	Errors:  []*kernel.Error{errNotConfigured, errNotYours, errNotThese, errOver, errEarly, privacyapi.ErrWithdrawn},
}, func(c *kernel.Call, in startInput) (startOutput, error) {
	project, err := credentials()
	if err != nil {
		return startOutput{}, err
	}
	appointment, party, err := appointmentOf(c.App, in.AppointmentID, c.Auth, "appointmentId")
	if err != nil {
		return startOutput{}, err
	}
	if !party {
		return startOutput{}, errNotYours.At("appointmentId")
	}
	if err := in.belongTo(appointment); err != nil {
		return startOutput{}, err
	}
	now := time.Now()
	end, err := checkOpen(c.App, appointment, now, "appointmentId")
	if err != nil {
		return startOutput{}, err
	}
	call, err := Start(c.App, appointment, c.Auth.Id)
	if err != nil {
		return startOutput{}, err
	}
	number, err := NumberOf(c.App, c.Auth.Id, appointment.Id)
	if err != nil {
		return startOutput{}, err
	}
	auditapi.Saw(c.RequestEvent, "appointments/"+appointment.Id, "patients/"+appointment.GetString("patientId"))
	t, err := issue(project, appointment.Id, number, agora.Publisher, end, now)
	return startOutput{ChannelName: t.ChannelName, Token: t.Token, AppID: t.AppID, UID: t.UID, CallID: call.Id, ExpiresAt: t.ExpiresAt}, err
})

func (in startInput) belongTo(appointment *core.Record) error {
	var bad kernel.Invalid
	if in.DoctorID != appointment.GetString("doctorId") {
		bad = append(bad, errNotThese.Saying("The appointment is with another doctor.").At("doctorId"))
	}
	if in.PatientID != appointment.GetString("patientId") {
		bad = append(bad, errNotThese.Saying("The appointment is another patient's.").At("patientId"))
	}
	return bad.OrNil()
}

// Start returns the running call of an appointment, which the account so joins, or a new
// one; a call of the doctor who had the appointment before is ended. Both sides see the
// call's record, and so learn of it through realtime.
func Start(tx core.App, appointment *core.Record, accountID string) (*core.Record, error) {
	call, found, err := latest(tx, appointment.Id)
	if err != nil {
		return nil, err
	}
	if found && call.GetString("status") != callEnded {
		if ofBoth(call, appointment) {
			return call, answer(tx, call, accountID, true)
		}
		kernel.SetActor(call, accountID)
		if err := End(tx, call); err != nil {
			return nil, err
		}
	}
	c, err := tx.FindCachedCollectionByNameOrId("video_calls")
	if err != nil {
		return nil, err
	}
	call = core.NewRecord(c)
	call.Load(map[string]any{
		"appointmentId": appointment.Id, "patientId": appointment.GetString("patientId"), "doctorId": appointment.GetString("doctorId"),
		"channelName": appointment.Id, "status": callRinging, "startedBy": accountID, "startedAt": types.NowDateTime(),
	})
	kernel.SetActor(call, accountID)
	return call, tx.Save(call)
}

// ofBoth reports whether a call is of those whose appointment it is now.
func ofBoth(call, appointment *core.Record) bool {
	return call.GetString("doctorId") == appointment.GetString("doctorId") && call.GetString("patientId") == appointment.GetString("patientId")
}

// latest returns the running call of an appointment, or else its last one. found is false
// when it had none.
func latest(tx core.App, appointmentID string) (call *core.Record, found bool, err error) {
	call = &core.Record{}
	err = tx.RecordQuery("video_calls").AndWhere(dbx.HashExp{"appointmentId": appointmentID}).
		OrderBy("(status != 'ended') DESC", "startedAt DESC", "created DESC").Limit(1).One(call)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	return call, err == nil, err
}

// answer notes that the side which did not start the call is coming.
func answer(tx core.App, call *core.Record, accountID string, party bool) error {
	if !party || call.GetString("status") != callRinging || call.GetString("startedBy") == accountID {
		return nil
	}
	kernel.SetActor(call, accountID)
	call.Set("status", callActive)
	return tx.Save(call)
}

type endInput struct {
	ChannelName string `json:"channelName" doc:"id of the appointment"`
}

func (in endInput) Validate() error {
	if in.ChannelName == "" {
		return kernel.Required("channelName")
	}
	return nil
}

type endOutput struct {
	CallID          string         `json:"callId"`
	StartedAt       types.DateTime `json:"startedAt"`
	EndedAt         types.DateTime `json:"endedAt"`
	DurationSeconds int            `json:"durationSeconds"`
}

var endRoute = kernel.Op(kernel.Route{
	Method: http.MethodPost, Path: "/api/video/end-call",
	Allow:   kernel.Allow(authapi.Doctor.Always(), authapi.Patient.Always(), authapi.Admin.Always()),
	Summary: "End the call of an appointment",
	Errors:  []*kernel.Error{errNotConfigured, errNotYours, errEnded},
}, func(c *kernel.Call, in endInput) (endOutput, error) {
	if _, err := credentials(); err != nil {
		return endOutput{}, err
	}
	appointment, _, err := appointmentOf(c.App, in.ChannelName, c.Auth, "channelName")
	if err != nil {
		return endOutput{}, err
	}
	call, found, err := latest(c.App, appointment.Id)
	if err != nil {
		return endOutput{}, err
	}
	if !found {
		return endOutput{}, kernel.ErrNotFound.Saying("The appointment has no call.").At("channelName")
	}
	kernel.SetActor(call, c.Auth.Id)
	if err := End(c.App, call); err != nil {
		return endOutput{}, err
	}
	return endOutput{
		CallID: call.Id, StartedAt: call.GetDateTime("startedAt"), EndedAt: call.GetDateTime("endedAt"),
		DurationSeconds: call.GetInt("durationSeconds"),
	}, nil
})

// End ends a call; nobody gets a token for it any more. It returns errEnded when it has
// ended before.
func End(tx core.App, call *core.Record) error {
	if call.GetString("status") == callEnded {
		return errEnded.At("channelName")
	}
	call.Set("status", callEnded)
	return tx.Save(call)
}

// noteEnd keeps an ended call as it was and notes how long it took.
func noteEnd(_ core.App, r *core.Record) error {
	was := r.Original()
	if was.GetString("status") == callEnded {
		return errEnded.At("status")
	}
	if r.GetString("status") == callEnded {
		now := types.NowDateTime()
		r.Set("endedAt", now)
		r.Set("durationSeconds", max(0, int(now.Time().Sub(r.GetDateTime("startedAt").Time())/time.Second)))
	}
	return nil
}

func announceEnd(tx core.App, r *core.Record) error {
	if r.GetString("status") != callEnded {
		return nil
	}
	return kernel.Emit(tx, videoapi.Ended, videoapi.EndedV1{
		CallID: r.Id, AppointmentID: r.GetString("appointmentId"), ChannelName: r.GetString("channelName"),
		StartedAt: r.GetDateTime("startedAt").Time().UTC(), EndedAt: r.GetDateTime("endedAt").Time().UTC(),
		DurationSeconds: r.GetInt("durationSeconds"),
	})
}
