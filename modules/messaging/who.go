package messaging

import (
	"database/sql"
	"errors"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// hiddenReceiver marks a message to somebody whom strict care hides from its sender. It is
// no field, so it is neither stored nor sent.
const hiddenReceiver = "@hiddenReceiver"

// checkCaller lets a client write in its own name only, and a patient only to whom
// patients may write. A superuser in the dashboard operates the machine and is not asked.
func checkCaller(e *core.RecordRequestEvent) error {
	if e.Auth == nil || e.Auth.IsSuperuser() {
		return nil
	}
	if sent := e.Record.GetString("senderId"); sent != "" {
		sender, err := authapi.AccountID(e.App, sent)
		if err != nil {
			return err
		}
		if sender != e.Auth.Id {
			return errSender.At("senderId")
		}
	}
	e.Record.Set("senderId", e.Auth.Id)
	sent := e.Record.GetString("receiverId")
	receiver, err := authapi.AccountID(e.App, sent)
	switch {
	case err != nil || sent == "" || receiver == e.Auth.Id:
		return err // address says what is wrong
	case receiver == "" && authapi.Patient.Has(e.Auth):
		return errStranger.At("receiverId") // as for another patient: not even that nobody is there
	case receiver == "":
		return nil // address says so
	}
	hidden, err := hiddenFrom(e.App, e.Auth, receiver)
	if err != nil {
		return err
	}
	if hidden {
		e.Record.SetRaw(hiddenReceiver, true) // and says the same here
		return nil
	}
	if err := agreed(e.App, e.Auth, receiver); err != nil {
		return err
	}
	ok, err := mayWrite(e.App, e.Auth, receiver)
	if err == nil && !ok {
		err = errStranger.At("receiverId")
	}
	return err
}

// mayWrite reports whether the account may write to the account receiverID: staff of the
// clinic to anyone; a patient to nurses and staff, to the doctors who treat them, and to
// whoever wrote to them.
func mayWrite(app core.App, account *core.Record, receiverID string) (bool, error) {
	if !authapi.Patient.Has(account) {
		return true, nil
	}
	receiver, err := app.FindRecordById(kernel.AccountsCollection, receiverID)
	if err != nil {
		return false, err
	}
	switch {
	case authapi.Nurse.Has(receiver), authapi.Staff.Has(receiver):
		return true, nil
	case authapi.Doctor.Has(receiver):
		if ok, err := treats(app, receiver, account); ok || err != nil {
			return ok, err
		}
	}
	return wrote(app, receiverID, account.Id)
}

// treats reports whether the doctor is the patient's own, or has had or will have an
// appointment with them.
func treats(app core.App, doctorAccount, patientAccount *core.Record) (bool, error) {
	doctor, err := authapi.ProfileOf(app, doctorAccount)
	if err != nil || doctor == nil {
		return false, err
	}
	patient, err := authapi.ProfileOf(app, patientAccount)
	if err != nil || patient == nil {
		return false, err
	}
	if patient.GetString("assignedDoctorId") == doctor.Id {
		return true, nil
	}
	return appointmentsapi.HasTreated(app, doctor.Id, patient.Id)
}

// wrote reports whether sender has written to receiver, both accounts.
func wrote(app core.App, senderID, receiverID string) (bool, error) {
	var found int
	err := app.DB().Select("(1)").From("messages").
		InnerJoin("conversations", dbx.NewExp("conversations.id = messages.conversationId")).
		Where(dbx.HashExp{"conversations.firstId": min(senderID, receiverID), "conversations.secondId": max(senderID, receiverID), "messages.senderId": senderID}).
		Limit(1).Row(&found)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}
