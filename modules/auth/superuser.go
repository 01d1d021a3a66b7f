package auth

import (
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// claimSince says in a superuser's token when the sign-in was, in Unix seconds. Superusers
// are PocketBase's and have no sessions: what the token does not say, nobody knows.
const claimSince = "since"

// bindSuperusers holds the dashboard's accounts to the clinic's rule for passwords, and to the
// absolute limit that its admins' sessions have.
func bindSuperusers(k *kernel.Kernel) {
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
	k.App.OnRecordAuthRefreshRequest(core.CollectionNameSuperusers).Bind(&hook.Handler[*core.RecordAuthRefreshRequestEvent]{Id: "auth: a superuser's refresh moves no end", Func: func(e *core.RecordAuthRefreshRequestEvent) error {
		e.Set(refreshKey, true)
		return e.Next()
	}})
	k.App.OnRecordAuthRequest(core.CollectionNameSuperusers).Bind(&hook.Handler[*core.RecordAuthRequestEvent]{Id: "auth: a superuser's sign-in has an end", Func: func(e *core.RecordAuthRequestEvent) error {
		if err := giveSuperuserToken(e, time.Now()); err != nil {
			if _, own := errors.AsType[*kernel.Error](err); own {
				return k.APIError(err)
			}
			return err
		}
		return e.Next()
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

// giveSuperuserToken signs a token that ends with the sign-in that it goes back to.
func giveSuperuserToken(e *core.RecordAuthRequestEvent, now time.Time) error {
	clinic, err := clinicapi.Current(e.App)
	if err != nil {
		return err
	}
	since := now
	if e.Get(refreshKey) == true {
		since = sinceOf(bearer(e.Request))
	}
	_, life := clinic.Sessions(authapi.Admin.Name)
	ends := since.Add(life)
	if !now.Before(ends) {
		return kernel.ErrSignIn
	}
	// An operator may have set a shorter one in the dashboard.
	if single := now.Add(e.Record.Collection().AuthToken.DurationTime()); single.Before(ends) {
		ends = single
	}
	e.Token, err = signToken(e.Record, ends, claimSince, since.Unix())
	return err
}

// sinceOf returns when a superuser signed in to get the token, the zero time when the token
// does not say. Its signature has been checked.
func sinceOf(token string) time.Time {
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, claims); err != nil {
		return time.Time{}
	}
	since, is := claims[claimSince].(float64)
	if !is {
		return time.Time{}
	}
	return time.Unix(int64(since), 0)
}
