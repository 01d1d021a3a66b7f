package auth

import (
	"github.com/pocketbase/pocketbase/core"

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
