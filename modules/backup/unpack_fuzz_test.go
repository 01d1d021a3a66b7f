package backup

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// FuzzUnpack holds of any archive, with one entry and one manifest of the attacker's: nothing
// is written beside the folder, and what is taken is what the manifest says.
func FuzzUnpack(f *testing.F) {
	f.Add("data.db", "x", []byte(`{"format":1,"files":[{"name":"data.db","size":1,"sha256":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}]}`), byte(tar.TypeReg))
	for _, name := range []string{"../out", "/etc/x", "a/../../out", "data.db/", "manifest.json", ".", "a\x00b", "C:\\x", "storage/a/b"} {
		f.Add(name, "x", []byte(`{"format":1}`), byte(tar.TypeReg))
	}
	f.Add("link", "/etc", []byte(`{"format":1}`), byte(tar.TypeSymlink))
	f.Add("data.db", "x", []byte(`{"format":1e9,"rows":{"a":-1},"files":null}`), byte(tar.TypeReg))
	f.Fuzz(func(t *testing.T, name, content string, manifest []byte, kind byte) {
		var out bytes.Buffer
		zipped := gzip.NewWriter(&out)
		archive := tar.NewWriter(zipped)
		h := &tar.Header{Name: name, Typeflag: kind, Size: int64(len(content)), Mode: 0o600, Linkname: content}
		if kind != tar.TypeReg {
			h.Size = 0
		}
		if archive.WriteHeader(h) != nil {
			return
		}
		if kind == tar.TypeReg {
			_, _ = archive.Write([]byte(content)) // into memory
		}
		_ = archive.WriteHeader(&tar.Header{Name: manifestName, Typeflag: tar.TypeReg, Size: int64(len(manifest)), Mode: 0o600})
		_, _ = archive.Write(manifest)
		if archive.Close() != nil || zipped.Close() != nil {
			return
		}
		above := t.TempDir()
		dir := filepath.Join(above, "in", "side")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		m, err := unpack(&out, dir, false)
		if err == nil && (len(m.Files) != 1 || m.Files[0].Name != database || m.Files[0].Size != int64(len(content))) {
			t.Errorf("%q is taken: %+v", name, m)
		}
		_ = filepath.WalkDir(above, func(path string, d fs.DirEntry, err error) error {
			if rel, relErr := filepath.Rel(dir, path); err == nil && !d.IsDir() && (relErr != nil || !filepath.IsLocal(rel)) {
				t.Errorf("%q was written to %s", name, path)
			}
			return err
		})
	})
}

// FuzzManifest holds of any manifest: it decodes or is refused, and comparing it ends.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"format":1,"files":[{"name":"data.db"}]}`))
	f.Add([]byte(`{"format":1,"rows":{"a":1e30},"at":"x"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m Manifest
		if json.Unmarshal(raw, &m) != nil {
			return
		}
		if compare(m, []File{{Name: database}}) == nil && (m.Format != format || len(m.Files) != 1) {
			t.Errorf("%q passes", raw)
		}
	})
}
