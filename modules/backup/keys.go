package backup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
)

// opensItself reports whether what is encrypted to whom to names can be opened with the keys that
// are here.
func opensItself(to []age.Recipient) (bool, error) {
	if len(to) == 0 || recipients.Value() == "" {
		return true, nil // in the clear, or by the passphrase
	}
	keys, err := openers()
	if err != nil || len(keys) == 0 {
		return false, err
	}
	var box bytes.Buffer
	w, err := age.Encrypt(&box, to...)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return false, err
	}
	_, err = age.Decrypt(&box, keys...)
	if _, none := errors.AsType[*age.NoIdentityMatchError](err); none {
		return false, nil
	}
	return err == nil, err
}

// sealer returns who a backup is encrypted to; nobody when no key is set.
func sealer() ([]age.Recipient, error) {
	text, err := recipients.Read()
	if err != nil {
		return nil, err
	}
	if text != "" {
		to, err := age.ParseRecipients(strings.NewReader(strings.ReplaceAll(text, ",", "\n")))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", recipients.Name, err)
		}
		return to, nil
	}
	word, err := passphrase.Read()
	if err != nil || word == "" {
		return nil, err
	}
	to, err := age.NewScryptRecipient(word)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", passphrase.Name, err)
	}
	return []age.Recipient{to}, nil
}

// openers returns the keys that may open a backup.
func openers() (list []age.Identity, err error) {
	key, err := identity.Read()
	if err != nil {
		return nil, err
	}
	if key != "" {
		// What age says of a bad key may hold a piece of it.
		if list, err = age.ParseIdentities(strings.NewReader(key)); err != nil {
			return nil, fmt.Errorf("%s: it is no age identity", identity.Name)
		}
	}
	word, err := passphrase.Read()
	if err != nil {
		return nil, err
	}
	if word != "" {
		id, err := age.NewScryptIdentity(word)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", passphrase.Name, err)
		}
		list = append(list, id)
	}
	return list, nil
}

var (
	errNoKey    = errors.New("the backup is encrypted: set " + passphrase.Name + " or " + identity.Name + ", or name a file that holds it in the same name with _FILE")
	errWrongKey = errors.New("the backup cannot be opened with this key: it was encrypted with another " + passphrase.Name + ", or for another public key")
)

// decrypt returns what was encrypted, opened with the keys.
func decrypt(r io.Reader, opens func() ([]age.Identity, error)) (io.Reader, error) {
	keys, err := opens()
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, errNoKey
	}
	plain, err := age.Decrypt(r, keys...)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, errWrongKey
	}
	if err != nil {
		return nil, damaged(err)
	}
	return plain, nil
}
