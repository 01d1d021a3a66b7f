package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/backup/backupapi"
)

// pagesFolder is where in a step the pages of each database are that differ from the base's.
const pagesFolder = "pages"

// errOutgrown says that so much differs from the base that a new one costs less.
var errOutgrown = errors.New("most pages differ from the base")

// step is one that is being made: what differs from the base of its chain.
type step struct {
	m     maker
	app   core.App
	chain chain
	out   made
	say   Manifest
	parts []string // the other files of parts, as packed: sums
}

// step writes what differs from the base, unless that is what the newest step has already. It
// returns the name of the file, "" when there was nothing to write.
func (m maker) step(ctx context.Context, app core.App, p place, c chain) (name string, err error) {
	sweep(app.DataDir())
	st := &step{m: m, app: app, chain: c, say: Manifest{
		Format: format, Version: m.version, Chain: c.ID, Missing: []string{}, Outside: app.Settings().S3.Enabled, Step: &Step{Gone: []string{}},
	}}
	if err := st.out.stage(app); err != nil {
		return "", err
	}
	defer st.out.done()
	if err := quietly(st.collect); err != nil {
		return "", err
	}
	mark, err := st.fingerprint()
	if err != nil {
		return "", err
	}
	s, err := readState(app)
	if err != nil {
		return "", err
	}
	if s.Print != mark {
		if name, err = st.write(ctx, p); err != nil {
			return "", err
		}
	}
	return name, m.change(app, func(s *state) {
		if s.Print != mark {
			s.Print, s.Bytes = mark, st.out.bytes
		}
		s.At = st.say.At
	})
}

// collect puts into the stage what differs.
func (st *step) collect() (err error) {
	st.say.At = time.Now().UTC() // what is acknowledged by now is in it
	data, err := openPages(filepath.Join(st.app.DataDir(), database))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.close()) }()
	// The moment of the database is now. A file is written ahead of its row, so all are there; one
	// that is deleted within the next moments is lost to the clinic, too.
	if err := st.uploads(); err != nil {
		return err
	}
	if err := st.database(database, data); err != nil {
		return err
	}
	for _, part := range kernel.All[backupapi.Part](kernel.Of(st.app)) {
		if err := st.part(part); err != nil {
			return fmt.Errorf("copy %s: %w", part.Name, err)
		}
	}
	return nil
}

// uploads links the files that the base has not.
func (st *step) uploads() error {
	there := map[string]bool{}
	err := gather(st.app, st.out.folder, func(name string) bool {
		_, known := st.chain.Storage[name]
		if known {
			there[name] = true
		}
		return known
	})
	for name := range st.chain.Storage {
		if !there[name] {
			st.say.Step.Gone = append(st.say.Step.Gone, name)
		}
	}
	return err
}

// ofBase returns what the base has of the database.
func (st *step) ofBase(name string) (b imageOfBase, has bool) {
	i := slices.IndexFunc(st.chain.Images, func(b imageOfBase) bool { return b.Name == name })
	if i < 0 {
		return b, false
	}
	return st.chain.Images[i], true
}

