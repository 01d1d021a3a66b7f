package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/backup/backupapi"
)

// A base is replaced after a day, or once a step of it takes as much room as a share of it.
const (
	baseFor   = 24 * time.Hour
	baseShare = 8
	smallStep = 16 << 20 // a step that is no reason to
)

// base makes a base where the place has them, and what its steps have to know of it. It returns the
// name of its file.
func (m maker) base(ctx context.Context, app core.App, p place, to []age.Recipient) (name string, err error) {
	release, err := hold(app, &m.copying.base, "base")
	if err != nil {
		return "", err
	}
	defer release()
	c := chain{
		ID:    stamp(time.Now()) + "-" + security.PseudorandomStringWithAlphabet(6, "abcdefghijklmnopqrstuvwxyz0123456789"),
		Place: p.String(), Version: m.version,
	}
	opens, err := opensItself(to)
	if err != nil {
		return "", err
	}
	o := order{to: to, look: !opens, chain: c.ID, trail: "copies"}
	if len(to) > 0 {
		if o.key, err = c.seal(to); err != nil {
			return "", err
		}
	}
	stamps, err := stampsOf(app)
	if err != nil {
		return "", err
	}
	b, err := m.file(app, o)
	if err != nil {
		return "", err
	}
	defer b.done()
	c.Base, c.At, c.Bytes = baseName(c.ID, len(to) > 0), b.manifest.At, b.bytes
	if err := quietly(func() error { return c.remember(b, stamps) }); err != nil {
		return "", err
	}
	if err := m.deliver(ctx, app, p, b.path, oneCopy{Name: c.Base, Chain: c.ID, At: c.At, Base: true}); err != nil {
		return "", err
	}
	if err := keep(app, "chain.json", c); err != nil {
		return "", err
	}
	mark := c.mark()
	m.copying.proved.Store(&mark)
	if err := m.change(app, func(s *state) {
		s.Wrong, s.NoLook = "", ""
		if b.wrong != nil {
			s.Wrong = b.wrong.Error()
		}
		if s.At.Before(c.At) {
			s.At, s.Print, s.Bytes = c.At, "", 0
		}
	}); err != nil {
		return "", err
	}
	m.tidy(ctx, app, p, c.Base)
	if err := m.strangers(ctx, app, p); err != nil {
		app.Logger().Error("copies of other folders not counted", "error", err)
	}
	return c.Base, nil
}

// seal makes the key to which steps are encrypted and returns the secret one, which goes into the
// base. So a step costs no second of work to make a key of a passphrase, and does not open without
// its base, of which it is a part.
func (c *chain) seal(to []age.Recipient) (secret string, err error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return "", err
	}
	c.Seals = id.Recipient().String()
	if c.To = recipients.Value(); c.To != "" {
		return id.String(), nil
	}
	var box bytes.Buffer
	w, err := age.Encrypt(&box, to...)
	if err == nil {
		_, err = io.WriteString(w, c.ID)
	}
	if err == nil {
		err = w.Close()
	}
	c.Proof = box.Bytes()
	return id.String(), err
}

// fits reports whether a step of the chain can be made: where it would lie, and whoever opens the
// step later, are still those of the base.
func (m maker) fits(c chain, p place, to []age.Recipient) bool {
	switch {
	case c.ID == "" || c.Place != p.String() || c.Version != m.version || (len(to) > 0) != (c.Seals != "") || c.To != recipients.Value():
		return false
	case len(c.Proof) == 0:
		return true
	}
	mark := c.mark()
	if known := m.copying.proved.Load(); known != nil && *known == mark {
		return true // asked once in a server's life: it takes a second
	}
	keys, err := openers()
	if err != nil {
		return false
	}
	plain, err := age.Decrypt(bytes.NewReader(c.Proof), keys...)
	if err != nil {
		return false
	}
	said, err := io.ReadAll(plain)
	if err != nil || string(said) != c.ID {
		return false
	}
	m.copying.proved.Store(&mark)
	return true
}

