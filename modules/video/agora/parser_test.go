package agora

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/video/agora/agoratest"
)

// The tokens that Agora publishes as its own test vectors: they tie our reader to
// the layout rather than to the builder under test.
// Source: accesstoken2/accesstoken_test.go in AgoraIO/Tools (MIT).
const (
	vectorAppID       = "970CA35de60c44645bbae8a215061b33"
	vectorCertificate = "5CFd2fd1755d40ecb72977518be15d3b"
	vectorNoService   = "007eJxSYEiJ9+zw7Gb1viNuGtMfy3JriuZNp+1h1iLu/rOePHlS91WBwdLcwNnR2DQl1cwg2cTEzMQ0KSkx1SLRyNDUwMwwydjY/YsAQwQTAwMjAwgAAgAA//+rZxiv"
	vectorJoin        = "007eJxSYBBbsMMnKq7p9Hf/HcIX5kce9b518kCiQgSr5Zrp4X1Tu6UUGCzNDZwdjU1TUs0Mkk1MzExMk5ISUy0SjQxNDcwMk4yN3b8IMEQwMTAwMoAwBIL4CgzmKeZGxmamqUmWFsYmFqbGluapxqnGaZYpJmYGSSkpiVwMRhYWRsYmhkbmxoAAAAD//8JqJOM="
	vectorWildcard    = "007eJxSYLhzZP08Lxa1Pg57+TcXb/3cZ3wi4V6kbpbOog0G2dOYk20UGCzNDZwdjU1TUs0Mkk1MzExMk5ISUy0SjQxNDcwMk4yN3b8IMEQwMTAwMoAwBIL4CgzmKeZGxmamqUmWFsYmFqbGluapxqnGaZYpJmYGSSkpiQwMgAAAAP//Npwiag=="
)

func TestOurReaderUnderstandsAgorasPublishedTokens(t *testing.T) {
	const channel = "7d72365eb983485397e3e3f9d460bdda"
	for _, test := range []struct{ name, token, want string }{
		{"a token without services", vectorNoService, "[]"},
		{"a token to join, for one user", vectorJoin, "[{1 map[1:600] " + channel + " 2882341273}]"},
		{"a token to join, for anybody", vectorWildcard, "[{1 map[1:600] " + channel + " }]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := agoratest.Parse(test.token, vectorCertificate)
			if err != nil {
				t.Fatal(err)
			}
			if got.AppID != vectorAppID || got.Issued != 1111111 || got.Life != 600 || got.Salt != 1 {
				t.Errorf("got %+v, want app %s, issued 1111111, life 600, salt 1", got, vectorAppID)
			}
			if services := fmt.Sprint(got.Services); services != test.want {
				t.Errorf("got services %s, want %s", services, test.want)
			}
		})
	}
}

func TestOurReaderRefusesWhatAgoraWould(t *testing.T) {
	content := inflate(t, vectorJoin)
	for _, test := range []struct{ name, token, certificate, want string }{
		{"another project's certificate", vectorJoin, strings.Replace(vectorCertificate, "5", "6", 1), "signature"},
		{"another user", deflate(bytes.Replace(content, []byte("2882341273"), []byte("2882341274"), 1)), vectorCertificate, "signature"},
		{"another channel", deflate(bytes.Replace(content, []byte("7d72365e"), []byte("7d72365f"), 1)), vectorCertificate, "signature"},
		{"a longer life", deflate(bytes.ReplaceAll(content, []byte{0x58, 2, 0, 0}, []byte{0x59, 2, 0, 0})), vectorCertificate, "signature"},
		{"a byte too many", deflate(append(bytes.Clone(content), 0)), vectorCertificate, "1 bytes left"},
		{"a byte too few", deflate(content[:len(content)-1]), vectorCertificate, "short true"},
		{"an older version", strings.Replace(vectorJoin, "007", "006", 1), vectorCertificate, "version"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := agoratest.Parse(test.token, test.certificate); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func inflate(t *testing.T, token string) []byte {
	t.Helper()
	deflated, err := base64.StdEncoding.DecodeString(token[3:])
	if err != nil {
		t.Fatal(err)
	}
	r, err := zlib.NewReader(bytes.NewReader(deflated))
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func deflate(content []byte) string {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	w.Write(content) // a bytes.Buffer takes everything
	w.Close()
	return "007" + base64.StdEncoding.EncodeToString(out.Bytes())
}
