package messaging

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

// hiddenFrom reports whether strict care hides the receiver from the sender: a patient whom
// this doctor does not care for, and who never wrote to them.
func hiddenFrom(app core.App, sender *core.Record, receiverID string) (bool, error) {
	if !authapi.Doctor.Has(sender) {
		return false, nil
	}
	s, err := clinicapi.Current(app)
	if err != nil || !s.StrictCare {
		return false, err
	}
	receiver, err := app.FindRecordById(kernel.AccountsCollection, receiverID)
	if err != nil || !authapi.Patient.Has(receiver) {
		return false, err
	}
	patient, err := authapi.ProfileOf(app, receiver)
	if err != nil || patient == nil {
		return false, err
	}
	if open, err := patientsapi.HasOpen(app, sender.Id, patient.Id); open || err != nil {
		return false, err
	}
	known, err := wrote(app, receiverID, sender.Id)
	return !known, err
}

// agreed refuses to write to a patient who withdrew their consent to messages. What they
// write themselves they want written.
func agreed(app core.App, sender *core.Record, receiverID string) error {
	if authapi.Patient.Has(sender) {
		return nil
	}
	receiver, err := app.FindRecordById(kernel.AccountsCollection, receiverID)
	if err != nil || !authapi.Patient.Has(receiver) {
		return err
	}
	patient, err := authapi.ProfileOf(app, receiver)
	if err != nil || patient == nil {
		return err
	}
	return privacyapi.Ask(app, patient.Id, privacyapi.Messages)
}
