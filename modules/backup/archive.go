package backup

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"
)

// pack writes the folder and its manifest to out, encrypted to whom to names, if any. It returns
// the manifest with the files in it.
func pack(out io.Writer, dir string, m Manifest, to []age.Recipient) (Manifest, error) {
	var sealed io.WriteCloser
	if len(to) > 0 {
		var err error
		if sealed, err = age.Encrypt(out, to...); err != nil {
			return m, err
		}
		out = sealed
	}
	zipped, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return m, err
	}
	archive := tar.NewWriter(zipped)
	if m.Files, err = packFolder(archive, dir); err != nil {
		return m, err
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return m, err
	}
	if err := header(archive, manifestName, int64(len(raw)), m.At); err != nil {
		return m, err
	}
	if _, err := archive.Write(raw); err != nil {
		return m, err
	}
	if err := errors.Join(archive.Close(), zipped.Close()); err != nil {
		return m, err
	}
	if sealed != nil {
		return m, sealed.Close() // the mark without which the archive counts as cut off
	}
	return m, nil
}

// packFolder writes every file of the folder and returns what it wrote.
func packFolder(archive *tar.Writer, dir string) ([]File, error) {
	files := []File{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		f, err := packFile(archive, path, filepath.ToSlash(name))
		files = append(files, f)
		return err
	})
	return files, err
}

func packFile(archive *tar.Writer, path, name string) (File, error) {
	src, err := os.Open(path)
	if err != nil {
		return File{}, err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return File{}, err
	}
	if err := header(archive, name, info.Size(), info.ModTime()); err != nil {
		return File{}, err
	}
	sum := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(archive, sum), src, info.Size()); err != nil {
		return File{}, fmt.Errorf("%s: %w", name, err)
	}
	return File{Name: name, Size: info.Size(), SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}

func header(archive *tar.Writer, name string, size int64, at time.Time) error {
	return archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: at.Truncate(time.Second), Format: tar.FormatPAX})
}
