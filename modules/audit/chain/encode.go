// Package chain keeps the entries of the audit trail: one after the other, each tied to
// the one before by its hash, in files of their own. It knows nothing of the hospital, so
// that a trail can be verified on any machine.
package chain

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Version of the encoding below. A later one gets another number and another domain; a
// trail may hold segments of both.
const Version = 1

// domain begins what is hashed, so that no hash of anything else can pass for a link.
const domain = "polyclinic audit 1\x00"

// Hash is SHA-256.
type Hash [sha256.Size]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ParseHash reads 64 hexadecimal digits.
func ParseHash(s string) (h Hash, err error) {
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) != len(h) {
		return h, fmt.Errorf("%q is no SHA-256 in hexadecimal digits", s)
	}
	return Hash(raw), nil
}

// Link returns the hash of an entry:
//
//	SHA-256( "polyclinic audit 1" ‖ 0x00 ‖ hash of the entry before, 32 bytes ‖ number, 8 bytes big-endian ‖ body )
//
// The entry before the first is 32 zero bytes. body is the entry's JSON as it is stored,
// byte for byte; it is never encoded anew.
func Link(prev Hash, seq int64, body []byte) Hash {
	h := sha256.New()
	h.Write([]byte(domain))
	h.Write(prev[:])
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(seq))
	h.Write(n[:])
	h.Write(body)
	return Hash(h.Sum(nil))
}

// Entry is the body of one entry. It holds ids, never names or values of patients' data.
type Entry struct {
	Version  int      `json:"v"`
	At       string   `json:"at"`                 // RFC 3339 in UTC. The number orders entries, never the time.
	Request  string   `json:"req,omitempty"`      // the answer's X-Request-Id, or a transaction outside of requests
	Actor    string   `json:"actor"`              // "collection/id" of the account, "guest", "system", or "command <name>"
	Role     string   `json:"role,omitempty"`     // of the account at that time
	Session  string   `json:"session,omitempty"`  // by which the request came
	Address  string   `json:"address,omitempty"`  // of the client
	Action   string   `json:"action"`             // "read", "create", "update", "delete", "sign-in", …
	Target   string   `json:"target,omitempty"`   // route or collection
	Outcome  string   `json:"outcome"`            // "ok", "refused" or "failed"
	Status   int      `json:"status,omitempty"`   // of the answer, where it was not a success
	Why      string   `json:"why,omitempty"`      // what the trail itself has to say; the reason that somebody gave in entries of before it was kept with the values
	Marks    []string `json:"marks,omitempty"`    // what reviewers look for
	Marked   Marked   `json:"marked,omitempty"`   // whom a mark is about, where that is not every patient
	Patients []string `json:"patients,omitempty"` // ids of the patients that it concerns
	Items    []string `json:"items,omitempty"`    // "collection/id"
	Fields   []string `json:"fields,omitempty"`   // names of the fields that were changed
	Query    string   `json:"query,omitempty"`    // keyed hash of filter and search text
	Count    int      `json:"count,omitempty"`    // how many, where they are not named
	Diff     string   `json:"diff,omitempty"`     // salted hash of the values before and after and of the reason that was given, which are kept in data.db
	Epoch    string   `json:"epoch,omitempty"`    // of data.db: it changes when an older copy is restored
	Write    int64    `json:"write,omitempty"`    // number of the write in that epoch; without gaps
	Writes   int64    `json:"writes,omitempty"`   // how many writes up to that number the entry sums up, 0 for one
	Through  int64    `json:"through,omitempty"`  // of an archive: the last write of the epoch that the trail has, here or in what leaves
	Build    string   `json:"build,omitempty"`
}

// Marked has, by mark, the ids of the patients whom it is about.
type Marked map[string][]string

// Row is an entry as it is stored.
type Row struct {
	Seq        int64
	Prev, Hash Hash
	Body       []byte
}

// Entry decodes the body.
func (r Row) Entry() (e Entry, err error) {
	if err = json.Unmarshal(r.Body, &e); err != nil {
		err = fmt.Errorf("entry %d: %w", r.Seq, err)
	}
	return e, err
}
