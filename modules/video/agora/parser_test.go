package agora

import (
	"bytes"
	"compress/zlib"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// published is one AccessToken2 as its layout says, read without any of Agora's
// code: Agora's own Parse never looks at the signature.
type published struct {
	AppID              string
	Issued, Life, Salt uint32 // Unix seconds; seconds; random
	Services           []service
}

// service is one service of a token. Privileges maps to seconds after Issued.
type service struct {
	Type         uint16 // 1: RTC
	Privileges   map[uint16]uint32
	Channel, UID string
}

// readToken verifies and reads a token of which all services are RTC. It fails
// on any other version or service, a signature that certificate did not make,
// bytes left over, and bytes missing.
//
// Layout, all numbers little-endian, strings preceded by a uint16 length:
//
//	"007" + base64(zlib(string(signature) + signed))
//	signed    = string(app id) uint32(issued) uint32(life) uint32(salt)
//	            uint16(services) { uint16(type) map string(channel) string(uid) }
//	map       = uint16(pairs) { uint16(privilege) uint32(seconds) }
//	signature = HMAC(HMAC(salt, HMAC(issued, certificate)), signed), each
//	            HMAC(key, message) with SHA-256, numbers as 4 bytes
//
// Source: AccessToken2 in AgoraIO/Tools, the C++, Java and Node.js builders alike.
func readToken(token, certificate string) (published, error) {
	const version, rtc = "007", 1
	var p published
	packed, ok := strings.CutPrefix(token, version)
	if !ok {
		return p, errors.New("not version 007")
	}
	deflated, err := base64.StdEncoding.DecodeString(packed)
	if err != nil {
		return p, err
	}
	inflated, err := zlib.NewReader(bytes.NewReader(deflated))
	if err != nil {
		return p, err
	}
	content, err := io.ReadAll(inflated)
	if err != nil {
		return p, err
	}

	r := &reader{rest: content}
	signature := r.text()
	signed := r.rest
	p = published{AppID: r.text(), Issued: r.uint32(), Life: r.uint32(), Salt: r.uint32()}
	for range r.uint16() {
		s := service{Type: r.uint16(), Privileges: map[uint16]uint32{}}
		if s.Type != rtc {
			return p, fmt.Errorf("service %d is not RTC", s.Type)
		}
		for range r.uint16() {
			privilege := r.uint16()
			s.Privileges[privilege] = r.uint32()
		}
		s.Channel, s.UID = r.text(), r.text()
		p.Services = append(p.Services, s)
	}
	if r.short || len(r.rest) > 0 {
		return p, fmt.Errorf("content does not end where it should: %d bytes left, short %t", len(r.rest), r.short)
	}

	byIssue := mac(binary.LittleEndian.AppendUint32(nil, p.Issued), []byte(certificate))
	key := mac(binary.LittleEndian.AppendUint32(nil, p.Salt), byIssue)
	if !hmac.Equal(mac(key, signed), []byte(signature)) {
		return p, errors.New("signature is not this certificate's")
	}
	return p, nil
}

func mac(key, message []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	return h.Sum(nil)
}

// reader takes little-endian values off rest; past the end it gives zeros and
// sets short.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) bytes(n int) []byte {
	if n > len(r.rest) {
		r.short, r.rest = true, nil
		return make([]byte, n)
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) uint16() uint16 { return binary.LittleEndian.Uint16(r.bytes(2)) }
func (r *reader) uint32() uint32 { return binary.LittleEndian.Uint32(r.bytes(4)) }
func (r *reader) text() string   { return string(r.bytes(int(r.uint16()))) }

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
			got, err := readToken(test.token, vectorCertificate)
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
			if _, err := readToken(test.token, test.certificate); err == nil || !strings.Contains(err.Error(), test.want) {
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
