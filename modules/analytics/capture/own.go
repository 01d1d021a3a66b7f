package capture

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"
)

// maxOwn is how many x_ fields of a table leave: SQLite's functions take no more arguments.
const maxOwn = 60

// ownFields returns the fields that the clinic added, in order.
func ownFields(have map[string]bool) (own []string) {
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if strings.HasPrefix(name, "x_") && len(own) < maxOwn {
			own = append(own, name)
		}
	}
	return own
}

// asObject is the SQL of a JSON object of fields. JSON holds no BLOBs.
func asObject(fields []string) string {
	var parts []string
	for _, f := range fields {
		q := quote(f)
		parts = append(parts, "'"+strings.ReplaceAll(f, "'", "''")+"', CASE WHEN typeof("+q+") = 'blob' THEN NULL"+
			" WHEN json_valid("+q+") AND substr("+q+", 1, 1) IN ('{', '[') THEN json("+q+") ELSE "+q+" END")
	}
	return "json_object(" + strings.Join(parts, ", ") + ")"
}

// fieldIDs returns the ids of a collection's fields, by name. A field that is removed and made
// anew in one save, as another type is given in the dashboard, has another id, and no row its
// value any more.
func fieldIDs(ctx context.Context, tx *sql.Tx, collection string) (map[string]string, error) {
	rows, err := tx.QueryContext(ctx, "SELECT f.value ->> 'name', f.value ->> 'id' FROM _collections c, json_each(c.fields) f WHERE c.id = ?", collection)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	ids := map[string]string{}
	for rows.Next() {
		var name, id string
		if err := rows.Scan(&name, &id); err != nil {
			return nil, err
		}
		ids[name] = id
	}
	return ids, rows.Err()
}
