package staffapi

import (
	"fmt"

	"github.com/pocketbase/dbx"
)

// DoctorNames returns the names of the doctors with these ids, deleted ones included; an
// id that is nobody's is not in it.
func DoctorNames(db dbx.Builder, ids []string) (map[string]string, error) {
	names := make(map[string]string, len(ids))
	if len(ids) == 0 {
		return names, nil
	}
	list := make([]any, len(ids))
	for i, id := range ids {
		list[i] = id
	}
	var rows []struct {
		ID   string `db:"id"`
		Name string `db:"name"`
	}
	if err := db.Select("id", "name").From("doctors").Where(dbx.In("id", list...)).All(&rows); err != nil {
		return nil, fmt.Errorf("names of doctors: %w", err)
	}
	for _, r := range rows {
		names[r.ID] = r.Name
	}
	return names, nil
}
