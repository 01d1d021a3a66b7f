package messaging

import (
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

// personal says what of a patient is here, for exports and erasures.
var personal = []any{
	privacyapi.Part{Collection: "conversations", Doc: "with whom they wrote", Where: "{:account} != '' AND (firstId = {:account} OR secondId = {:account})", Remove: true},
	privacyapi.Part{Collection: "messages", Doc: "messages", Where: "{:account} != '' AND (senderId = {:account} OR receiverId = {:account})", Remove: true},
}
