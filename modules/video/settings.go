package video

import (
	"net/http"
	"strings"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/video/agora"
)

// They are read when they are needed, so that a _FILE twin may be replaced while the
// server runs.
var (
	appID          = kernel.Setting{Name: "AGORA_APP_ID", Doc: "App ID of the Agora project that carries video calls.", Wrong: noHex}
	appCertificate = kernel.Setting{Name: "AGORA_APP_CERTIFICATE", Secret: true, Doc: "Primary certificate of the Agora project.", Wrong: noHex}
	customerKey    = kernel.Setting{Name: "AGORA_CUSTOMER_KEY", Doc: "Key of Agora's RESTful API. With the secret set, participants are removed when a call ends, and who takes part no more is kept out."}
	customerSecret = kernel.Setting{Name: "AGORA_CUSTOMER_SECRET", Secret: true, Doc: "Secret of Agora's RESTful API."}
	restURL        = kernel.Setting{Name: "AGORA_REST_URL", Default: agora.DefaultBaseURL, Doc: "Where Agora's RESTful API lives."}
)

var settings = []kernel.Setting{appID, appCertificate, customerKey, customerSecret, restURL}

var errNotConfigured = kernel.Fail(http.StatusServiceUnavailable, "video_not_configured", "Video calls are not set up: set AGORA_APP_ID and AGORA_APP_CERTIFICATE.")

// noHex is for what has the form of an App ID and is none.
func noHex(text string) string {
	if (agora.Credentials{AppID: text, Certificate: text}).Validate() != nil {
		return "must be 32 hexadecimal digits: as it is, there are no video calls"
	}
	return ""
}

// credentials returns the Agora project, or errNotConfigured naming what is missing.
func credentials() (agora.Credentials, error) {
	c := agora.Credentials{AppID: appID.Value(), Certificate: appCertificate.Value()}
	var missing []string
	if c.AppID == "" {
		missing = append(missing, appID.Name)
	}
	if c.Certificate == "" {
		missing = append(missing, appCertificate.Name)
	}
	if len(missing) > 0 {
		return c, errNotConfigured.Saying("Video calls are not set up: set " + strings.Join(missing, " and ") + ".").At(missing[0])
	}
	if c.Validate() == nil {
		return c, nil
	}
	// Both have the same form: an App ID that would pass as a certificate is not at fault.
	wrong := appID.Name
	if (agora.Credentials{AppID: c.AppID, Certificate: c.AppID}).Validate() == nil {
		wrong = appCertificate.Name
	}
	return c, errNotConfigured.Saying("Video calls are not set up: " + wrong + " must be 32 hexadecimal digits.").At(wrong)
}
