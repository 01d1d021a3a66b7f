package backup

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

const (
	database     = "data.db"
	manifestName = "manifest.json"
	format       = 1
)

// Manifest says what is in a backup. It is the archive's last entry.
type Manifest struct {
	Format  int              `json:"format"`
	Version string           `json:"version"` // of the Polyclinic that made it
	At      time.Time        `json:"at"`      // of the copy of the database
	Rows    map[string]int64 `json:"rows"`    // by table
	Files   []File           `json:"files"`   // every entry but this one
	Missing []string         `json:"missing"` // files that rows name and that the clinic has lost
	Outside bool             `json:"outside"` // files lie on an S3 and are not in the backup

	Chain string `json:"chain,omitempty"` // of a base and of its steps: which belong together
	Key   string `json:"key,omitempty"`   // of a base that is encrypted: opens its steps
	Step  *Step  `json:"step,omitempty"`  // of a step: what to make of its base
}

// Step says how a data folder differs from the base of its chain. New files, and those that are
// others now, are entries of the step, and so are the pages that differ, below pagesFolder.
type Step struct {
	Images []Image  `json:"images"` // every database
	Gone   []string `json:"gone"`   // files of the base that are there no more
}

// File is one entry of the archive.
type File struct {
	Name   string `json:"name"` // path in the data folder, with slashes
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// open connects to the copy of a database that nobody else uses.
func open(path string) (*dbx.DB, error) {
	return dbx.Open("sqlite", path+"?_pragma=temp_store(MEMORY)&_pragma=recursive_triggers(ON)")
}

// rows counts every table of the database.
func rows(db *dbx.DB) (map[string]int64, error) {
	var tables []string
	err := db.Select("name").From("sqlite_master").Where(dbx.HashExp{"type": "table"}).
		AndWhere(dbx.NewExp("name NOT LIKE 'sqlite!_%' ESCAPE '!'")).OrderBy("name").Column(&tables)
	if err != nil {
		return nil, err
	}
	out := make(map[string]int64, len(tables))
	for _, t := range tables {
		var n int64
		if err := db.Select("count(*)").From(t).Row(&n); err != nil {
			return nil, fmt.Errorf("count %s: %w", t, err)
		}
		out[t] = n
	}
	return out, nil
}

// named returns the paths in the data folder of the files that rows name.
func named(db *dbx.DB) (paths []string, err error) {
	var fields []struct{ Collection, Table, Field string }
	err = db.NewQuery(`SELECT c.id AS collection, c.name AS "table", json_extract(f.value, '$.name') AS field
		FROM _collections c, json_each(c.fields) f
		WHERE c.type != 'view' AND json_extract(f.value, '$.type') = 'file'`).All(&fields)
	if err != nil {
		return nil, fmt.Errorf("find the file fields: %w", err)
	}
	for _, f := range fields {
		var found []struct{ ID, Name string }
		// A field for one file holds its name, one for several a JSON array.
		q := fmt.Sprintf(`SELECT r.id AS id, v.value AS name FROM {{%[1]s}} r,
			json_each(CASE WHEN json_valid(r.[[%[2]s]]) AND substr(r.[[%[2]s]], 1, 1) = '[' THEN r.[[%[2]s]] ELSE json_array(r.[[%[2]s]]) END) v
			WHERE r.[[%[2]s]] IS NOT NULL AND r.[[%[2]s]] != '' AND v.value != ''`, f.Table, f.Field)
		if err := db.NewQuery(q).All(&found); err != nil {
			return nil, fmt.Errorf("the files of %s: %w", f.Table, err)
		}
		for _, r := range found {
			paths = append(paths, filepath.Join(core.LocalStorageDirName, f.Collection, r.ID, r.Name))
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}
