package notices

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/notices/noticesapi"
)

// board puts up what other modules have to say.
type board struct{}

var _ noticesapi.Board = board{}

func (board) Post(tx core.App, n noticesapi.Notice) error {
	c, err := tx.FindCollectionByNameOrId("notices")
	if err != nil {
		return err
	}
	r := core.NewRecord(c)
	r.Load(map[string]any{"title": n.Title, "body": n.Body, "audience": n.Audience})
	return tx.Save(r)
}
