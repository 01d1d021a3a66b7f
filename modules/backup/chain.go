package backup

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/lock"
)

// copiesFolder is where in the data folder is kept what the next step has to know. It is in no
// backup: where it is lost, or does not fit, a new base is made.
const copiesFolder = ".copies"

// chain is a base, as its steps have to know it.
type chain struct {
	ID      string           `json:"id"`
	Base    string           `json:"base"` // name of its file
	At      time.Time        `json:"at"`
	Bytes   int64            `json:"bytes"`
	Place   string           `json:"place"`   // place.String
	To      string           `json:"to"`      // the public keys of the base; "" where it was a passphrase, or nothing
	Seals   string           `json:"seals"`   // public key that steps are encrypted to; the secret one is in the base alone
	Proof   []byte           `json:"proof"`   // ID, encrypted as the base is: opens with its passphrase
	Version string           `json:"version"` // of the Polyclinic that made it
	Images  []imageOfBase    `json:"images"`  // its databases
	Storage map[string]int64 `json:"storage"` // its uploads' sizes
	Files   []File           `json:"files"`   // what else is in it
}

type imageOfBase struct {
	Image
	Sums  []byte `json:"sums"`  // of its pages
	Stamp string `json:"stamp"` // stampOf the database it was copied from
}

// stampOf tells a closed database from what it was. It is "" for one that has a log, which a writer
// may have open.
func stampOf(path string) string {
	if _, err := os.Lstat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return info.ModTime().UTC().Format(time.RFC3339Nano) + " " + info.Mode().String() + " " + strconv.FormatInt(info.Size(), 10)
}

// state is what came of making steps and bases.
type state struct {
	At      time.Time `json:"at"`      // as of when the newest copy is
	Print   string    `json:"print"`   // of what that one says: with the same there is nothing to write
	Bytes   int64     `json:"bytes"`   // of the newest step
	Tried   time.Time `json:"tried"`   // when it was last tried, and what was wrong
	Error   string    `json:"error"`   //
	Renewed time.Time `json:"renewed"` // when a new base was last tried, and what was wrong
	Failed  string    `json:"failed"`  //
	Looked  string    `json:"looked"`  // the chain of which a step was last opened, and what was wrong
	Wrong   string    `json:"wrong"`   //
	NoLook  string    `json:"noLook"`  // why none was
	Have    []oneCopy `json:"have"`    // what is there, or may be; the oldest first
	Strange int       `json:"strange"` // how many are there that another folder made
}

// oneCopy is a base or a step.
type oneCopy struct {
	Name  string    `json:"name"`
	Chain string    `json:"chain"`
	Place string    `json:"place"`
	At    time.Time `json:"at"`
	Base  bool      `json:"base"`
	Whole bool      `json:"whole"` // it arrived
}

// copying keeps two from doing the same: in this process, and by files in copiesFolder in others.
type copying struct {
	step, base, state sync.Mutex
	proved            atomic.Pointer[[sha256.Size]byte] // chain.mark, of which the passphrase was seen to open the base
}

var errBusy = errors.New("another copy is being made")

// hold takes the right to do one thing, until release is called. It returns errBusy where another has it.
func hold(app core.App, mu *sync.Mutex, name string) (release func(), err error) {
	if !mu.TryLock() {
		return nil, errBusy
	}
	dir := filepath.Join(app.DataDir(), copiesFolder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		mu.Unlock()
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, name+".lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		mu.Unlock()
		return nil, err
	}
	release = func() {
		_ = f.Close() // which ends the lock
		mu.Unlock()
	}
	taken, err := lock.Take(f)
	if err == nil && taken {
		err = errBusy
	}
	if err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// change changes the state and keeps it.
func (m maker) change(app core.App, fn func(*state)) error {
	var release func()
	for try := 0; ; try++ {
		var err error
		if release, err = hold(app, &m.copying.state, "state"); err == nil {
			break
		}
		if !errors.Is(err, errBusy) || try == 100 {
			return err
		}
		time.Sleep(20 * time.Millisecond) // another program is writing a few lines
	}
	defer release()
	s, err := readState(app)
	if err != nil {
		return err
	}
	fn(&s)
	return keep(app, "state.json", s)
}

func readState(app core.App) (s state, err error) {
	err = recall(app, "state.json", &s)
	return s, err
}

// recall reads what keep has kept. What is not there, or cannot be read, leaves v as it is.
func recall(app core.App, name string, v any) error {
	raw, err := os.ReadFile(filepath.Join(app.DataDir(), copiesFolder, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_ = json.Unmarshal(raw, v) // damaged, it is as if there was none
	return nil
}

func keep(app core.App, name string, v any) error {
	path := filepath.Join(app.DataDir(), copiesFolder, name)
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := os.Remove(path + partialSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err = written(path+partialSuffix, func(w io.Writer) error {
		_, err := w.Write(raw)
		return err
	})
	if err == nil {
		err = os.Rename(path+partialSuffix, path)
	}
	if err != nil {
		return err
	}
	return kernel.SyncFile(filepath.Dir(path))
}

// keptFor is how long steps are there at least, and keptSteps how many.
const (
	keptFor   = time.Hour
	keptSteps = 3
)

// obsolete returns what need not be there any more: steps that are old, bases that are neither the one
// in use nor of a step that stays, and what never arrived. What may be on its way is none of these.
func (s state) obsolete(base string, now time.Time) (list []string) {
	chains, steps := map[string]bool{}, 0
	onItsWay := func(c oneCopy) bool { return now.Sub(c.At) <= patience }
	for _, c := range slices.Backward(s.Have) {
		switch {
		case c.Base:
		case !c.Whole:
			if !onItsWay(c) {
				list = append(list, c.Name)
			}
		case steps < keptSteps, now.Sub(c.At) <= keptFor:
			chains[c.Chain] = true
			steps++
		default:
			list = append(list, c.Name)
		}
	}
	for _, c := range s.Have {
		if c.Base && c.Name != base && !chains[c.Chain] && !onItsWay(c) {
			list = append(list, c.Name)
		}
	}
	return list
}
