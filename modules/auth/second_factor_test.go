package auth_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pquerna/otp/totp"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

const factorPath = "/api/auth/second-factor"

// authenticator stands for somebody's authenticator.
type authenticator struct{ secret string }

// code is the one of so many half minutes from now. A test uses the same step once only.
func (a authenticator) code(t *testing.T, steps int) string {
	t.Helper()
	code, err := totp.GenerateCode(a.secret, time.Now().Add(time.Duration(steps)*30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// enrol sets an authenticator up, using the code of the step before now.
func enrol(t *testing.T, s *kerneltest.Server, tok string, who kerneltest.Account) (a authenticator, recovery []string) {
	t.Helper()
	r := s.Do(t, "POST", factorPath, tok, map[string]any{"password": who.Password})
	want(t, "begin", r, http.StatusOK, `"uri":"otpauth://totp/`)
	a.secret, _ = r.JSON(t)["secret"].(string)
	r = s.Do(t, "POST", factorPath+"/confirm", tok, map[string]any{"code": a.code(t, -1)})
	want(t, "confirm", r, http.StatusOK)
	for _, c := range r.JSON(t)["recoveryCodes"].([]any) {
		recovery = append(recovery, c.(string))
	}
	if len(recovery) != 10 {
		t.Fatalf("%d recovery codes", len(recovery))
	}
	return a, recovery
}

// newStep lets codes be used again, so that a test need not wait for the next ones.
func newStep(t *testing.T, s *kerneltest.Server, id string) {
	t.Helper()
	if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE authenticators SET lastStep = 0 WHERE userId = '" + id + "'").Execute(); err != nil {
		t.Fatal(err)
	}
}

func TestASignInHasBothFactorsWhateverWayItComes(t *testing.T) {
	s := set.Start(t)
	first, other := token(t, s, ada), token(t, s, ada)
	app, _ := enrol(t, s, first, ada)
	alive(t, s, "the session that set it up", first, true)
	alive(t, s, "one that began with the password alone", other, false)
	for _, path := range []string{loginPath, sdkPath} {
		newStep(t, s, authapi.Ada.ID)
		send := func(more map[string]any) kerneltest.Response {
			body := map[string]any{"email": ada.Email, "identity": ada.Email, "password": ada.Password}
			for k, v := range more {
				body[k] = v
			}
			return s.Do(t, "POST", path, "", body)
		}
		before := count(t, s, "sessions")
		r := send(nil)
		want(t, path+" without a code", r, http.StatusUnauthorized, `"mfaId":"`, `"second_factor_needed"`)
		want(t, path+" with a wrong one", send(map[string]any{"code": "000000"}), http.StatusBadRequest, `"invalid_code"`)
		want(t, path+" with the id alone", send(map[string]any{"mfaId": r.JSON(t)["mfaId"]}), http.StatusUnauthorized)
		if n := count(t, s, "sessions"); n != before {
			t.Errorf("%s: %d sessions, want %d", path, n, before)
		}
		code := app.code(t, 0)
		both := send(map[string]any{"code": code[:3] + " " + code[3:]})
		want(t, path+" in one step", both, http.StatusOK, `"token":"`)
		tok, _ := both.JSON(t)["token"].(string)
		alive(t, s, path, tok, true)
		want(t, path+" with the same code again", send(map[string]any{"code": code}), http.StatusBadRequest, `"invalid_code"`)
		second := s.Do(t, "POST", loginPath, "", map[string]any{"mfaId": r.JSON(t)["mfaId"], "code": app.code(t, 1)})
		want(t, path+" in two steps", second, http.StatusOK, `"token":"`)
		newStep(t, s, authapi.Ada.ID)
		want(t, "an id works once", s.Do(t, "POST", loginPath, "", map[string]any{"mfaId": r.JSON(t)["mfaId"], "code": app.code(t, 1)}), http.StatusBadRequest, `"sign_in_over"`)
	}
	want(t, "somebody without one signs in as before", login(t, s, bob.Email, bob.Password), http.StatusOK)
	want(t, "an id that never was", s.Do(t, "POST", loginPath, "", map[string]any{"mfaId": "nosuchmfa000000", "code": "123456"}), http.StatusBadRequest, `"sign_in_over"`)
	want(t, "no code", s.Do(t, "POST", loginPath, "", map[string]any{"mfaId": "nosuchmfa000000"}), http.StatusBadRequest, `"code":{"code":"validation_required"`)
}

func TestARecoveryCodeSignsInOnceHoweverManyTryIt(t *testing.T) {
	s := set.Start(t)
	_, recovery := enrol(t, s, token(t, s, ada), ada)
	var mu sync.Mutex
	var wg sync.WaitGroup
	ok := 0
	for range 4 {
		wg.Go(func() {
			r := s.Do(t, "POST", loginPath, "", map[string]any{"email": ada.Email, "password": ada.Password, "code": strings.ToUpper(recovery[0])})
			mu.Lock()
			defer mu.Unlock()
			if r.Status == http.StatusOK {
				ok++
			}
		})
	}
	wg.Wait()
	if ok != 1 {
		t.Errorf("%d sign-ins with one recovery code", ok)
	}
	if n := count(t, s, "recovery_codes"); n != 9 {
		t.Errorf("%d codes are left", n)
	}
}

func TestACodeSignsInOnceHoweverManySendItAtOnce(t *testing.T) {
	s := set.Start(t)
	app, _ := enrol(t, s, token(t, s, ada), ada)
	code := app.code(t, 0)
	var mu sync.Mutex
	var wg sync.WaitGroup
	ok := 0
	for range 4 {
		wg.Go(func() {
			r := s.Do(t, "POST", loginPath, "", map[string]any{"email": ada.Email, "password": ada.Password, "code": code})
			mu.Lock()
			defer mu.Unlock()
			if r.Status == http.StatusOK {
				ok++
			}
		})
	}
	wg.Wait()
	if ok != 1 {
		t.Errorf("%d sign-ins with one code", ok)
	}
}

func TestGuessedCodesAreSlowedDownAcrossBothWays(t *testing.T) {
	s := set.Start(t)
	app, _ := enrol(t, s, token(t, s, ada), ada)
	mfa := login(t, s, ada.Email, ada.Password).JSON(t)["mfaId"]
	for i := range 5 {
		body := map[string]any{"email": ada.Email, "password": ada.Password, "code": "00000" + string(rune('0'+i))}
		if i%2 == 0 {
			body = map[string]any{"mfaId": mfa, "code": "00000" + string(rune('0'+i))}
		}
		want(t, "a guess", s.Do(t, "POST", loginPath, "", body), http.StatusBadRequest)
	}
	r := s.Do(t, "POST", loginPath, "", map[string]any{"mfaId": mfa, "code": app.code(t, 0)})
	want(t, "the sixth waits, right or not", r, http.StatusTooManyRequests)
	if r.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestAnotherAccountsSignInHelpsNobody(t *testing.T) {
	s := set.Start(t)
	adas, _ := enrol(t, s, token(t, s, ada), ada)
	bobs, _ := enrol(t, s, token(t, s, bob), bob)
	mfa := login(t, s, ada.Email, ada.Password).JSON(t)["mfaId"]
	want(t, "Bob's code for Ada's sign-in", s.Do(t, "POST", loginPath, "", map[string]any{"mfaId": mfa, "code": bobs.code(t, 0)}), http.StatusBadRequest, `"invalid_code"`)
	want(t, "Ada's id with Bob's password", s.Do(t, "POST", sdkPath, "", map[string]any{"identity": bob.Email, "password": bob.Password, "mfaId": mfa}), http.StatusUnauthorized, `"mfaId"`)
	c, err := s.App.FindCollectionByNameOrId("users")
	if err != nil {
		t.Fatal(err)
	}
	c.OTP.Enabled = true
	if err := s.App.Save(c); err != nil {
		t.Fatal(err)
	}
	mailed := func(mfa any) kerneltest.Response {
		otp := core.NewOTP(s.App)
		otp.SetCollectionRef(c.Id)
		otp.SetRecordRef(authapi.Bob.ID)
		otp.SetPassword("12345678")
		if err := s.App.Save(otp); err != nil {
			t.Fatal(err)
		}
		return s.Do(t, "POST", "/api/collections/users/auth-with-otp", "", map[string]any{"otpId": otp.Id, "password": "12345678", "mfaId": mfa})
	}
	want(t, "Ada's id with a code that Bob was mailed", mailed(mfa), http.StatusUnauthorized, `"mfaId"`)
	want(t, "Bob's own id with it", mailed(login(t, s, bob.Email, bob.Password).JSON(t)["mfaId"]), http.StatusOK, `"token"`)
	if err := change(t, s, "users", authapi.Ada.ID, "status", authapi.Disabled); err != nil {
		t.Fatal(err)
	}
	want(t, "an account that was disabled between the steps", s.Do(t, "POST", loginPath, "", map[string]any{"mfaId": mfa, "code": adas.code(t, 0)}), http.StatusBadRequest, `"sign_in_over"`)
}

func TestARoleThatMustHaveASecondFactorCanOnlySetOneUp(t *testing.T) {
	s := set.Start(t, func(app *tests.TestApp) {
		app.OnServe().BindFunc(func(se *core.ServeEvent) error { // as a clinic's script does
			se.Router.GET("/ward/page", func(e *core.RequestEvent) error { return e.String(http.StatusOK, "shown") })
			return se.Next()
		})
	})
	before := token(t, s, nia)
	watched := listen(t, s, before, card(t, s, authapi.Nia.ID))
	watched("heard before", true)
	want(t, "the clinic demands it", s.As(t, alma, "PUT", "/api/clinic", `{"secondFactor":{"nurse":"required"}}`), http.StatusOK, `"nurse":"required"`)
	watched("not heard any more", false)
	for name, tok := range map[string]string{"a session that had begun": before, "a new one": token(t, s, nia)} {
		for _, at := range []string{"GET /api/cards", "GET " + users + "/" + authapi.Nia.ID, "POST /api/batch", "POST /api/files/token", "POST /api/realtime", "GET /ward/page", "GET /api/cards/", "PATCH " + users + "/" + authapi.Nia.ID} {
			method, path, _ := strings.Cut(at, " ")
			want(t, name+": "+at, s.Do(t, method, path, tok, nil), http.StatusForbidden, `"second_factor_demanded"`)
		}
		want(t, name+": me", s.Do(t, "GET", "/api/auth/me", tok, nil), http.StatusOK, `"secondFactor":{"enrolled":false,"required":true`)
	}
	almas := s.Token(t, alma)
	want(t, "of admins too", s.Do(t, "PUT", "/api/clinic", almas, `{"secondFactor":{"nurse":"required","admin":"required"}}`), http.StatusOK)
	want(t, "an admin cannot take it back without one", s.Do(t, "PUT", "/api/clinic", almas, `{"secondFactor":{}}`), http.StatusForbidden, `"second_factor_demanded"`)
	fresh := token(t, s, nia)
	app, recovery := enrol(t, s, fresh, nia)
	alive(t, s, "the session that set it up", fresh, true)
	alive(t, s, "the one before", before, false)
	want(t, "it cannot be removed", s.Do(t, "POST", factorPath+"/remove", fresh, map[string]any{"password": nia.Password, "code": recovery[1]}), http.StatusConflict, `"second_factor_demanded"`)
	r := s.Do(t, "POST", loginPath, "", map[string]any{"email": nia.Email, "password": nia.Password, "code": app.code(t, 0)})
	want(t, "sign-in with both", r, http.StatusOK)
	tok, _ := r.JSON(t)["token"].(string)
	alive(t, s, "with both", tok, true)
	want(t, "others go on as before", s.As(t, ada, "GET", "/api/cards", nil), http.StatusOK)
}

func TestOnlyTheOwnerChangesTheSecondFactor(t *testing.T) {
	s := set.Start(t)
	tok := token(t, s, ada)
	want(t, "a guest", s.Do(t, "POST", factorPath, "", map[string]any{"password": ada.Password}), http.StatusUnauthorized)
	want(t, "without the password", s.Do(t, "POST", factorPath, tok, map[string]any{}), http.StatusBadRequest, `"password":{"code":"validation_required"`)
	want(t, "with a wrong one", s.Do(t, "POST", factorPath, tok, map[string]any{"password": "not-mine-at-all"}), http.StatusBadRequest, `"validation_invalid_password"`)
	want(t, "confirming nothing", s.Do(t, "POST", factorPath+"/confirm", tok, map[string]any{"code": "123456"}), http.StatusConflict, `"second_factor_not_begun"`)
	app, recovery := enrol(t, s, tok, ada)
	want(t, "replacing it takes a code", s.Do(t, "POST", factorPath, tok, map[string]any{"password": ada.Password}), http.StatusBadRequest, `"invalid_code"`)
	want(t, "a new one does not count yet", s.Do(t, "POST", factorPath, tok, map[string]any{"password": ada.Password, "code": recovery[0]}), http.StatusOK)
	want(t, "the old one does", s.Do(t, "POST", loginPath, "", map[string]any{"email": ada.Email, "password": ada.Password, "code": app.code(t, 0)}), http.StatusOK)
	want(t, "new recovery codes", s.Do(t, "POST", factorPath+"/recovery-codes", tok, map[string]any{"password": ada.Password, "code": app.code(t, 1)}), http.StatusOK)
	want(t, "the old ones are void", s.Do(t, "POST", loginPath, "", map[string]any{"email": ada.Email, "password": ada.Password, "code": recovery[1]}), http.StatusBadRequest)
	newStep(t, s, authapi.Ada.ID)
	r := s.Do(t, "POST", factorPath+"/remove", tok, map[string]any{"password": ada.Password, "code": app.code(t, 0)})
	want(t, "removing it", r, http.StatusNoContent)
	want(t, "the password is enough again", login(t, s, ada.Email, ada.Password), http.StatusOK)
}

func TestAnAdminTakesALostAuthenticatorOff(t *testing.T) {
	s := set.Start(t)
	tok := token(t, s, ada)
	enrol(t, s, tok, ada)
	path := "/api/users/" + authapi.Ada.ID + "/second-factor"
	want(t, "not Ada", s.Do(t, "DELETE", path, tok, nil), http.StatusForbidden)
	want(t, "not a doctor", s.As(t, grace, "DELETE", path, nil), http.StatusForbidden)
	want(t, "an admin", s.As(t, alma, "DELETE", path, nil), http.StatusNoContent)
	alive(t, s, "the sessions end", tok, false)
	want(t, "once", s.As(t, alma, "DELETE", path, nil), http.StatusConflict, `"no_second_factor"`)
	want(t, "the password is enough", login(t, s, ada.Email, ada.Password), http.StatusOK)
}

func TestNobodyReadsSecretsOfSecondFactors(t *testing.T) {
	s := set.Start(t)
	app, _ := enrol(t, s, token(t, s, ada), ada)
	for _, c := range []string{"authenticators", "recovery_codes", "invitations"} {
		for _, who := range []kerneltest.Account{guest, bob, alma} {
			if r := s.As(t, who, "GET", "/api/collections/"+c+"/records", nil); r.Status != http.StatusForbidden || strings.Contains(r.Body, app.secret) {
				t.Errorf("%s for %s: %d %s", c, who.Email, r.Status, r.Body)
			}
			if r := s.As(t, who, "GET", users+"?filter="+c+"_via_userId.secret!=''", nil); r.Status < 400 {
				t.Errorf("%s is an oracle: %d %s", c, r.Status, r.Body)
			}
		}
	}
}

func TestAdministratorsWithAPasswordAloneAreFound(t *testing.T) {
	found := func(s *kerneltest.Server, what, want string) {
		t.Helper()
		if got := findings(s, "admins"); got != want {
			t.Errorf("%s: found %q, want %q", what, got, want)
		}
	}
	found(set.Start(t), "a demo, whose passwords are public", "")
	s := set.Start(t, func(app *tests.TestApp) {
		if _, err := app.DB().NewQuery("UPDATE clinic SET demo = false").Execute(); err != nil {
			t.Fatal(err)
		}
	})
	found(s, "a clinic", "risk admin_password_alone")
	want(t, "the clinic demands it", s.As(t, alma, "PUT", "/api/clinic", `{"secondFactor":{"admin":"required"}}`), http.StatusOK)
	found(s, "one that demands it", "")
	tok := token(t, s, alma)
	enrol(t, s, tok, alma)
	want(t, "it demands none any more", s.Do(t, "PUT", "/api/clinic", tok, `{"secondFactor":{}}`), http.StatusOK)
	found(s, "one where the administrator has set one up", "")
}
