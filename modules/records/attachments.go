package records

import (
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// initAttachmentNames adds what attachments were called by whoever sent them. They are stored
// under names that say nothing: those are in addresses.
func initAttachmentNames(tx core.App) error {
	c, err := tx.FindCollectionByNameOrId("medical_records")
	if err != nil {
		return err
	}
	c.Fields.Add(&core.JSONField{Name: attachmentNames, MaxSize: 20_000})
	return tx.Save(c)
}

// attachmentNames holds, by the name of each attachment, the one that it was sent with.
const attachmentNames = "attachmentNames"

const maxFileName = 255

// nameAttachments keeps what new attachments are called.
func nameAttachments(r *core.Record) error {
	added := r.GetUnsavedFiles("attachments")
	if len(added) == 0 {
		r.SetRaw(attachmentNames, r.Original().GetRaw(attachmentNames)) // whoever sends it
		return nil
	}
	names := map[string]string{}
	if before := r.Original().GetString(attachmentNames); before != "" && before != "null" {
		if err := r.Original().UnmarshalJSONField(attachmentNames, &names); err != nil {
			return err
		}
	}
	for _, f := range added {
		name := []rune(strings.TrimSpace(kernel.Legible(f.OriginalName)))
		names[f.Name] = string(name[:min(len(name), maxFileName)])
	}
	r.Set(attachmentNames, names)
	return nil
}
