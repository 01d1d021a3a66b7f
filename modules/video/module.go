// Package video owns the calls of appointments: who may enter a channel of Agora, and
// when a call begins and ends.
package video

import (
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/video/videoapi"
)

// Module declares video calls.
func Module() kernel.Module {
	return kernel.Module{
		Name: "video", Doc: "Video calls of doctor and patient, carried by Agora.",
		Requires:   []string{"auth", "clinic", "staff", "patients", "appointments"},
		Migrations: migrations,
		Access:     access,
		Hooks: []kernel.Hook{
			kernel.Before(kernel.Update, "video_calls", "an ended call stays ended, and its length is noted", noteEnd),
			kernel.After(kernel.Update, "video_calls", "others learn of the end", announceEnd),
		},
		Routes: []kernel.Route{tokenRoute, startRoute, endRoute},
		Emits: []kernel.EventDoc{
			videoapi.Ended.Declares("A video call is over."),
			videoapi.ShutOut.Declares("Tokens of a number must admit nobody any more."),
		},
		On:       reactions,
		Settings: settings,
		Provides: personal,
	}
}

var (
	ofDoctor = kernel.Rule{
		Name: "own calendar", Filter: "doctorId.userId = @request.auth.id",
		Strict: "doctorId.userId = @request.auth.id && " + patientsapi.InCare("patientId."),
	}
	ofPatient = kernel.Rule{Name: "own", Filter: "patientId.userId = @request.auth.id"}
)

// A call is seen by its two sides, who are so told of it through realtime, and by admins.
var readers = kernel.Allow(authapi.Admin.Always(), authapi.Doctor.When(ofDoctor), authapi.Patient.When(ofPatient))

var access = []kernel.Access{
	{
		Collection: "video_calls", Doc: "Video calls. They are started and ended by the routes under /api/video.",
		List: readers, View: readers,
		Queryable: []string{"appointmentId", "patientId", "doctorId", "channelName", "status", "startedAt", "endedAt"},
	},
	{Collection: "video_numbers", Doc: "The numbers by which Agora knows an account."},
}
