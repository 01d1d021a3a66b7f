package auth

import (
	"net/http"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// errSessionKept refuses what would make a superuser's session look like something else.
var errSessionKept = kernel.Fail(http.StatusForbidden, "session_not_edited", "A session begins with a sign-in and is not edited. Delete it to sign out.")

var superuserRules = []kernel.Hook{
	kernel.OnRequest(kernel.Create, ofSuperusers.collection, "a session begins with a sign-in", func(*core.RecordRequestEvent) error { return errSessionKept }),
	kernel.OnRequest(kernel.Update, ofSuperusers.collection, "a session is not edited", func(*core.RecordRequestEvent) error { return errSessionKept }),
}

// bindSuperusers holds the dashboard's accounts to the clinic's rule for passwords, and ends
// their sessions with their password.
func bindSuperusers(k *kernel.Kernel, s *state) {
	strong := func(id string) *hook.Handler[*core.RecordEvent] {
		return &hook.Handler[*core.RecordEvent]{Id: id, Func: func(e *core.RecordEvent) error {
			if err := strongSuperuser(e.App, e.Record); err != nil {
				return err
			}
			return e.Next()
		}}
	}
	k.App.OnRecordCreate(core.CollectionNameSuperusers).Bind(strong("auth: a superuser's password is not weak"))
	k.App.OnRecordUpdate(core.CollectionNameSuperusers).Bind(strong("auth: a superuser's new password is not weak"))
	k.App.OnRecordUpdate(core.CollectionNameSuperusers).Bind(&hook.Handler[*core.RecordEvent]{Id: "auth: a superuser's sessions end with the tokens", Func: func(e *core.RecordEvent) error {
		if err := e.Next(); err != nil {
			return err
		}
		if e.Record.TokenKey() == e.Record.Original().TokenKey() || !e.App.HasTable(ofSuperusers.collection) {
			return nil
		}
		return s.superusers.end(e.App, e.Record.Id, "")
	}})
}

// strongSuperuser asks for the first passwords what a new clinic asks for, where no server has
// prepared the data folder yet.
func strongSuperuser(tx core.App, r *core.Record) error {
	if !tx.HasTable("clinic") {
		return refuseWeakPassword(tx, r, clinicapi.Settings{PasswordMinLength: 10, PasswordRefuseCommon: true})
	}
	return strongPassword(tx, r)
}
