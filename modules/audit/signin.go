package audit

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// bindSignIns names what happens to accounts, whichever way is taken. The entry is that of
// the request: it is written ahead of the answer with the token, and after a refusal.
func (t *trail) bindSignIns(k *kernel.Kernel) {
	k.App.OnRecordAuthWithPasswordRequest().Bind(&hook.Handler[*core.RecordAuthWithPasswordRequestEvent]{Id: "audit: sign-ins are recorded", Priority: -10, Func: func(e *core.RecordAuthWithPasswordRequestEvent) error {
		t.tries(e.RequestEvent, "sign-in", e.Record)
		err := e.Next()
		if err != nil { // whoever must wait comes no further than to the account
			t.tries(e.RequestEvent, "sign-in", e.Record)
		}
		return err
	}})
	// Further inside, where the account has been found that an address names.
	k.App.OnRecordAuthWithPasswordRequest().Bind(&hook.Handler[*core.RecordAuthWithPasswordRequestEvent]{Id: "audit: whose account was tried is recorded", Priority: 10, Func: func(e *core.RecordAuthWithPasswordRequestEvent) error {
		t.tries(e.RequestEvent, "sign-in", e.Record)
		return e.Next()
	}})
	k.App.OnRecordAuthWithOTPRequest().Bind(&hook.Handler[*core.RecordAuthWithOTPRequestEvent]{Id: "audit: sign-ins by one-time password are recorded", Priority: -10, Func: func(e *core.RecordAuthWithOTPRequestEvent) error {
		t.tries(e.RequestEvent, "sign-in", e.Record)
		return e.Next()
	}})
	k.App.OnRecordAuthWithOAuth2Request().Bind(&hook.Handler[*core.RecordAuthWithOAuth2RequestEvent]{Id: "audit: sign-ins elsewhere are recorded", Priority: -10, Func: func(e *core.RecordAuthWithOAuth2RequestEvent) error {
		t.tries(e.RequestEvent, "sign-in", e.Record)
		return e.Next()
	}})
	k.App.OnRecordAuthRefreshRequest().Bind(&hook.Handler[*core.RecordAuthRefreshRequestEvent]{Id: "audit: refreshes are recorded", Priority: -10, Func: func(e *core.RecordAuthRefreshRequestEvent) error {
		t.tries(e.RequestEvent, "refresh", e.Record)
		return e.Next()
	}})
	k.App.OnRecordRequestPasswordResetRequest().Bind(&hook.Handler[*core.RecordRequestPasswordResetRequestEvent]{Id: "audit: asked for a new password", Func: func(e *core.RecordRequestPasswordResetRequestEvent) error {
		t.tries(e.RequestEvent, "password-reset", e.Record)
		return e.Next()
	}})
	k.App.OnRecordAuthRequest().Bind(&hook.Handler[*core.RecordAuthRequestEvent]{Id: "audit: who signed in is recorded", Priority: 1000, Func: func(e *core.RecordAuthRequestEvent) error {
		if a := t.askedBy(e.RequestEvent); a != nil {
			a.be(e.Record)
			a.mu.Lock()
			a.signedIn = true
			if a.action == "" {
				a.action = "sign-in"
			}
			a.mu.Unlock()
		}
		return e.Next()
	}})
}

// signOuts end sessions: the first of them by a GET, which is no read.
var signOuts = []string{"GET /api/auth/logout", "POST /api/auth/logout", "POST /api/auth/logout-all"}

// tries notes what was tried, with whose account.
func (t *trail) tries(e *core.RequestEvent, action string, account *core.Record) {
	a := t.askedBy(e)
	if a == nil {
		return
	}
	a.does(action)
	if account != nil {
		a.saw(t.about.item(t.k.App, account))
	}
}
