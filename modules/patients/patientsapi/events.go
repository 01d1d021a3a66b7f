package patientsapi

import "github.com/polyclinic-os/polyclinic/kernel"

// DeletedV1 says that a patient was taken off the register. The row is kept.
type DeletedV1 struct {
	PatientID string `json:"patientId"`
}

// Deleted is emitted in the transaction of a delete, whatever path it came by.
var Deleted = kernel.Event[DeletedV1]{Name: "patients.deleted.v1"}
