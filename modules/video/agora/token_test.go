package agora

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/modules/video/agora/agoratest"
)

var (
	project = Credentials{AppID: vectorAppID, Certificate: vectorCertificate}
	noon    = time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
)

const appointment = "k3x9v0q2m7ab1cd" // as PocketBase makes ids

func TestATokenAdmitsOneUserToOneChannelForOneLife(t *testing.T) {
	all, join := []uint16{1, 2, 3, 4}, []uint16{1}
	for _, test := range []struct {
		name       string
		uid        uint32
		role       Role
		life       time.Duration
		now        time.Time
		want       uint32 // seconds
		privileges []uint16
	}{
		{"a publisher joins and sends", 2882341273, Publisher, time.Hour, noon, 3600, all},
		{"a subscriber only joins", 2882341273, Subscriber, time.Hour, noon, 3600, join},
		{"the smallest uid", 1, Publisher, time.Hour, noon, 3600, all},
		{"the largest uid", 1<<32 - 1, Publisher, time.Hour, noon, 3600, all},
		{"the shortest life", 7, Publisher, time.Second, noon, 1, all},
		{"a fraction of a second is not given away", 7, Publisher, 90*time.Second + 999*time.Millisecond, noon, 90, all},
		{"a moment within a second counts from its start", 7, Publisher, time.Minute, noon.Add(999 * time.Millisecond), 60, all},
		{"a day is the most", 7, Publisher, 24 * time.Hour, noon, 86400, all},
		{"more than a day is cut to a day", 7, Publisher, 24*time.Hour + time.Second, noon, 86400, all},
		{"a week is cut to a day", 7, Subscriber, 7 * 24 * time.Hour, noon, 86400, join},
		{"the clinic's time zone changes nothing", 7, Publisher, time.Hour, noon.In(time.FixedZone("", 5*3600+1800)), 3600, all},
		{"a now far from the machine's clock is obeyed", 7, Publisher, time.Hour, noon.AddDate(20, 0, 0), 3600, all},
	} {
		t.Run(test.name, func(t *testing.T) {
			token, expiresAt, err := project.Token(appointment, test.uid, test.role, test.life, test.now)
			if err != nil {
				t.Fatal(err)
			}
			got, err := agoratest.Parse(token, vectorCertificate)
			if err != nil {
				t.Fatalf("read %s: %v", token, err)
			}
			if got.AppID != vectorAppID || int64(got.Issued) != test.now.Unix() || got.Life != test.want {
				t.Errorf("got app %s, issued %d, life %d, want %s, %d, %d", got.AppID, got.Issued, got.Life, vectorAppID, test.now.Unix(), test.want)
			}
			if len(got.Services) != 1 || got.Services[0].Channel != appointment || got.Services[0].UID != fmt.Sprint(test.uid) {
				t.Fatalf("got services %+v, want one, for %s and %d", got.Services, appointment, test.uid)
			}
			want := map[uint16]uint32{}
			for _, privilege := range test.privileges {
				want[privilege] = test.want
			}
			if !maps.Equal(got.Services[0].Privileges, want) {
				t.Errorf("got privileges %v, want %v", got.Services[0].Privileges, want)
			}
			if told := int64(got.Issued) + int64(got.Life); expiresAt.Unix() != told || expiresAt.Nanosecond() != 0 || expiresAt.Location() != time.UTC {
				t.Errorf("expiresAt is %s, the token ends at %s", expiresAt, time.Unix(told, 0).UTC())
			}
			if expiresAt.After(test.now.Add(test.life)) {
				t.Errorf("expiresAt %s is past the life asked for, %s after %s", expiresAt, test.life, test.now)
			}
		})
	}
}

