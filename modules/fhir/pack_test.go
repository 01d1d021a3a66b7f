package fhir

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

func TestPack(t *testing.T) {
	var p packer
	for _, text := range []string{``, `{}`, `{"resourceType":"Patient"}`, strings.Repeat(`{"resourceType":"Claim","é":1}`, 5000)} {
		packed, err := p.pack([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got, err := unpack(packed)
		if err != nil || string(got) != text {
			t.Errorf("%d bytes came back as %d, %v", len(text), len(got), err)
		}
	}
	for _, bad := range [][]byte{nil, {9, 1, 2}, {format, 0xff, 0xff}} {
		if _, err := unpack(bad); err == nil {
			t.Errorf("%v was unpacked", bad)
		}
	}
}

// Data folders hold texts that only this dictionary unpacks.
func TestDictionaryIsFrozen(t *testing.T) {
	sum := sha256.Sum256(dictionary)
	if got := hex.EncodeToString(sum[:]); got != frozenDictionary {
		t.Errorf("the dictionary changed (%s): give the new one a format of its own", got)
	}
}

const frozenDictionary = "dd09ea0ea65b402af8a4f7efac913469d6cdcb4e85b342c3d6eebd2670ead7d4"
