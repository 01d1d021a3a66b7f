package staffapi

import (
	"encoding/json"
	"fmt"

	"github.com/pocketbase/dbx"
)

// DoctorNames returns the names of the doctors with these ids, deleted ones included; an
// id that is nobody's is not in it.
func DoctorNames(db dbx.Builder, ids []string) (map[string]string, error) {
	names := make(map[string]string, len(ids))
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, fmt.Errorf("names of doctors: %w", err)
	}
	rows, err := db.NewQuery("SELECT id, name FROM doctors WHERE id IN (SELECT value FROM json_each({:ids}))").Bind(dbx.Params{"ids": string(list)}).Rows()
	if err != nil {
		return nil, fmt.Errorf("names of doctors: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, name string
		if err := rows.Scan(&id, &name); err != nil {
			return nil, fmt.Errorf("names of doctors: %w", err)
		}
		names[id] = name
	}
	return names, rows.Err()
}
