package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"github.com/polyclinic-os/polyclinic/kernel"
)

var (
	errWrongCode  = kernel.Fail(http.StatusBadRequest, "invalid_code", "This code is wrong or was used before.").At("code")
	errUnreadable = kernel.Fail(http.StatusServiceUnavailable, "second_factor_unreadable", "The server cannot read second factors, and lets nobody in without: whoever runs it has to bring its key back, see `polyclinic check`.")
)

// Codes are those of RFC 6238 as every authenticator app makes them: SHA-1, six digits, a
// new one every half minute. One step of either side is taken for clocks that differ.
const (
	stepSeconds = 30
	stepSkew    = 1
)

var codeForm = hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}

// recoveryCount codes are given at a time, each good once.
const recoveryCount = 10

// authenticatorOf returns the row of an account, nil when it has none.
func authenticatorOf(app core.App, accountID string) (*core.Record, error) {
	r, err := app.FindFirstRecordByData("authenticators", "userId", accountID)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return r, err
}

// enrolled reports whether the row stands for an authenticator that has proved itself.
func enrolled(authenticator *core.Record) bool {
	return authenticator != nil && authenticator.GetString("secret") != ""
}

// stepOf returns the time step whose code this is, 0 when none near now is.
func stepOf(code, secret string, now time.Time) (int64, error) {
	at := now.Unix() / stepSeconds
	for step := at - stepSkew; step <= at+stepSkew; step++ {
		ok, err := hotp.ValidateCustom(code, uint64(step), secret, codeForm)
		if err != nil && !errors.Is(err, otp.ErrValidateInputInvalidLength) {
			return 0, fmt.Errorf("check a code: %w", err)
		}
		if ok {
			return step, nil
		}
	}
	return 0, nil
}

var reCode = regexp.MustCompile(`^\d{6}$`)

// tidyCode lets people write a code with the gaps that they see in it.
func tidyCode(code string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(code))
}

// openSecret returns what was sealed for the account. What cannot be opened is no second factor
// that is missing: nobody gets by it.
func openSecret(app core.App, account, sealed string) (string, error) {
	text, err := of(app).keys.open(account, sealed)
	if err != nil {
		app.Logger().Error("a second factor cannot be opened", "account", account, "error", err)
		return "", errUnreadable
	}
	return text, nil
}

// useCode reports whether the code is the authenticator's or a recovery code, and uses it
// up: the same one is worth nothing a second time, however many try it at once.
func useCode(app core.App, authenticator *core.Record, code string, now time.Time) (bool, error) {
	account := authenticator.GetString("userId")
	if code = tidyCode(code); !reCode.MatchString(code) {
		return useRecoveryCode(app, account, code)
	}
	secret, err := openSecret(app, account, authenticator.GetString("secret"))
	if err != nil {
		return false, err
	}
	step, err := stepOf(code, secret, now)
	if err != nil || step == 0 {
		return false, err
	}
	return changedOne(app.NonconcurrentDB().Update("authenticators", dbx.Params{"lastStep": step},
		dbx.NewExp("userId = {:user} AND lastStep < {:step}", dbx.Params{"user": account, "step": step})).Execute())
}

func useRecoveryCode(app core.App, account, code string) (bool, error) {
	var codes []struct{ ID, Hash string }
	if err := app.DB().Select("id", "hash").From("recovery_codes").Where(dbx.HashExp{"userId": account}).All(&codes); err != nil {
		return false, err
	}
	given := hashOf(code)
	for _, c := range codes {
		hash, err := openSecret(app, account, c.Hash)
		if err != nil {
			return false, err
		}
		if subtle.ConstantTimeCompare([]byte(hash), []byte(given)) == 1 {
			return changedOne(app.NonconcurrentDB().Delete("recovery_codes", dbx.HashExp{"id": c.ID}).Execute())
		}
	}
	return false, nil
}

func changedOne(res sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// hashOf is how links' tokens are stored, of 250 random bits: too many to try, so a slow hash
// would gain nothing. Recovery codes have 50, which a graphics card tries in days: their hashes
// are sealed besides.
func hashOf(token string) string {
	h := sha256.Sum256([]byte(token))
	return hex.EncodeToString(h[:])
}

// newRecoveryCodes replaces the account's codes and returns the new ones, each 50 bits.
func newRecoveryCodes(tx core.App, account string) ([]string, error) {
	if _, err := tx.NonconcurrentDB().Delete("recovery_codes", dbx.HashExp{"userId": account}).Execute(); err != nil {
		return nil, err
	}
	codes := make([]string, recoveryCount)
	for i := range codes {
		// Letters that look alike are left out; 10 of 32 are 50 bits.
		code := security.RandomStringWithAlphabet(10, "abcdefghijkmnpqrstuvwxyz23456789")
		hash, err := of(tx).keys.seal(account, hashOf(code))
		if err != nil {
			return nil, err
		}
		_, err = tx.NonconcurrentDB().Insert("recovery_codes", dbx.Params{
			"id": core.GenerateDefaultRandomId(), "userId": account, "hash": hash,
		}).Execute()
		if err != nil {
			return nil, err
		}
		codes[i] = code[:5] + "-" + code[5:]
	}
	return codes, nil
}

// removeSecondFactor takes authenticator and recovery codes off an account.
func removeSecondFactor(tx core.App, account string) error {
	for _, table := range []string{"authenticators", "recovery_codes"} {
		if _, err := tx.NonconcurrentDB().Delete(table, dbx.HashExp{"userId": account}).Execute(); err != nil {
			return fmt.Errorf("remove second factor of %s: %w", account, err)
		}
	}
	return nil
}