func TestATokenIsRefused(t *testing.T) {
	const hour = time.Hour
	short, odd := vectorAppID[:31], "Z"+vectorAppID[1:]
	for _, test := range []struct {
		name    string
		project Credentials
		channel string
		uid     uint32
		role    Role
		life    time.Duration
		now     time.Time
		want    string
	}{
		{"without an app id", Credentials{"", vectorCertificate}, appointment, 7, Publisher, hour, noon, "app id"},
		{"with an app id of 31 digits", Credentials{short, vectorCertificate}, appointment, 7, Publisher, hour, noon, "app id"},
		{"with an app id of 33 digits", Credentials{vectorAppID + "0", vectorCertificate}, appointment, 7, Publisher, hour, noon, "app id"},
		{"with an app id that is no hex", Credentials{odd, vectorCertificate}, appointment, 7, Publisher, hour, noon, "app id"},
		{"without a certificate", Credentials{vectorAppID, ""}, appointment, 7, Publisher, hour, noon, "app certificate"},
		{"with a certificate of 31 digits", Credentials{vectorAppID, short}, appointment, 7, Publisher, hour, noon, "app certificate"},
		{"with a certificate that is no hex", Credentials{vectorAppID, odd}, appointment, 7, Publisher, hour, noon, "app certificate"},
		{"without a channel", project, "", 7, Publisher, hour, noon, "channel name is empty"},
		{"for a channel name Agora does not take", project, "a/b", 7, Publisher, hour, noon, "'/'"},
		{"for everybody", project, appointment, 0, Publisher, hour, noon, "uid 0"},
		{"for no role", project, appointment, 7, "", hour, noon, `role ""`},
		{"for another role", project, appointment, 7, "admin", hour, noon, `role "admin"`},
		{"for no time", project, appointment, 7, Publisher, 0, noon, "life 0s"},
		{"for a time gone by", project, appointment, 7, Publisher, -hour, noon, "life -1h0m0s"},
		{"for less than a second", project, appointment, 7, Publisher, time.Second - 1, noon, "under one second"},
		{"without a now", project, appointment, 7, Publisher, hour, time.Time{}, "issue time"},
		{"when it would end past Agora's last second", project, appointment, 7, Publisher, hour, time.Unix(1<<32-3600, 0), "issue time"},
	} {
		t.Run(test.name, func(t *testing.T) {
			token, expiresAt, err := test.project.Token(test.channel, test.uid, test.role, test.life, test.now)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got error %v, want one with %q", err, test.want)
			}
			if token != "" || !expiresAt.IsZero() {
				t.Errorf("got token %q until %s beside the error", token, expiresAt)
			}
			for _, value := range []string{test.project.AppID, test.project.Certificate} {
				if value != "" && strings.Contains(err.Error(), value) {
					t.Errorf("the error repeats a credential: %v", err)
				}
			}
		})
	}
}

func TestChannelNamesAreAgoras(t *testing.T) {
	for _, test := range []struct {
		name, channel string
		ok            bool
	}{
		{"an appointment's id", appointment, true},
		{"one byte", "a", true},
		{"63 bytes", strings.Repeat("a", 63), true},
		{"64 bytes", strings.Repeat("a", 64), false},
		{"every letter and digit", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", true},
		{"every sign that Agora lists", " !#$%&()+-:;<=.>?@[]^_{}|~,", true},
		{"nothing", "", false},
		{"a slash", "a/b", false},
		{"a backslash", `a\b`, false},
		{"a star", "a*", false},
		{"a double quote", `a"`, false},
		{"a single quote", "a'", false},
		{"a backtick", "a`", false},
		{"a line break", "a\n", false},
		{"a tab", "a\t", false},
		{"a NUL", "a\x00", false},
		{"an accent", "é", false},
		{"Arabic digits", "٣", false},
		{"bytes that are no text", "\xff", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := checkChannel(test.channel); (err == nil) != test.ok {
				t.Errorf("checkChannel(%q) = %v, want ok %t", test.channel, err, test.ok)
			}
		})
	}
}

func TestPrintedValuesShowNoSecret(t *testing.T) {
	kicker := Kicker{AppID: vectorAppID, Key: "customer-id", Secret: "customer-secret"}
	secrets := []string{vectorCertificate, kicker.Key, kicker.Secret}
	for _, value := range []any{project, &project, kicker, &kicker} {
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		printed := fmt.Sprintf("%v %+v %#v %s %q ", value, value, value, value, value) + string(encoded)
		for _, secret := range secrets {
			if strings.Contains(printed, secret) {
				t.Errorf("%T prints %s", value, printed)
			}
		}
		if !strings.Contains(printed, vectorAppID) {
			t.Errorf("%T does not name its app: %s", value, printed)
		}
	}
}
