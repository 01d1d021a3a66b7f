package staff

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

var (
	errNeeded     = kernel.Fail(http.StatusConflict, "has_future", "Something still needs this person.")
	errNotDeleted = kernel.Fail(http.StatusConflict, "not_deleted", "The profile was not deleted.")
	// errKept is the database's last word on a delete that went round the hooks.
	errKept = kernel.Fail(http.StatusConflict, "profile_kept", "Profiles are never removed from the database.")
)

// checkFuture asks every module whether something stands in the way.
func (k kind) checkFuture(tx core.App, r *core.Record) error {
	var reasons []string
	for _, b := range kernel.All[staffapi.Blocker](kernel.Of(tx)) {
		reason, err := b.Blocks(tx, k.collection, r.Id)
		if err != nil {
			return err
		}
		if reason != "" {
			reasons = append(reasons, reason)
		}
	}
	if len(reasons) == 0 {
		return nil
	}
	return errNeeded.Saying("The " + k.noun + " cannot be deleted: " + strings.Join(reasons, "; ") + ".")
}

// roleKey marks a profile that is deleted since its account has another role. It is not a field.
const roleKey = "@anotherRole"

// remove takes a profile off every list. Who is deleted does not go on signing in, unless as
// something else.
func remove(tx core.App, r *core.Record) error {
	p, err := tx.FindRecordById(r.Collection(), r.Id)
	if err != nil {
		return err
	}
	if !p.GetDateTime("deletedAt").IsZero() {
		return kernel.ErrNotFound
	}
	kernel.SetActor(p, kernel.Actor(r))
	p.Set("deletedAt", types.NowDateTime())
	if err := tx.Save(p); err != nil {
		return err
	}
	goesOn, _ := r.GetRaw(roleKey).(bool)
	if id := p.GetString("userId"); id != "" && !goesOn {
		return disable(tx, id)
	}
	return nil
}

// disable closes an account; one that is gone needs no closing.
func disable(tx core.App, id string) error {
	account, err := tx.FindRecordById(kernel.AccountsCollection, id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("account of a profile: %w", err)
	}
	account.Set("status", authapi.Disabled)
	return tx.Save(account)
}

// Restore brings a deleted profile back. It returns errNotDeleted when it was not deleted.
// Its account stays disabled until an admin opens it again.
func Restore(tx core.App, p *core.Record) error {
	if p.GetDateTime("deletedAt").IsZero() {
		return errNotDeleted
	}
	p.Set("deletedAt", nil)
	return tx.Save(p)
}

func (k kind) restoreRoute() kernel.Route {
	return kernel.Op(kernel.Route{
		Method: http.MethodPost, Path: "/api/" + k.collection + "/{id}/restore", Record: k.collection, Deleted: true,
		Allow: admins, Returns: k.collection,
		Summary: "Bring a deleted " + k.noun + " back; the account stays disabled",
		Errors:  []*kernel.Error{errNotDeleted},
	}, func(c *kernel.Call, _ kernel.Nothing) (*core.Record, error) {
		kernel.SetActor(c.Record, c.Auth.Id)
		return c.Record, Restore(c.App, c.Record)
	})
}
