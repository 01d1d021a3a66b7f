package fhir

import (
	"encoding/json"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/fhir/fhirapi"
)

// States of a row in fhir_resources, see initSources.
const (
	stateWaiting = 0
	statePlaced  = 1
	stateIn      = 2
	stateKept    = 3
)

// batch is how many resources, and about how many bytes of them, share a transaction.
const (
	batch      = 500
	batchBytes = 8 << 20
)

// intake writes readings into the importer's memory. What a resource refers to may be read
// later, so that nothing is made of it yet.
type intake struct {
	run  *run
	held []*reading
	size int
	keys map[string]bool // of what is held
	pack packer
}

// add holds a reading until the batch is full.
func (in *intake) add(r *reading) error {
	for _, key := range []string{r.own, r.unless} {
		if in.keys[key] { // it may be one of those held
			if err := in.flush(); err != nil {
				return err
			}
		}
	}
	if in.keys == nil {
		in.keys = map[string]bool{}
	}
	for _, key := range r.keys {
		in.keys[key] = true
	}
	in.held, in.size = append(in.held, r), in.size+len(r.text)
	if len(in.held) >= batch || in.size >= batchBytes {
		return in.flush()
	}
	return nil
}

// flush writes what is held, in one transaction.
func (in *intake) flush() error {
	if len(in.held) == 0 {
		return nil
	}
	var told []func()
	err := in.run.app.RunInTransaction(func(tx core.App) error {
		known, err := in.known(tx)
		if err != nil {
			return err
		}
		w := &shelf{in: in, tx: tx}
		for _, r := range in.held {
			if err := w.put(r, known); err != nil {
				return err
			}
		}
		told = w.told
		return nil
	})
	for _, tell := range told {
		tell()
	}
	in.held, in.size = in.held[:0], 0
	clear(in.keys)
	return err
}

// resource is a row of fhir_resources as far as the intake looks at it.
type resource struct {
	Key        string `db:"k"`
	ID         int64  `db:"id"`
	OwnKey     bool   `db:"own"`
	Hash       []byte `db:"hash"`
	State      int    `db:"state"`
	Fresh      bool   `db:"fresh"`
	Skipped    bool   `db:"skipped"`
	Run        int64  `db:"run"`
	Collection string `db:"collection"`
	HasText    bool   `db:"hasText"`
}

// known returns the resources of earlier readings that those held may be, by key.
func (in *intake) known(tx core.App) (map[string]*resource, error) {
	var keys []string
	for _, r := range in.held {
		keys = append(keys, r.own)
		if r.unless != "" {
			keys = append(keys, r.unless)
		}
	}
	list, err := json.Marshal(keys)
	if err != nil {
		return nil, err
	}
	var rows []*resource
	err = tx.NonconcurrentDB().NewQuery(`
		SELECT k.key AS k, k.resource AS id, k.own AS own, COALESCE(r.hash, x'') AS hash, COALESCE(r.state, 0) AS state,
			COALESCE(r.fresh, 0) AS fresh, COALESCE(r.skipped, 0) AS skipped, COALESCE(r.run, 0) AS run, COALESCE(r.collection, '') AS collection, t.resource IS NOT NULL AS hasText
		FROM json_each({:keys}) j CROSS JOIN fhir_keys k ON k.source = {:source} AND k.key = j.value
		LEFT JOIN fhir_resources r ON r.id = k.resource
		LEFT JOIN fhir_texts t ON t.resource = k.resource`).
		Bind(dbx.Params{"source": in.run.source, "keys": string(list)}).All(&rows)
	if err != nil {
		return nil, err
	}
	known := map[string]*resource{}
	for _, row := range rows {
		known[row.Key] = row
	}
	return known, nil
}

// match returns the resource that the reading is of, or nil. byCondition says that it is
// there already and so not to be made, whatever the reading has to say.
func match(r *reading, known map[string]*resource) (was *resource, byCondition bool, err error) {
	if was := known[r.own]; was != nil && was.ID != 0 && (was.OwnKey || r.safe) {
		return was, false, nil
	}
	if r.unless == "" {
		return nil, false, nil
	}
	was = known[r.unless]
	if was == nil {
		return nil, false, nil
	}
	if was.ID == 0 {
		return nil, true, fhirapi.Refuse("", "more than one resource meets its ifNoneExist")
	}
	return was, true, nil
}
