package video

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/auditapi"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
	"github.com/polyclinic-os/polyclinic/modules/video/agora"
)

const (
	// grace is how long a token outlives its appointment: visits run late.
	grace = 15 * time.Minute
	// shortest is the least life of a token while the appointment is not closed, so that a
	// call under way can go on; the client renews it.
	shortest = 10 * time.Minute
)

var (
	errNotYou    = kernel.Fail(http.StatusForbidden, "not_allowed", "A token is for the caller alone.")
	errPublisher = kernel.Fail(http.StatusForbidden, "not_allowed", "Only the doctor and the patient publish; an admin may subscribe.")
)

// uid is an account's id or its video number. JSON may have the number either way.
type uid string

var reNumber = regexp.MustCompile(`^[0-9]{1,10}$`)

// UnmarshalJSON takes text and whole numbers.
func (u *uid) UnmarshalJSON(raw []byte) error {
	if reNumber.Match(raw) {
		*u = uid(raw)
		return nil
	}
	var text *string
	if json.Unmarshal(raw, &text) != nil {
		return kernel.Bad("uid", "validation_invalid_type", "Must be text or a whole number.")
	}
	if text != nil {
		*u = uid(*text)
	}
	return nil
}

type tokenInput struct {
	ChannelName string `json:"channelName" doc:"id of the appointment"`
	UID         uid    `json:"uid" doc:"the caller: account id or video number"`
	Role        string `json:"role" doc:"publisher or subscriber"`
}

func (in tokenInput) Validate() error {
	var bad kernel.Invalid
	if in.ChannelName == "" {
		bad = append(bad, kernel.Required("channelName"))
	}
	if in.UID == "" {
		bad = append(bad, kernel.Required("uid"))
	}
	switch agora.Role(in.Role) {
	case "":
		bad = append(bad, kernel.Required("role"))
	case agora.Publisher, agora.Subscriber:
	default:
		bad = append(bad, kernel.Bad("role", "validation_in_invalid", "Must be publisher or subscriber."))
	}
	return bad.OrNil()
}

type tokenOutput struct {
	Token       string         `json:"token"`
	AppID       string         `json:"appId"`
	ChannelName string         `json:"channelName"`
	UID         uint32         `json:"uid" doc:"the number that the client must join with"`
	ExpiresAt   types.DateTime `json:"expiresAt"`
}

var tokenRoute = kernel.Op(kernel.Route{
	Method: http.MethodPost, Path: "/api/video/generate-token",
	Allow:   kernel.Allow(authapi.Doctor.Always(), authapi.Patient.Always(), authapi.Admin.Always()),
	Summary: "Get a token for the channel of an appointment",
	Errors:  []*kernel.Error{errNotConfigured, errNotYours, errNotYou, errPublisher, errOver, errEarly, errEnded, privacyapi.ErrWithdrawn, privacyapi.ErrRestricted},
}, func(c *kernel.Call, in tokenInput) (tokenOutput, error) {
	project, err := credentials()
	if err != nil {
		return tokenOutput{}, err
	}
	appointment, party, err := appointmentOf(c.App, in.ChannelName, c.Auth, "channelName")
	if err != nil {
		return tokenOutput{}, err
	}
	number, err := callerNumber(c.App, c.Auth, appointment.Id)
	if err != nil {
		return tokenOutput{}, err
	}
	patient := appointment.GetString("patientId")
	if err := privacyapi.MayUse(c.App, patient, c.Auth.Id); err != nil {
		auditapi.Try(c.RequestEvent, "patients/"+patient)
		return tokenOutput{}, err
	}
	if string(in.UID) != c.Auth.Id && string(in.UID) != strconv.FormatUint(uint64(number), 10) {
		return tokenOutput{}, errNotYou.At("uid")
	}
	if !party && agora.Role(in.Role) == agora.Publisher {
		return tokenOutput{}, errPublisher.At("role")
	}
	now := time.Now()
	end, err := checkOpen(c.App, appointment, now, "channelName")
	if err != nil {
		return tokenOutput{}, err
	}
	call, found, err := latest(c.App, appointment.Id)
	if err != nil {
		return tokenOutput{}, err
	}
	if found {
		if call.GetString("status") == callEnded || !ofBoth(call, appointment) {
			return tokenOutput{}, errEnded.At("channelName")
		}
		if err := answer(c.App, call, c.Auth.Id, party); err != nil {
			return tokenOutput{}, err
		}
	}
	auditapi.Saw(c.RequestEvent, "appointments/"+appointment.Id, "patients/"+patient)
	return issue(project, appointment.Id, number, agora.Role(in.Role), end, now)
})

// callerNumber is NumberOf for the caller. A superuser is not one of the clinic's people.
func callerNumber(tx core.App, caller *core.Record, channel string) (uint32, error) {
	if caller.IsSuperuser() {
		return 0, kernel.ErrForbidden
	}
	return NumberOf(tx, caller.Id, channel)
}

// issue makes a token. Nothing keeps it, and no log has it.
func issue(project agora.Credentials, channel string, number uint32, role agora.Role, end, now time.Time) (tokenOutput, error) {
	token, until, err := project.Token(channel, number, role, life(end, now), now)
	if err != nil {
		return tokenOutput{}, err
	}
	expiresAt, err := types.ParseDateTime(until)
	if err != nil {
		return tokenOutput{}, err
	}
	return tokenOutput{Token: token, AppID: project.AppID, ChannelName: channel, UID: number, ExpiresAt: expiresAt}, nil
}

// life is how long a token for an appointment that ends at end is good for.
func life(end, now time.Time) time.Duration {
	return min(max(end.Add(grace).Sub(now), shortest), agora.MaxTokenLife)
}
