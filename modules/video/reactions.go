package video

import (
	"context"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/video/agora"
	"github.com/polyclinic-os/polyclinic/modules/video/videoapi"
)

// patience bounds one attempt to reach Agora: other modules' reactions wait meanwhile.
// The outbox tries again, for more than half an hour.
const patience = 25 * time.Second

// removeParticipants puts everybody out of the channel of an ended call, where the
// clinic has Agora's REST credentials. It leaves alone a call that began since.
func removeParticipants(app core.App, e videoapi.EndedV1) error {
	kicker := agora.Kicker{BaseURL: restURL.Value(), AppID: appID.Value(), Key: customerKey.Value(), Secret: customerSecret.Value()}
	if kicker.AppID == "" || kicker.Key == "" || kicker.Secret == "" {
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
	return kicker.RemoveAll(ctx, e.ChannelName)
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