// database writes the pages that differ.
func (st *step) database(name string, p *pages) error {
	b, _ := st.ofBase(name)
	if b.Size != p.size {
		b.Sums = nil
	}
	img, numbers, err := p.differ(name, b.Sums)
	if err != nil {
		return err
	}
	st.say.Step.Images = append(st.say.Step.Images, img)
	size := int64(len(numbers)) * int64(p.size)
	if name == database && (b.Sums == nil || size > smallStep && int64(len(numbers)) > img.Pages/2) {
		return errOutgrown
	}
	if len(numbers) == 0 {
		return nil
	}
	if err := roomFor(st.app, size); err != nil {
		return err
	}
	to := filepath.Join(st.out.folder, pagesFolder, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return written(to, func(w io.Writer) error { return p.only(numbers, w) })
}

// roomFor returns an error when the disk would fill up: the pages lie there twice for a while, the
// second time packed.
func roomFor(app core.App, size int64) error {
	free, _, known := kernel.DiskRoom(app.DataDir())
	if need := uint64(2*size) + 64<<20; known && free < need {
		return errNoRoom(need, free)
	}
	return nil
}

// part takes a part's pages, or those of its files that differ.
func (st *step) part(p backupapi.Part) error {
	if p.Copy == nil || p.Secret && st.chain.Seals == "" {
		return nil
	}
	if p.Databases != nil {
		return st.databases(p)
	}
	if err := p.Copy(st.app, st.out.folder); err != nil {
		return err
	}
	names, err := filesBelow(st.out.folder, p.Name)
	if err != nil {
		return err
	}
	for _, name := range names {
		path := filepath.Join(st.out.folder, filepath.FromSlash(name))
		f, err := described(path, name)
		if err != nil {
			return err
		}
		st.parts = append(st.parts, f.Name+" "+f.SHA256)
		if !slices.Contains(st.chain.Files, f) {
			continue
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

func (st *step) databases(p backupapi.Part) error {
	found, err := p.Databases(st.app)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if b, has := st.ofBase(name); has && b.Stamp != "" && b.Stamp == stampOf(found[name]) {
			st.say.Step.Images = append(st.say.Step.Images, b.Image)
			continue
		}
		if err := st.open(name, found[name]); err != nil {
			return err
		}
	}
	return nil
}

func (st *step) open(name, path string) (err error) {
	p, err := openPages(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	return st.database(name, p)
}

func described(path, name string) (File, error) {
	f, err := os.Open(path)
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	return File{Name: name, Size: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, err
}

// fingerprint notes what of the base is gone and returns a sum of everything that the step says but when:
// two steps of one chain with the same are of the same data.
func (st *step) fingerprint() (string, error) {
	has := map[string]bool{}
	for _, i := range st.say.Step.Images {
		has[i.Name] = true
	}
	for _, b := range st.chain.Images {
		if !has[b.Name] {
			st.say.Step.Gone = append(st.say.Step.Gone, b.Name)
		}
	}
	for _, f := range st.chain.Files {
		if !slices.Contains(st.parts, f.Name+" "+f.SHA256) {
			st.say.Step.Gone = append(st.say.Step.Gone, f.Name) // or is another now, and in the step
		}
	}
	slices.Sort(st.say.Step.Gone)
	uploads, err := filesBelow(st.out.folder, core.LocalStorageDirName)
	if err != nil {
		return "", err
	}
	raw, err := json.Marshal([]any{st.chain.ID, st.say.Step, st.parts, uploads})
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), err
}

// write packs the stage and puts it to its place.
func (st *step) write(ctx context.Context, p place) (name string, err error) {
	var to []age.Recipient
	if st.chain.Seals != "" {
		if to, err = age.ParseRecipients(strings.NewReader(st.chain.Seals)); err != nil {
			return "", err
		}
	}
	files, err := weigh(st.out.folder)
	if err != nil {
		return "", err
	}
	var size int64
	for _, f := range files {
		size += f.Size
	}
	if err := roomFor(st.app, size/2); err != nil { // for what is packed: the rest lies there
		return "", err
	}
	if err := quietly(func() error { return st.out.pack(st.say, to) }); err != nil {
		return "", err
	}
	name = stepName(st.chain.ID, st.say.At, len(to) > 0)
	if err := st.m.deliver(ctx, st.app, p, st.out.path, oneCopy{Name: name, Chain: st.chain.ID, At: st.say.At}); err != nil {
		return "", err
	}
	st.m.tidy(ctx, st.app, p, st.chain.Base)
	return name, nil
}

// filesBelow returns the files in the folder name of dir, or that name itself, as paths in dir with
// slashes. Where there is nothing it returns none.
func filesBelow(dir, name string) (list []string, err error) {
	err = filepath.WalkDir(filepath.Join(dir, name), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		list = append(list, filepath.ToSlash(rel))
		return err
	})
	return list, err
}

// weigh returns the files below dir with their sizes.
func weigh(dir string) (list []File, err error) {
	names, err := filesBelow(dir, ".")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		info, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		list = append(list, File{Name: name, Size: info.Size()})
	}
	return list, nil
}
