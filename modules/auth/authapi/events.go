package authapi

import "github.com/polyclinic-os/polyclinic/kernel"

// RevokedV1 says that an account was closed, or has another role: what it was given before
// holds no more. Its sessions have ended.
type RevokedV1 struct {
	AccountID string `json:"accountId"`
}

// Revoked is emitted in the transaction of the change, whatever path it came by.
var Revoked = kernel.Event[RevokedV1]{Name: "auth.revoked.v1"}
