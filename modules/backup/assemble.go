package backup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"filippo.io/age"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// stepFolder is where in a data folder that is put together its step is unpacked.
const stepFolder = ".step"

// unpackAt writes what the file at path holds into the empty folder dir: a backup, or a step and
// the base that lies beside it.
func unpackAt(path, dir string) (Manifest, error) {
	f, err := os.Open(path)
	if err != nil {
		return Manifest{}, err
	}
	defer f.Close()
	base, isStep := baseOf(path)
	if !isStep {
		return unpack(f, dir, false)
	}
	b, err := os.Open(base)
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, fmt.Errorf("%s holds what changed since its base, and the base is not beside it: put %s into the same folder", filepath.Base(path), filepath.Base(base))
	}
	if err != nil {
		return Manifest{}, err
	}
	defer b.Close()
	return assemble(f, b, dir, false)
}

// assemble makes in the empty folder dir the data folder as of a step. With skim uploads are read and
// compared, but leave an empty file each.
func assemble(step, base io.Reader, dir string, skim bool) (Manifest, error) {
	b, err := unpack(base, dir, skim)
	if err != nil {
		return b, fmt.Errorf("its base: %w", err)
	}
	opens := openers
	if b.Key != "" {
		opens = func() ([]age.Identity, error) {
			id, err := age.ParseX25519Identity(b.Key)
			return []age.Identity{id}, err
		}
	}
	at := filepath.Join(dir, stepFolder)
	if err := os.Mkdir(at, 0o700); err != nil {
		return b, err
	}
	m, err := opening{dir: at, skim: skim, keys: opens}.unpack(step)
	switch {
	case errors.Is(err, errWrongKey), err == nil && (m.Step == nil || b.Chain == "" || m.Chain != b.Chain):
		return m, errors.New("the base beside it is the base of other steps: put the one that was made with it there")
	case err != nil:
		return m, err
	}
	if err := m.change(at, dir); err != nil {
		return m, err
	}
	if err := os.RemoveAll(at); err != nil {
		return m, err
	}
	return m, m.recount(dir)
}

// change makes of the base in dir what the step in from says.
func (m Manifest) change(from, dir string) error {
	for _, name := range m.Step.Gone {
		if !filepath.IsLocal(filepath.FromSlash(name)) {
			return damaged(fmt.Errorf("entry %q", name))
		}
		if err := os.Remove(filepath.Join(dir, filepath.FromSlash(name))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, img := range m.Step.Images {
		name := filepath.FromSlash(img.Name)
		if !filepath.IsLocal(name) {
			return damaged(fmt.Errorf("entry %q", img.Name))
		}
		pages := filepath.Join(from, pagesFolder, name)
		if _, err := os.Lstat(pages); errors.Is(err, fs.ErrNotExist) {
			pages = "" // none differs
		}
		if err := applyPages(filepath.Join(dir, name), pages, img); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(filepath.Join(from, pagesFolder)); err != nil {
		return err
	}
	names, err := filesBelow(from, ".")
	if err != nil {
		return err
	}
	for _, name := range names {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(from, filepath.FromSlash(name)), to); err != nil {
			return err
		}
	}
	return nil
}

// recount makes the step's manifest say what is in dir. That it is what the clinic had is known by
// the sums of base and step, and of each database's pages.
func (m *Manifest) recount(dir string) (err error) {
	if !slices.ContainsFunc(m.Step.Images, func(i Image) bool { return i.Name == database }) {
		return damaged(errors.New("it has no database"))
	}
	missing, err := describe(dir, m)
	if err != nil {
		return damaged(err)
	}
	if !m.Outside {
		m.Missing = missing
	}
	if m.Files, err = weigh(dir); err != nil {
		return err
	}
	return kernel.SyncFile(dir)
}
