package video

import (
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

// personal says what of a patient is here, for exports and erasures.
var personal = []any{
	privacyapi.Part{Collection: "video_calls", Doc: "video calls", Where: "patientId = {:patient}", Since: "startedAt", First: endOfErased},
	privacyapi.Part{Collection: "video_numbers", Doc: "the number in video calls", Where: "accountId = {:account}"},
}
