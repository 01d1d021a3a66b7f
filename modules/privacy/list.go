package privacy

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
	"github.com/pocketbase/pocketbase/tools/types"
)

// erasure is all that the list of erasures says of one.
type erasure struct {
	Patient string         `json:"patientId" db:"patientId"`
	Scope   string         `json:"scope" db:"scope"`
	At      types.DateTime `json:"at" db:"created"`
}

// erasures is the list that lies where backups are, so that a restore of an older one brings back
// nobody. Each is complete: one that could not be written is healed by the next.
type erasures struct {
	Format int            `json:"format"`
	At     types.DateTime `json:"at"` // when it was written
	List   []erasure      `json:"erasures"`
	// Seal is the HMAC-SHA-256 of the list without it, in hex, under a key that lies in the data,
	// and so in every backup of them. Somebody who has neither can only put back an earlier list.
	Seal string `json:"seal"`
}

const listFormat = 1

// largestList is that of some 600,000 erasures.
const largestList = 64 << 20

// listKeyParam is the id of the row of _params that has the key of the list's seal.
const listKeyParam = "polyclinic_erasures_key"

// makeListKey gives the data the key. Data that have one already keep it: lists are sealed with it.
func makeListKey(tx core.App) error {
	raw, err := json.Marshal(security.RandomString(40))
	if err != nil {
		return err
	}
	now := types.NowDateTime().String()
	_, err = tx.NonconcurrentDB().NewQuery("INSERT OR IGNORE INTO _params (id, value, created, updated) VALUES ({:id}, {:value}, {:now}, {:now})").
		Bind(dbx.Params{"id": listKeyParam, "value": string(raw), "now": now}).Execute()
	return err
}

// listKey returns the key in a database, "" in one of before there was a list.
func listKey(db dbx.Builder) (key string, err error) {
	var raw string
	err = db.Select("value").From("_params").Where(dbx.HashExp{"id": listKeyParam}).Row(&raw)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(raw), &key)
	}
	return key, err
}

// erasedIn returns the erasures that a database holds, none where it is of before there were any.
func erasedIn(db dbx.Builder) (list []erasure, err error) {
	var n int
	if err := db.Select("count(*)").From("sqlite_master").Where(dbx.HashExp{"type": "table", "name": "erasures"}).Row(&n); err != nil || n == 0 {
		return nil, err
	}
	err = db.Select("patientId", "scope", "created").From("erasures").OrderBy("created", "rowid").All(&list)
	return list, err
}

// joined returns the newest erasure of each patient and scope, those of everything first.
func joined(lists ...[]erasure) []erasure {
	newest := map[[2]string]erasure{}
	for _, e := range slices.Concat(lists...) {
		which := [2]string{e.Patient, e.Scope}
		if have, is := newest[which]; !is || e.At.Time().After(have.At.Time()) {
			newest[which] = e
		}
	}
	out := make([]erasure, 0, len(newest))
	for _, e := range newest {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b erasure) int {
		if a.Scope != b.Scope {
			return strings.Compare(a.Scope, b.Scope) // "everything" is ahead of "identity"
		}
		if c := a.At.Time().Compare(b.At.Time()); c != 0 {
			return c
		}
		return strings.Compare(a.Patient, b.Patient)
	})
	return out
}

// lacking returns those of the list that the data, which hold have, do not have: neither the same
// nor a later one that takes away as much.
func lacking(list, have []erasure) (out []erasure) {
	of := map[string][]erasure{}
	for _, h := range have {
		of[h.Patient] = append(of[h.Patient], h)
	}
	for _, e := range joined(list) {
		if !slices.ContainsFunc(of[e.Patient], func(h erasure) bool {
			return (h.Scope == e.Scope || h.Scope == scopeEverything) && !h.At.Time().Before(e.At.Time())
		}) {
			out = append(out, e)
		}
	}
	return out
}

// write returns the list as it lies beside backups.
func (l erasures) write(key string) ([]byte, error) {
	l.Format = listFormat
	seal, err := l.sealed(key)
	if err != nil {
		return nil, err
	}
	l.Seal = seal
	raw, err := json.MarshalIndent(l, "", " ")
	return append(raw, '\n'), err
}

func (l erasures) sealed(key string) (string, error) {
	l.Seal = ""
	raw, err := json.Marshal(l)
	if err != nil {
		return "", err
	}
	h := hmac.New(sha256.New, []byte(key))
	h.Write(raw)
	return hex.EncodeToString(h.Sum(nil)), nil
}

var (
	errNoList   = errors.New("it is no list of erasures, or it is damaged or cut off")
	errSeal     = errors.New("it was altered, or is the list of another clinic's data")
	errListForm = errors.New("it is the list of a newer Polyclinic: use that one")
)

// readList reads a list. With the key "" nobody can tell whether it was altered.
func readList(in io.Reader, key string) (l erasures, err error) {
	raw, err := io.ReadAll(io.LimitReader(in, largestList))
	if err != nil {
		return l, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if err := d.Decode(&l); err != nil {
		return l, errNoList
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return l, errNoList
	}
	if l.Format > listFormat {
		return l, errListForm
	}
	if l.Format != listFormat || l.At.IsZero() || l.List == nil || l.Seal == "" {
		return l, errNoList
	}
	for _, e := range l.List {
		if e.Patient == "" || e.At.IsZero() || (e.Scope != scopeIdentity && e.Scope != scopeEverything) {
			return l, errNoList
		}
	}
	if key == "" {
		return l, nil
	}
	want, err := l.sealed(key)
	if err != nil {
		return l, err
	}
	if !hmac.Equal([]byte(want), []byte(l.Seal)) {
		return l, errSeal
	}
	return l, nil
}

// complete returns what the list is to say now: what the data hold, and what the list that is
// there says besides, as in data of a restore to which nobody brought it.
func complete(app core.App, there []erasure) ([]byte, error) {
	key, err := listKey(app.DB())
	if err != nil {
		return nil, err
	}
	if key == "" {
		return nil, errors.New("the data have no key for the list of erasures")
	}
	have, err := erasedIn(app.DB())
	if err != nil {
		return nil, fmt.Errorf("read the erasures: %w", err)
	}
	at, _ := types.ParseDateTime(time.Now()) // a time.Time always parses
	return erasures{At: at, List: joined(have, there)}.write(key)
}
