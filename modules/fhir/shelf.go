package fhir

import (
	"bytes"
	"errors"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/fhir/fhirapi"
)

// shelf puts readings where they belong, within one transaction.
type shelf struct {
	in   *intake
	tx   core.App
	told []func() // what to count and say once it is committed

	insert, text, key *dbx.Query // prepared on first use
}

func (s *shelf) tell(fn func()) { s.told = append(s.told, fn) }

// put decides what a reading is: new, known, or another version of something known.
func (s *shelf) put(r *reading, known map[string]*resource) error {
	run := s.in.run
	was, byCondition, err := match(r, known)
	var no *fhirapi.Refusal
	if errors.As(err, &no) {
		s.tell(func() { run.refuse(r.file, r.entry, r.kind, no.Error()) })
		return nil
	}
	if was == nil {
		return s.create(r)
	}
	if byCondition {
		s.tell(func() { run.counts.of(r.kind).unchanged++ })
		return s.addKeys(was.ID, r.keys, false)
	}
	same := bytes.Equal(was.Hash, r.hash)
	if same && !was.HasText && (run.keepText || run.plan.reads[r.kind]) {
		if err := s.addText(was.ID, r); err != nil {
			return err
		}
	}
	if !same || (was.Collection == "" && r.collection != "") {
		return s.replace(r, was)
	}
	return s.again(r, was)
}

// create stores a resource that was never read before.
func (s *shelf) create(r *reading) error {
	run := s.in.run
	state := r.state(true)
	if state == stateKept {
		s.tell(func() { run.counts.skip(r.kind, r.why) })
		if !run.keepText && !run.plan.reads[r.kind] {
			return nil
		}
	}
	if s.insert == nil {
		s.insert = s.tx.NonconcurrentDB().NewQuery(`
			INSERT INTO fhir_resources (source, key, type, hash, state, fresh, skipped, collection, ofKey, patientKey, day, byDay, run, file, entry)
			VALUES ({:source}, {:key}, {:type}, {:hash}, {:state}, 1, {:skipped}, {:collection}, {:of}, {:patient}, {:day}, {:byDay}, {:run}, {:file}, {:entry})`).Prepare()
	}
	params := r.params(run, state)
	params["source"], params["key"], params["type"] = run.source, r.own, r.kind
	result, err := s.insert.Bind(params).Execute()
	if err != nil {
		return err
	}
	id, err := result.LastInsertId()
	if err != nil {
		return err
	}
	if err := s.addText(id, r); err != nil {
		return err
	}
	return s.addKeys(id, r.keys, true)
}

// replace stores another version of a resource. Its record is due again.
func (s *shelf) replace(r *reading, was *resource) error {
	run := s.in.run
	if was.Run == run.id && was.State < stateIn {
		// The files say it twice: the last one counts, once.
		s.tell(func() { run.counts.of(r.kind).unchanged++ })
	}
	state := r.state(was.Fresh)
	if state == stateKept {
		s.tell(func() { run.counts.skip(r.kind, r.why) })
	}
	params := r.params(run, state)
	params["id"] = was.ID
	_, err := s.tx.NonconcurrentDB().NewQuery(`
		UPDATE fhir_resources SET hash = {:hash}, state = {:state}, skipped = {:skipped}, collection = {:collection}, ofKey = {:of},
			patientKey = {:patient}, day = {:day}, byDay = {:byDay}, run = {:run}, file = {:file}, entry = {:entry}
		WHERE id = {:id}`).Bind(params).Execute()
	if err != nil {
		return err
	}
	if err := s.addText(was.ID, r); err != nil {
		return err
	}
	return s.addKeys(was.ID, r.keys, true)
}

// again counts a resource that says what it said before. One that could not go in is tried
// once more.
func (s *shelf) again(r *reading, was *resource) error {
	run := s.in.run
	count := run.counts.of(r.kind)
	state := was.State
	switch {
	case was.State == stateKept && (was.Collection == "" || was.Skipped):
		s.tell(func() { run.counts.skip(r.kind, r.why) })
		return nil
	case was.State == stateKept:
		state = stateWaiting // what was ahead of its time may be in time by now
	case was.State == stateIn, was.Run == run.id:
		s.tell(func() { count.unchanged++ })
		return nil
	}
	if !was.HasText && !run.keepText {
		if err := s.addText(was.ID, r); err != nil {
			return err
		}
	}
	_, err := s.tx.NonconcurrentDB().Update("fhir_resources",
		dbx.Params{"state": state, "run": run.id, "file": r.file, "entry": r.entry}, dbx.HashExp{"id": was.ID}).Execute()
	return err
}

// state is where a reading begins. One that was in before and is to be left out now goes
// the long way: its record is due.
func (r *reading) state(fresh bool) int {
	if r.collection == "" || (r.skipped && fresh) {
		return stateKept
	}
	return stateWaiting
}

func (r *reading) params(run *run, state int) dbx.Params {
	return dbx.Params{
		"hash": r.hash, "state": state, "skipped": r.skipped, "collection": r.collection,
		"of": r.place.Of, "patient": r.place.Patient, "day": r.place.Day, "byDay": r.place.ByDay,
		"run": run.id, "file": r.file, "entry": r.entry,
	}
}

func (s *shelf) addText(id int64, r *reading) error {
	packed, err := s.in.pack.pack(r.text)
	if err != nil {
		return err
	}
	if s.text == nil {
		s.text = s.tx.NonconcurrentDB().NewQuery(`INSERT OR REPLACE INTO fhir_texts (resource, text) VALUES ({:id}, {:text})`).Prepare()
	}
	_, err = s.text.Bind(dbx.Params{"id": id, "text": packed}).Execute()
	return err
}

// addKeys notes what references may call the resource. Where two resources of a set have
// the same name it is nobody's, so that no record goes to the wrong patient; but what a
// resource is by its own identity it stays.
func (s *shelf) addKeys(id int64, keys []string, own bool) error {
	if s.key == nil {
		s.key = s.tx.NonconcurrentDB().NewQuery(`
			INSERT INTO fhir_keys (source, key, resource, own) VALUES ({:source}, {:key}, {:id}, {:own})
			ON CONFLICT (source, key) DO UPDATE SET own = MAX(own, excluded.own), resource = CASE
				WHEN excluded.own THEN excluded.resource WHEN own THEN resource ELSE 0 END
			WHERE resource != excluded.resource OR own < excluded.own`).Prepare()
	}
	last := len(keys) - 1 // its own key, see identify
	for i, key := range keys {
		_, err := s.key.Bind(dbx.Params{"source": s.in.run.source, "key": key, "id": id, "own": own && i == last}).Execute()
		if err != nil {
			return err
		}
	}
	return nil
}
