package auth

import (
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// announceRevoked lets others take back what outlives a session, such as a token for a call.
func announceRevoked(tx core.App, r *core.Record) error {
	closed := changed(r, "status") && r.GetString("status") != authapi.Active
	if !closed && !changed(r, "role") {
		return nil
	}
	return kernel.Emit(tx, authapi.Revoked, authapi.RevokedV1{AccountID: r.Id})
}

// bindProfiles announces the same of a profile that is taken from its account.
func bindProfiles(k *kernel.Kernel) {
	tables := []string{}
	for _, p := range kernel.All[authapi.Profile](k) {
		tables = append(tables, p.Collection)
	}
	if len(tables) == 0 {
		return // none would stand for every collection
	}
	k.App.OnRecordUpdate(tables...).Bind(&hook.Handler[*core.RecordEvent]{Id: "auth: others learn that a profile has another account", Func: func(e *core.RecordEvent) error {
		former := e.Record.Original().GetString("userId")
		if err := e.Next(); err != nil {
			return err
		}
		if former == "" || former == e.Record.GetString("userId") {
			return nil
		}
		return kernel.Emit(e.App, authapi.Untied, authapi.UntiedV1{
			Collection: e.Record.Collection().Name, ProfileID: e.Record.Id, AccountID: former, At: time.Now().UTC(),
		})
	}})
}
