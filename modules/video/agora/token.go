// Package agora is all that Polyclinic knows of Agora, the carrier of its video
// calls: the tokens with which a client enters a channel, and the call that
// empties a channel. It holds no state, reads no environment and writes no log.
package agora

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/AgoraIO/Tools/DynamicKey/AgoraDynamicKey/go/src/accesstoken2"
)

// MaxTokenLife is the longest that a token can live; Agora counts no further.
// Source: docs.agora.io, "Authentication workflow": valid for at most 24 hours.
const MaxTokenLife = 24 * time.Hour

// maxChannelBytes and channelSigns are Agora's rule for a channel name: under 64
// bytes of a–z, A–Z, 0–9, the space and these signs.
// Source: doc comment of RtcTokenBuilder, npm agora-access-token 2.0.4, index.d.ts.
const (
	maxChannelBytes = 63
	channelSigns    = " !#$%&()+-:;<=.>?@[]^_{}|~,"
)

// Role is what the holder of a token may do in the channel.
type Role string

const (
	// Publisher sees, hears and is seen and heard.
	Publisher Role = "publisher"
	// Subscriber sees and hears only. Agora enforces that solely for projects in
	// which co-host authentication is switched on; in others it is a promise of
	// the client.
	// Source: doc comment of RoleSubscriber in Agora's rtctokenbuilder2.
	Subscriber Role = "subscriber"
)

// Credentials are an Agora project's App ID, which every client is told, and its
// primary certificate, which no client may ever see. Both are 32 hex digits.
// Printed or marshalled, Credentials do not show the certificate.
type Credentials struct {
	AppID       string
	Certificate string `json:"-"`
}

// Validate returns nil when both values have Agora's form, else an error that
// names the first wrong one. It does not tell whether Agora knows them, and the
// error repeats neither: a certificate pasted into the wrong field stays unseen.
func (c Credentials) Validate() error {
	if !isHex32(c.AppID) {
		return errAppID
	}
	if !isHex32(c.Certificate) {
		return errors.New("agora: app certificate is not 32 hex digits")
	}
	return nil
}

// String leaves the certificate out, so that no log line can hold it.
func (c Credentials) String() string { return "agora app " + c.AppID }

// GoString does for %#v what String does for the other verbs.
func (c Credentials) GoString() string { return c.String() }

// Token returns an AccessToken2 ("007…") that admits uid, and nobody else, to
// channel, and to no other channel, from now for life: whole seconds, rounded
// down, and never more than MaxTokenLife. expiresAt, in UTC, is the second in
// which the token and each of its privileges end, so it is at or before now+life.
//
// It refuses credentials or a channel name that are not of Agora's form, an
// unknown role, a life under a second, a now that Agora's 32-bit seconds cannot
// hold, and uid 0, which Agora reads as "whoever comes".
//
// Source: AccessToken2 of github.com/AgoraIO/Tools, package accesstoken2.
func (c Credentials) Token(channel string, uid uint32, role Role, life time.Duration, now time.Time) (token string, expiresAt time.Time, err error) {
	if err := c.Validate(); err != nil {
		return "", time.Time{}, err
	}
	if err := checkChannel(channel); err != nil {
		return "", time.Time{}, err
	}
	if uid == 0 {
		return "", time.Time{}, errors.New("agora: uid 0 admits anybody; a token is for one user")
	}
	privileges := role.privileges()
	if privileges == nil {
		return "", time.Time{}, fmt.Errorf("agora: role %q is neither %s nor %s", role, Publisher, Subscriber)
	}
	// A life that rounds to 0 is refused here: Agora's builder would take it, and
	// nothing says whether Agora then reads "at once" or "no end".
	seconds := int64(min(life, MaxTokenLife) / time.Second)
	if seconds < 1 {
		return "", time.Time{}, fmt.Errorf("agora: token life %s is under one second", life)
	}
	issued := now.Unix()
	if issued < 1 || issued+seconds > math.MaxUint32 {
		return "", time.Time{}, fmt.Errorf("agora: issue time %s is outside 1970–2106", now.UTC().Format(time.RFC3339))
	}

	unsigned := accesstoken2.NewAccessToken(c.AppID, c.Certificate, uint32(seconds))
	// NewAccessToken, and so every builder in rtctokenbuilder2, stamps the token
	// with the clock it reads itself. Ours is set instead: what Agora counts from
	// and what we tell the client are then the same second.
	unsigned.IssueTs = uint32(issued)
	service := accesstoken2.NewServiceRtc(channel, accesstoken2.GetUidStr(uid))
	for _, privilege := range privileges {
		service.AddPrivilege(privilege, uint32(seconds))
	}
	unsigned.AddService(service)

	token, err = unsigned.Build()
	if err != nil {
		return "", time.Time{}, fmt.Errorf("agora: build token: %w", err)
	}
	return token, time.Unix(issued+seconds, 0).UTC(), nil
}

// privileges is what the role's token holds, as in BuildTokenWithUid of Agora's
// rtctokenbuilder2; nil for an unknown role.
func (r Role) privileges() []uint16 {
	switch r {
	case Publisher:
		return []uint16{
			accesstoken2.PrivilegeJoinChannel,
			accesstoken2.PrivilegePublishAudioStream,
			accesstoken2.PrivilegePublishVideoStream,
			accesstoken2.PrivilegePublishDataStream,
		}
	case Subscriber:
		return []uint16{accesstoken2.PrivilegeJoinChannel}
	}
	return nil
}

var errAppID = errors.New("agora: app id is not 32 hex digits")

// checkChannel returns nil for a channel name that Agora accepts.
func checkChannel(name string) error {
	if name == "" {
		return errors.New("agora: channel name is empty")
	}
	if len(name) > maxChannelBytes {
		return fmt.Errorf("agora: channel name has %d bytes, at most %d are allowed", len(name), maxChannelBytes)
	}
	for _, sign := range name {
		if !isAlphanumeric(sign) && !strings.ContainsRune(channelSigns, sign) {
			return fmt.Errorf("agora: channel name holds %q, which Agora does not accept", sign)
		}
	}
	return nil
}

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

func isHex32(s string) bool {
	_, err := hex.DecodeString(s)
	return len(s) == 32 && err == nil
}
