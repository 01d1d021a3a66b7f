package appointmentsapi

import (
	"time"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// BookedV1 says that an appointment was made.
type BookedV1 struct {
	AppointmentID string    `json:"appointmentId"`
	PatientID     string    `json:"patientId"`
	DoctorID      string    `json:"doctorId"`
	StartsAt      time.Time `json:"startsAt"`
}

// RescheduledV1 says that an appointment moved to another time or doctor.
type RescheduledV1 struct {
	AppointmentID string    `json:"appointmentId"`
	PatientID     string    `json:"patientId"`
	DoctorID      string    `json:"doctorId"`
	StartsAt      time.Time `json:"startsAt"`
	WasDoctorID   string    `json:"wasDoctorId"`
	WasStartsAt   time.Time `json:"wasStartsAt"`
}

// CancelledV1 says that an appointment was called off; its slot is free.
type CancelledV1 struct {
	AppointmentID string    `json:"appointmentId"`
	PatientID     string    `json:"patientId"`
	DoctorID      string    `json:"doctorId"`
	StartsAt      time.Time `json:"startsAt"`
}

// CompletedV1 says that a visit took place and is over.
type CompletedV1 struct {
	AppointmentID string    `json:"appointmentId"`
	PatientID     string    `json:"patientId"`
	DoctorID      string    `json:"doctorId"`
	StartsAt      time.Time `json:"startsAt"`
}

// Events of the diary, emitted in the transaction of the change, whatever path it came
// by. A past visit that is imported was neither booked nor completed here and emits none.
var (
	Booked      = kernel.Event[BookedV1]{Name: "appointments.booked.v1"}
	Rescheduled = kernel.Event[RescheduledV1]{Name: "appointments.rescheduled.v1"}
	Cancelled   = kernel.Event[CancelledV1]{Name: "appointments.cancelled.v1"}
	Completed   = kernel.Event[CompletedV1]{Name: "appointments.completed.v1"}
)
