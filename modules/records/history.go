package records

import (
	"encoding/json"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// Person is who wrote a version.
type Person struct {
	ID   string `db:"id" json:"id"`
	Name string `db:"name" json:"name"`
	Role string `db:"role" json:"role"`
}

var historyRoute = kernel.Op(kernel.Route{
	Method: "GET", Path: "/api/medical-records/{id}/history",
	Record: "medical_records", Deleted: true,
	Allow:   kernel.Allow(authapi.Admin.Always(), authapi.Doctor.When(registered), authapi.Nurse.When(registered), authapi.Patient.When(ownValid)),
	Summary: "List the versions of a medical record, the present one first, those entered in error included",
}, history)

// history is the record as it was, present version first: version counts from 1, updated
// says when each was written, changedBy by whom.
func history(c *kernel.Call, in kernel.Page) (kernel.Paged[*core.Record], error) {
	present := c.Record
	// Versions are numbered without gaps from 1, so their number is the present one's.
	h := kernel.NewPaged[*core.Record](in, present.GetInt("version"))
	newest := h.TotalItems - int(h.Offset())
	if newest == h.TotalItems {
		h.Items = append(h.Items, present)
	}
	earlier, err := Versions(c.App, present, min(newest, h.TotalItems-1), newest-h.PerPage)
	if err != nil {
		return h, err
	}
	h.Items = append(h.Items, earlier...)
	if err := apis.EnrichRecords(c.RequestEvent, h.Items); err != nil {
		return h, err
	}
	return h, nameChangers(c.App, h.Items)
}

// Versions returns the earlier versions of a record numbered newest down to, but without,
// after. Each is the record as it was.
func Versions(app core.App, r *core.Record, newest, after int) ([]*core.Record, error) {
	var rows []struct {
		Content string `db:"content"`
	}
	err := app.DB().Select("content").From("medical_record_versions").
		Where(dbx.HashExp{"recordId": r.Id}).AndWhere(dbx.NewExp("version <= {:newest} AND version > {:after}", dbx.Params{"newest": newest, "after": after})).
		OrderBy("version DESC").All(&rows)
	if err != nil {
		return nil, err
	}
	out := make([]*core.Record, 0, len(rows))
	for _, row := range rows {
		old, err := fromContent(r.Collection(), row.Content)
		if err != nil {
			return nil, fmt.Errorf("version of record %s: %w", r.Id, err)
		}
		out = append(out, old)
	}
	return out, nil
}

// fromContent reads the columns that the trigger kept, as PocketBase reads a row. A field
// that came later is empty, one that is gone is left out.
func fromContent(c *core.Collection, content string) (*core.Record, error) {
	var columns map[string]any
	if err := json.Unmarshal([]byte(content), &columns); err != nil {
		return nil, err
	}
	r := core.NewRecord(c)
	r.Id, _ = columns["id"].(string)
	for _, f := range c.Fields {
		v, err := f.PrepareValue(r, columns[f.GetName()])
		if err != nil {
			return nil, err
		}
		r.SetRaw(f.GetName(), v)
	}
	return r, nil
}

// nameChangers adds changedBy, the person behind changedById; null for an import.
func nameChangers(app core.App, records []*core.Record) error {
	ids := make([]any, 0, len(records))
	for _, r := range records {
		ids = append(ids, r.GetString("changedById"))
	}
	var people []Person
	if err := app.DB().Select("id", "name", "role").From(kernel.AccountsCollection).Where(dbx.In("id", ids...)).All(&people); err != nil {
		return err
	}
	byID := map[string]Person{}
	for _, p := range people {
		byID[p.ID] = p
	}
	for _, r := range records {
		r.WithCustomData(true)
		r.SetRaw("changedBy", nil)
		if p, ok := byID[r.GetString("changedById")]; ok {
			r.SetRaw("changedBy", p)
		}
	}
	return nil
}
