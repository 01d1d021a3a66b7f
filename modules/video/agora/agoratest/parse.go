// Package agoratest reads Agora's tokens for tests, from the published layout and without
// any of the code that builds them. No part of the product imports it.
package agoratest

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
)

// Token is one AccessToken2 as its layout says, read without any of Agora's
// code: Agora's own Parse never looks at the signature.
type Token struct {
	AppID              string
	Issued, Life, Salt uint32 // Unix seconds; seconds; random
	Services           []Service
}

// Service is one service of a token. Privileges maps to seconds after Issued.
type Service struct {
	Type         uint16 // 1: RTC
	Privileges   map[uint16]uint32
	Channel, UID string
}

// Parse verifies and reads a token of which all services are RTC. It fails
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
func Parse(token, certificate string) (Token, error) {
	const version, rtc = "007", 1
	var p Token
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
	p = Token{AppID: r.text(), Issued: r.uint32(), Life: r.uint32(), Salt: r.uint32()}
	for range r.uint16() {
		s := Service{Type: r.uint16(), Privileges: map[uint16]uint32{}}
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
