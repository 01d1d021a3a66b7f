// Package videoapi is what siblings may know of video calls.
package videoapi

import (
	"time"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// EndedV1 says that a call is over.
type EndedV1 struct {
	CallID          string    `json:"callId"`
	AppointmentID   string    `json:"appointmentId"`
	ChannelName     string    `json:"channelName"`
	StartedAt       time.Time `json:"startedAt"`
	EndedAt         time.Time `json:"endedAt"`
	DurationSeconds int       `json:"durationSeconds"`
}

// Ended is emitted in the transaction that ends a call, whatever path it came by.
var Ended = kernel.Event[EndedV1]{Name: "video.ended.v1"}
