package auth

import (
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

// personal says what of a patient is here, for exports and erasures.
var personal = []any{
	privacyapi.Part{Collection: "users", Doc: "the account", Where: "id = {:account}"}, // an erasure closes it by itself
	privacyapi.Part{Collection: "sessions", Doc: "where the account is signed in", Where: "userId = {:account}", Remove: true},
}
