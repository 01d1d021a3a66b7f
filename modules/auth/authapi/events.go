package authapi

import (
	"time"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// RevokedV1 says that an account was closed, or has another role: what it was given before
// holds no more. Its sessions have ended.
type RevokedV1 struct {
	AccountID string `json:"accountId"`
}

// Revoked is emitted in the transaction of the change, whatever path it came by.
var Revoked = kernel.Event[RevokedV1]{Name: "auth.revoked.v1"}

// UntiedV1 says that a profile is another account's now, or nobody's: what its former account
// was given by it holds no more.
type UntiedV1 struct {
	Collection string    `json:"collection"` // of the profile
	ProfileID  string    `json:"profileId"`
	AccountID  string    `json:"accountId"` // the former
	At         time.Time `json:"at"`
}

// Untied is emitted in the transaction of the change, whatever path it came by.
var Untied = kernel.Event[UntiedV1]{Name: "auth.untied.v1"}
