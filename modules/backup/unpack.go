package backup

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"filippo.io/age"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// unpack writes the backup into the empty folder dir and puts it on the disk. It returns the
// manifest when every file is what the manifest says. With skim uploads are read and compared, but
// leave an empty file each: what is only to be looked through needs less room.
func unpack(in io.Reader, dir string, skim bool) (Manifest, error) {
	m, err := opening{dir: dir, skim: skim, keys: openers}.unpack(in)
	if err == nil && m.Step != nil {
		err = errors.New("it holds what changed since its base alone, and is not called as it was made: give it its name back and put its base beside it")
	}
	return m, err
}

// opening is how a file is unpacked: where to, and with which keys.
type opening struct {
	dir  string
	skim bool
	keys func() ([]age.Identity, error)
}

func (o opening) unpack(in io.Reader) (Manifest, error) {
	plain, err := plaintext(in, o.keys)
	if err != nil {
		return Manifest{}, err
	}
	zipped, err := gzip.NewReader(plain)
	if err != nil {
		return Manifest{}, damaged(err)
	}
	archive := tar.NewReader(zipped)
	var (
		m     Manifest
		files []File
		whole bool
	)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return m, damaged(err)
		}
		if h.Name == manifestName {
			if err := json.NewDecoder(io.LimitReader(archive, 1<<30)).Decode(&m); err != nil {
				return m, damaged(err)
			}
			whole = true
			continue
		}
		f, err := unpackFile(archive, h, o.dir, o.skim)
		if err != nil {
			return m, err
		}
		files = append(files, f)
	}
	// To the end: the checksum of gzip and the last seal of age come after the archive.
	if _, err := io.Copy(io.Discard, zipped); err != nil {
		return m, damaged(err)
	}
	if _, err := io.Copy(io.Discard, plain); err != nil {
		return m, damaged(err)
	}
	if !whole {
		return m, damaged(errors.New("it has no manifest"))
	}
	return m, compare(m, files)
}

func damaged(err error) error { return fmt.Errorf("the backup is damaged or cut off: %w", err) }

// torn is a backup as it is read: what cannot be is damaged, unlike a disk that cannot be written.
type torn struct{ io.Reader }

func (t torn) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = damaged(err)
	}
	return n, err
}

// plaintext tells by the first bytes what the file is.
func plaintext(in io.Reader, keys func() ([]age.Identity, error)) (io.Reader, error) {
	r := bufio.NewReaderSize(in, 1<<20)
	start, err := r.Peek(16)
	if err != nil {
		return nil, damaged(errors.New("it is shorter than any backup"))
	}
	switch {
	case bytes.HasPrefix(start, []byte("age-encryption.")):
		plain, err := decrypt(r, keys)
		if err != nil {
			return nil, err
		}
		return bufio.NewReaderSize(plain, 1<<20), nil
	case bytes.HasPrefix(start, []byte{0x1f, 0x8b}):
		return r, nil
	case bytes.HasPrefix(start, []byte("SQLite format 3")):
		return nil, errors.New("this is a database and no backup. If it is the one that an upgrade kept (snapshots/pre-…): put it into the data folder as data.db and start the earlier version")
	case bytes.HasPrefix(start, []byte("PK")):
		return nil, errors.New("this is a zip, such as PocketBase makes, and no backup of Polyclinic")
	}
	return nil, errors.New("this is no backup of Polyclinic")
}

func unpackFile(archive *tar.Reader, h *tar.Header, dir string, skim bool) (File, error) {
	name := filepath.FromSlash(h.Name)
	if h.Typeflag != tar.TypeReg || !filepath.IsLocal(name) {
		return File{}, damaged(fmt.Errorf("entry %q", h.Name))
	}
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return File{}, err
	}
	dst, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return File{}, err
	}
	sum := sha256.New()
	to := io.MultiWriter(&gentle{file: dst}, sum)
	if skim && strings.HasPrefix(h.Name, core.LocalStorageDirName+"/") {
		to = sum
	}
	n, err := io.Copy(to, torn{archive})
	if err = errors.Join(err, dst.Sync(), dst.Close()); err != nil {
		return File{}, fmt.Errorf("unpack %s: %w", h.Name, err)
	}
	return File{Name: h.Name, Size: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}

// compare returns an error when the files are not those of the manifest.
func compare(m Manifest, files []File) error {
	if m.Format != format {
		return fmt.Errorf("the backup has format %d, this Polyclinic reads %d: use the version that made it (%s), or a newer one", m.Format, format, m.Version)
	}
	byName := func(a, b File) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(files, byName)
	slices.SortFunc(m.Files, byName)
	if !slices.Equal(files, m.Files) {
		return damaged(errors.New("its files are not those that its manifest lists"))
	}
	if m.Step == nil && !slices.ContainsFunc(files, func(f File) bool { return f.Name == database }) {
		return damaged(errors.New("it has no database"))
	}
	return nil
}

// syncFolders puts the names in every folder below dir on the disk; the files are already.
func syncFolders(dir string) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return kernel.SyncFile(path)
	})
}
