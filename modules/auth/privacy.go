package auth

import (
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

// personal says what of a patient is here, for exports and erasures. Secrets and hashes are
// hidden fields: an export says that there is one, and does not have it.
var personal = []any{
	privacyapi.Part{Collection: "users", Doc: "the account", Where: "id = {:account}", Photos: []string{"avatar"}}, // an erasure closes it by itself
	privacyapi.Part{Collection: "sessions", Doc: "where the account is signed in", Where: "userId = {:account}", Remove: true},
	privacyapi.Part{Collection: "known_addresses", Doc: "from where the account has signed in of late", Where: "userId = {:account}", Remove: true},
	privacyapi.Part{Collection: "authenticators", Doc: "the account's second factor, without its secret", Where: "userId = {:account}", Remove: true},
	privacyapi.Part{Collection: "recovery_codes", Doc: "how many codes stand in for a lost authenticator", Where: "userId = {:account}", Remove: true},
	privacyapi.Part{Collection: "invitations", Doc: "links to a first password that are still open", Where: "userId = {:account}", Remove: true},
}