// mark stands for the chain and the passphrase that is set. It is kept in memory alone.
func (c chain) mark() [sha256.Size]byte {
	word, _ := passphrase.Read() // what is wrong with it, sealer has said
	return sha256.Sum256([]byte(c.ID + "\n" + word))
}

// remember notes what is in the base.
func (c *chain) remember(b made, stamps map[string]string) error {
	c.Storage = map[string]int64{}
	for _, f := range b.manifest.Files {
		stamp, isDatabase := stamps[f.Name]
		switch {
		case f.Name == database || isDatabase:
			path := filepath.Join(b.folder, filepath.FromSlash(f.Name))
			size, err := pageSize(path)
			if err != nil {
				return err
			}
			sums, err := sumsOf(path, size)
			if err != nil {
				return err
			}
			c.Images = append(c.Images, imageOfBase{Image: Image{Name: f.Name, Size: size, Pages: f.Size / int64(size), Sum: sumOf(sums)}, Sums: sums, Stamp: stamp})
		case isUpload(f.Name):
			c.Storage[f.Name] = f.Size
		default:
			c.Files = append(c.Files, f)
		}
	}
	return nil
}

func isUpload(name string) bool { return strings.HasPrefix(name, core.LocalStorageDirName+"/") }

// stampsOf returns stampOf every database of every part, by its name.
func stampsOf(app core.App) (map[string]string, error) {
	out := map[string]string{}
	err := eachDatabase(app, func(name, path string) error {
		out[name] = stampOf(path)
		return nil
	})
	return out, err
}

func eachDatabase(app core.App, fn func(name, path string) error) error {
	for _, part := range kernel.All[backupapi.Part](kernel.Of(app)) {
		if part.Databases == nil {
			continue
		}
		found, err := part.Databases(app)
		if err != nil {
			return fmt.Errorf("%s: %w", part.Name, err)
		}
		for name, path := range found {
			if err := fn(name, path); err != nil {
				return err
			}
		}
	}
	return nil
}

// deliver puts a finished file to its place, and notes it ahead: what a killed server put there
// is removed in its time.
func (m maker) deliver(ctx context.Context, app core.App, p place, path string, c oneCopy) error {
	c.Place = p.String()
	if err := m.change(app, func(s *state) {
		// What lies in a former place stays there: it is not to be reached from here.
		s.Have = append(slices.DeleteFunc(s.Have, func(h oneCopy) bool { return h.Place != c.Place }), c)
	}); err != nil {
		return err
	}
	if err := p.put(ctx, path, c.Name); err != nil {
		return fmt.Errorf("put the copy to %s: %w", p, err)
	}
	return m.change(app, func(s *state) {
		for i := range s.Have {
			s.Have[i].Whole = s.Have[i].Whole || s.Have[i].Name == c.Name
		}
	})
}

// tidy removes what is obsolete. What cannot be removed now is tried again after the next copy.
func (m maker) tidy(ctx context.Context, app core.App, p place, base string) {
	s, err := readState(app)
	gone := map[string]bool{}
	for _, name := range s.obsolete(base, time.Now()) {
		failed := p.remove(ctx, name)
		err = errors.Join(err, failed)
		gone[name] = failed == nil
	}
	if len(gone) > 0 {
		err = errors.Join(err, m.change(app, func(s *state) {
			s.Have = slices.DeleteFunc(s.Have, func(h oneCopy) bool { return gone[h.Name] })
		}))
	}
	if err != nil {
		app.Logger().Error("former copies not removed", "error", err)
	}
}

// strangers counts what another data folder has put there, or this one before it was restored:
// nobody but a person may remove that.
func (m maker) strangers(ctx context.Context, app core.App, p place) error {
	names, err := p.names(ctx)
	if err != nil {
		return err
	}
	return m.change(app, func(s *state) {
		s.Strange = 0
		for _, n := range names {
			if !slices.ContainsFunc(s.Have, func(h oneCopy) bool { return h.Name == n }) {
				s.Strange++
			}
		}
	})
}
