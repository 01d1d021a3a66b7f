package auth

import (
	"net/http"
	"slices"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
)

const confirmEmailRoute = "POST /api/collections/{collection}/confirm-email-change"

// bindEmailChange slows down guesses at the password that confirms a new e-mail address.
// PocketBase compares it ahead of its hook: whoever found a session open, and had the link sent
// to an address of theirs, could try as many as they liked.
func bindEmailChange(k *kernel.Kernel, s *state) {
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "auth: guesses at a new address are slowed down", Func: func(se *core.ServeEvent) error {
		se.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "auth: guesses at a new address are slowed down", Priority: apis.DefaultRateLimitMiddlewarePriority + 600, Func: func(e *core.RequestEvent) error {
			if e.Request.Pattern != confirmEmailRoute {
				return e.Next()
			}
			var in struct {
				Token string `json:"token" form:"token"`
			}
			if err := e.BindBody(&in); err != nil {
				return k.APIError(kernel.ErrBadInput)
			}
			account, err := e.App.FindAuthRecordByToken(in.Token, core.TokenTypeEmailChange)
			if err != nil {
				return e.Next() // PocketBase says so
			}
			err = s.checked(e, target{ownPasswordKey(account), account.Id}, func() (outcome, error) {
				err := e.Next()
				switch {
				case err == nil:
					return right, nil
				case k.StatusOf(err) == http.StatusBadRequest && slices.ContainsFunc(k.FieldErrors(err), func(bad *kernel.Error) bool { return bad.Field == "password" }):
					return wrong, err
				}
				return undecided, err
			})
			if err != nil {
				return k.APIError(err)
			}
			return nil
		}})
		return se.Next()
	}})
}
