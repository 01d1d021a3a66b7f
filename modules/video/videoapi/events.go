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

// ShutOutV1 says that the tokens of a number must admit nobody any more.
type ShutOutV1 struct {
	ChannelName string `json:"channelName"` // "": every channel
	Number      uint32 `json:"number"`
}

// Events of video calls, emitted in the transaction of the change, whatever path it came by.
var (
	Ended   = kernel.Event[EndedV1]{Name: "video.ended.v1"}
	ShutOut = kernel.Event[ShutOutV1]{Name: "video.shut_out.v1"}
)
