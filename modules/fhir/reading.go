package fhir

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/polyclinic-os/polyclinic/modules/fhir/bundle"
	"github.com/polyclinic-os/polyclinic/modules/fhir/fhirapi"
)

// reading is one resource as it was read, and what was found out without the database.
type reading struct {
	file, entry int
	kind        string // resource type
	text        []byte // compact JSON
	hash        []byte

	own    string   // the key that makes it itself
	safe   bool     // another reading's own key may be this one's other key
	unless string   // key of what must not be there for it to be made, or ""
	keys   []string // all, its own last
	place  fhirapi.Place

	collection string // "" when nothing is made of the type
	skipped    bool   // nothing is made of this one
	why        string // nothing is made of it
}

// read prepares an entry. Its error is a *fhirapi.Refusal.
func (p *plan) read(e bundle.Entry) (*reading, error) {
	var text bytes.Buffer
	if err := json.Compact(&text, e.Raw); err != nil {
		return nil, fhirapi.Refuse("", err.Error())
	}
	sum := sha256.Sum256(text.Bytes())
	r := &reading{entry: e.Index, kind: e.Type, text: text.Bytes(), hash: sum[:16], keys: bundle.Keys(e)}
	r.identify(e)
	im, mapped := p.byType[e.Type]
	if !mapped {
		r.why = "has no place in a clinic's records"
		if p.reads[e.Type] {
			r.why = "is only looked up"
		}
		return r, nil
	}
	r.collection = im.Collection
	if im.Place == nil {
		return r, nil
	}
	var err error
	r.place, err = place(im, e)
	var no *fhirapi.Refusal
	if errors.As(err, &no) && no.Kind == fhirapi.Skipped {
		r.skipped, r.why = true, no.Reason
		return r, nil
	}
	return r, err
}

// place asks the importer. A resource that it trips over is refused like any other.
func place(im fhirapi.Importer, e bundle.Entry) (where fhirapi.Place, err error) {
	defer func() {
		if recover() != nil {
			err = fhirapi.Refuse("", "could not be understood")
		}
	}()
	return im.Place(e.Resource())
}

var reUUID = regexp.MustCompile(`(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// identify finds what makes two readings the same resource: the place it is put to, else
// a urn, else its id, else the condition under which it is made, else what it says.
//
// A urn comes ahead of the id because a bundle that is posted may number its resources as
// it likes: two files' Patient/1 must not become one person.
func (r *reading) identify(e bundle.Entry) {
	url, urn := fhirapi.Key(e.FullURL), ""
	if strings.HasPrefix(url, "urn:") {
		url, urn = "", url
	}
	if e.IfNoneExist != "" {
		r.unless = condition(e)
	}
	put, id := "", ""
	if e.Method == "PUT" {
		put = fhirapi.Key(e.URL)
	}
	if e.ID != "" {
		id = e.Type + "/" + e.ID
	}
	for _, key := range []string{put, urn, id, url, r.unless, e.Type + "#" + hex.EncodeToString(r.hash)} {
		if key != "" {
			r.own = key
			break
		}
	}
	r.safe = r.own == id && reUUID.MatchString(e.ID)
	r.keys = append(slices.DeleteFunc(r.keys, func(key string) bool { return key == r.own }), r.own)
}

// condition returns the key of an ifNoneExist, with or without the type before it.
func condition(e bundle.Entry) string {
	query := e.IfNoneExist
	if _, after, found := strings.Cut(query, "?"); found {
		query = after
	}
	return fhirapi.Key(e.Type + "?" + query)
}
