package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/polyclinic-os/polyclinic/kernel"
)

var secretsKey = kernel.Setting{Name: "POLYCLINIC_SECRETS_KEY", Secret: true, Doc: "Encrypts authenticators' secrets and recovery codes in the database: 32 characters or more, such as `openssl rand -hex 32` gives. Several, separated by commas, all open, and the first encrypts. Unset, secrets.key in the data folder is used, and made at the first start."}

// keyFile is the file in the data folder that holds the keys, one a line, where the setting has none.
const keyFile = "secrets.key"

// minKey characters are more than anybody tries, also when they are hexadecimal digits.
const minKey = 32

// keyring is what opens the secrets of second factors. The first key seals, all open: so a key
// is replaced by putting another one before it.
type keyring []*sealKey

// sealKey is one key. Each sealed text names its own, so that a wrong key is told from an altered text.
type sealKey struct {
	id   string
	aead cipher.AEAD
}

var (
	errOtherKey = errors.New("it was sealed with a key that is not here")
	errAltered  = errors.New("it was altered, or moved here from another account")
)

func newSealKey(text string) (*sealKey, error) {
	if len(text) < minKey {
		return nil, fmt.Errorf("a key has %d characters or more", minKey)
	}
	derived, err := hkdf.Key(sha256.New, []byte(text), nil, "polyclinic second factors", 32+4)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived[:32])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return &sealKey{hex.EncodeToString(derived[32:]), aead}, err
}

// sealMark begins every sealed text; what was stored before there were keys has no colon in it.
const sealMark = "s1:"

// seal returns the text encrypted for rows of the account, and of no other.
func (r keyring) seal(account, text string) (string, error) {
	if len(r) == 0 {
		return "", errOtherKey
	}
	box := r[0].aead.Seal(nil, nil, []byte(text), []byte(account))
	return sealMark + r[0].id + ":" + base64.RawStdEncoding.EncodeToString(box), nil
}

// open returns what was sealed for the account, errOtherKey or errAltered.
func (r keyring) open(account, sealed string) (string, error) {
	id, box, _ := strings.Cut(strings.TrimPrefix(sealed, sealMark), ":")
	raw, err := base64.RawStdEncoding.DecodeString(box)
	if err != nil || !strings.HasPrefix(sealed, sealMark) {
		return "", errAltered
	}
	for _, k := range r {
		if k.id != id {
			continue
		}
		text, err := k.aead.Open(nil, nil, raw, []byte(account))
		if err != nil {
			return "", errAltered
		}
		return string(text), nil
	}
	return "", errOtherKey
}

// keysIn returns the keys of the setting, then those of the file in the data folder; none when
// there is neither.
func keysIn(dir string) (keyring, error) {
	set, err := secretsKey.Read()
	if err != nil {
		return nil, err
	}
	ring, err := parseKeys(secretsKey.Name, strings.Split(set, ","))
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, keyFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ring, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the key of second factors: %w", err)
	}
	more, err := parseKeys(path, strings.Split(string(raw), "\n"))
	return append(ring, more...), err
}

// parseKeys never puts what it read into an error.
func parseKeys(from string, texts []string) (ring keyring, err error) {
	for _, t := range texts {
		if t = strings.TrimSpace(t); t == "" {
			continue
		}
		k, err := newSealKey(t)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", from, err)
		}
		ring = append(ring, k)
	}
	return ring, nil
}

// makeKey writes a new key into the data folder: it is on the disk before anything is sealed with it.
func makeKey(dir string) error {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	path := filepath.Join(dir, keyFile)
	partial := path + ".partial"
	if err := os.WriteFile(partial, []byte(hex.EncodeToString(raw)+"\n"), 0o600); err != nil {
		return err
	}
	if err := kernel.SyncFile(partial); err != nil {
		return err
	}
	if err := os.Rename(partial, path); err != nil {
		return err
	}
	return kernel.SyncFile(dir)
}
