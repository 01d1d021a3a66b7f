package exchange

import (
	"crypto/sha256"
	stdsql "database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// find returns the record that a row means: the stored one, or a new one.
func (n *run) find(tx core.App, line int, row map[string]string) (*core.Record, kernel.Invalid, error) {
	where, field := n.key(row)
	if where != nil {
		if bad := n.once(fmt.Sprint(where), line, field); bad != nil {
			return nil, bad, nil
		}
		var r core.Record
		q := tx.RecordQuery(n.collection).AndWhere(where).Limit(1)
		for column := range where {
			q.AndWhere(dbx.NewExp("[[" + column + "]] != ''")) // lets SQLite use an index of the filled ones
		}
		err := q.One(&r)
		if err == nil {
			if n.soft != "" && !r.GetDateTime(n.soft).IsZero() {
				return nil, kernel.Invalid{kernel.Bad(field, "deleted", "Means a record that was deleted: restore that, or take this row out.")}, nil
			}
			if _, byID := where["id"]; byID {
				return &r, nil, nil
			}
			// Another row may have named it by another key.
			return &r, n.once(fmt.Sprint(dbx.HashExp{"id": r.Id}), line, field), nil
		}
		if !errors.Is(err, stdsql.ErrNoRows) {
			return nil, nil, err
		}
	}
	r := core.NewRecord(n.collection)
	if id := strings.TrimSpace(row["id"]); id != "" {
		r.Id = id
	}
	if digest, ok := where["sourceId"].(string); ok {
		r.Set("sourceId", digest)
	}
	return r, nil, nil
}

// once notes the line on which a record is named. A second one is bad.
func (n *run) once(name string, line int, field string) kernel.Invalid {
	if first, twice := n.seen[name]; twice {
		return kernel.Invalid{kernel.Bad(field, "twice", fmt.Sprintf("Means the same record as line %d.", first))}
	}
	n.seen[name] = line
	return nil
}

// key returns what a row knows its record by and the column to blame, nil when nothing.
func (n *run) key(row map[string]string) (where dbx.HashExp, field string) {
	for _, columns := range slices.Concat([][]string{{"id"}}, n.table.Keys) {
		where = dbx.HashExp{}
		for _, c := range columns {
			if text := strings.TrimSpace(row[c]); text != "" {
				where[c] = text
			}
		}
		if len(where) == len(columns) {
			return where, columns[0]
		}
	}
	if digest := n.digest(row); digest != "" {
		return dbx.HashExp{"sourceId": digest}, n.table.Natural[0]
	}
	return nil, ""
}

// digest stands for what a row says of its record's natural columns, "" for nothing. Case
// and spaces make no difference.
func (n *run) digest(row map[string]string) string {
	var parts []string
	for _, c := range n.table.Natural {
		parts = append(parts, strings.ToLower(strings.Join(strings.Fields(row[c]), " ")))
	}
	if strings.Join(parts, "") == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(n.table.Name + "\x00" + strings.Join(parts, "\x00")))
	return "csv:" + hex.EncodeToString(sum[:16])
}

// fill puts the row into the record. A column that the file does not have stays as it is,
// an empty cell empties the field, except where it would take away what the record is
// known by.
func (n *run) fill(r *core.Record, row map[string]string) (bad kernel.Invalid) {
	for _, name := range slices.Concat(n.table.Columns, n.table.ImportOnly) {
		text, ok := row[name]
		f := n.collection.Fields.GetByName(name)
		if !ok || f == nil || (strings.TrimSpace(text) == "" && n.isKey(name)) {
			continue
		}
		if err := setCell(r, f, text); err != nil {
			bad = append(bad, err)
		}
	}
	if n.table.Prepare != nil {
		n.table.Prepare(r, row)
	}
	return bad
}

func (n *run) isKey(column string) bool {
	return slices.ContainsFunc(n.table.Keys, func(k []string) bool { return slices.Contains(k, column) })
}

// same reports whether two records have the same values, the times of writing aside.
func same(a, b *core.Record) bool {
	for _, f := range a.Collection().Fields {
		name := f.GetName()
		if f.Type() != core.FieldTypeAutodate && !reflect.DeepEqual(a.GetRaw(name), b.GetRaw(name)) {
			return false
		}
	}
	return true
}
