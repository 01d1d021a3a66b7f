package fhir

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/fhir/fhirapi"
)

// writeBatch is how many records share a transaction.
const writeBatch = 200

// group is a row of fhir_records that is due, with what it is made of.
type group struct {
	ID      int64  `db:"id"`
	Root    int64  `db:"root"`
	Day     string `db:"day"`
	At      string `db:"at"`
	Record  string `db:"record"`
	Written string `db:"written"`

	// Of the root, where that is none of the parts: the encounter of what was found at it.
	RootKey        string `db:"rootKey"`
	RootType       string `db:"rootType"`
	RootPatient    int64  `db:"rootPatient"`
	RootCollection string `db:"rootCollection"`
	RootRecord     string `db:"rootRecord"`
	RootText       []byte `db:"rootText"`

	parts []*part
}

// part is a resource of a group.
type part struct {
	ID      int64  `db:"id"`
	Group   int64  `db:"part"`
	Type    string `db:"type"`
	State   int    `db:"state"`
	Fresh   bool   `db:"fresh"`
	Skipped bool   `db:"skipped"`
	Run     int64  `db:"run"`
	File    int    `db:"file"`
	Entry   int    `db:"entry"`
	Text    []byte `db:"text"`

	Patient        int64  `db:"patient"`
	PatientRecord  string `db:"patientRecord"`
	PatientRefused int64  `db:"patientRefused"`
}

// news reports whether a part was read since the record was written.
func (g *group) news() bool {
	return slices.ContainsFunc(g.parts, func(p *part) bool { return p.State == statePlaced })
}

// maxSourceID is the length of the sourceId fields, in bytes to be safe.
const maxSourceID = 300

// sourceID is what the record is known by: which set of data, and which resource of it.
func (g *group) sourceID(source string) string {
	id := source + ":" + g.RootKey
	if g.Day != "" {
		id += "@" + g.Day
	}
	if len(id) > maxSourceID {
		sum := sha256.Sum256([]byte(id))
		id = source + ":" + hex.EncodeToString(sum[:])
	}
	return id
}

// write makes the records that are due, collection by collection.
func (r *run) write() error {
	// What was missing may have come. Where it has not, nothing changes.
	if _, err := r.app.NonconcurrentDB().NewQuery(`UPDATE fhir_records SET due = 1 WHERE incomplete = 1`).Execute(); err != nil {
		return fmt.Errorf("incomplete records: %w", err)
	}
	var due int64
	if err := r.app.DB().NewQuery(`SELECT COUNT(*) FROM fhir_records WHERE due = 1`).Row(&due); err != nil {
		return fmt.Errorf("records that are due: %w", err)
	}
	r.bar.Begin("writing", due, "records")
	for _, im := range r.plan.order {
		if err := r.fill(im); err != nil {
			return fmt.Errorf("import into %s: %w", im.Collection, err)
		}
	}
	return nil
}

// fill makes the records of one collection, by day.
func (r *run) fill(im fhirapi.Importer) error {
	last := group{ID: -1}
	for {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		groups, err := r.load(im.Collection, last)
		if err != nil || len(groups) == 0 {
			return err
		}
		if err := r.writeAll(im, groups); err != nil {
			return err
		}
		last = *groups[len(groups)-1]
		r.bar.Add(int64(len(groups)), int64(len(groups)))
	}
}

// load returns the next groups that are due, with everything that they are made of.
func (r *run) load(collection string, after group) (groups []*group, err error) {
	err = r.app.DB().NewQuery(`
		SELECT p.id, p.root, p.day, p.at, p.record, p.written, r.key AS rootKey, r.type AS rootType, COALESCE(r.patient, 0) AS rootPatient,
			COALESCE(rp.collection, '') AS rootCollection, COALESCE(rp.record, '') AS rootRecord, COALESCE(t.text, x'') AS rootText
		FROM fhir_records p JOIN fhir_resources r ON r.id = p.root
		LEFT JOIN fhir_records rp ON rp.id = r.part AND rp.record != ''
		LEFT JOIN fhir_texts t ON t.resource = r.id AND r.part IS NOT p.id
		WHERE p.due = 1 AND p.collection = {:collection} AND (p.at, p.id) > ({:at}, {:id}) ORDER BY p.at, p.id LIMIT {:n}`).
		Bind(dbx.Params{"collection": collection, "at": after.At, "id": after.ID, "n": writeBatch}).All(&groups)
	if err != nil {
		return nil, fmt.Errorf("records that are due: %w", err)
	}
	byID, ids := map[int64]*group{}, make([]any, 0, len(groups))
	for _, g := range groups {
		byID[g.ID], ids = g, append(ids, g.ID)
	}
	var parts []*part
	err = r.app.DB().Select("r.id", "r.part", "r.type", "r.state", "r.fresh", "r.skipped", "r.run", "r.file", "r.entry",
		"COALESCE(t.text, x'') AS text", "COALESCE(r.patient, 0) AS patient", "COALESCE(pp.record, '') AS patientRecord", "COALESCE(pp.refused, 0) AS patientRefused").
		From("fhir_resources r").LeftJoin("fhir_texts t", dbx.NewExp("t.resource = r.id")).
		LeftJoin("fhir_resources pr", dbx.NewExp("pr.id = r.patient")).LeftJoin("fhir_records pp", dbx.NewExp("pp.id = pr.part")).
		Where(dbx.In("r.part", ids...)).AndWhere(dbx.NewExp("r.state < 3")).OrderBy("r.day", "r.id").All(&parts)
	if err != nil {
		return nil, fmt.Errorf("what records are made of: %w", err)
	}
	for _, p := range parts {
		g := byID[p.Group]
		g.parts = append(g.parts, p)
	}
	return groups, nil
}

// writeAll writes some groups in one transaction. What cannot be written undoes nothing
// but itself.
func (r *run) writeAll(im fhirapi.Importer, groups []*group) error {
	var told []func()
	err := r.app.RunInTransaction(func(tx core.App) error {
		clinic, err := clinicapi.Current(tx)
		if err != nil {
			return err
		}
		if err := r.adopt(tx, im.Collection, groups); err != nil {
			return err
		}
		for _, g := range groups {
			w := &writer{run: r, tx: tx, importer: im, group: g, clinic: clinic}
			tell, err := w.write()
			if err != nil {
				return err
			}
			told = append(told, tell)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, tell := range told {
		tell()
	}
	return nil
}

// adopt finds records that the importer does not remember but that are its own by their
// sourceId: they came with a table from another clinic.
func (r *run) adopt(tx core.App, collection string, groups []*group) error {
	byID, ids := map[string]*group{}, []string{}
	for _, g := range groups {
		if g.Record == "" {
			id := g.sourceID(r.source)
			byID[id], ids = g, append(ids, id)
		}
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	var found []struct {
		ID       string `db:"id"`
		SourceID string `db:"sourceId"`
	}
	// The index leaves empty ones out: it serves only who says so too.
	err = tx.DB().Select("c.id", "c.sourceId").From(collection + " c").
		Where(dbx.NewExp("c.sourceId != '' AND c.sourceId IN (SELECT value FROM json_each({:ids}))", dbx.Params{"ids": string(list)})).All(&found)
	if err != nil {
		return fmt.Errorf("records of an earlier import: %w", err)
	}
	for _, f := range found {
		byID[f.SourceID].Record = f.ID
	}
	return nil
}
