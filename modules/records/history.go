package records

import (
	"strings"

	"github.com/pocketbase/dbx"
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

// historyList is a record as it was, present version first: version counts from 1, updated
// says when each was written, changedBy by whom. Those entered in error have theirs too.
var historyList = kernel.Resource{
	Path: "/api/medical-records/{id}/history", Collection: "medical_records", Noun: "version of a medical record", Verbs: []kernel.Verb{kernel.List},
	ListBy: core.FieldNameId, Deleted: true, Sort: "-version", Search: []string{"diagnosis", "treatment", "notes"},
	Allow:  kernel.Allow(authapi.Admin.Always(), authapi.Doctor.When(inCare), authapi.Nurse.When(registered), authapi.Patient.When(ownValid)),
	Rows:   versionsOf,
	Finish: nameChangers,
}

// versionsOf lists what a record was in the place of what the records are. A field that
// came later is empty in earlier versions, one that is gone is left out.
func versionsOf(q *dbx.SelectQuery, l kernel.Listing) {
	now, then := []string{"version AS _rowid_"}, []string{"version AS _rowid_"} // PocketBase counts row ids
	for _, name := range l.Collection.Fields.FieldNames() {
		column := "[[" + name + "]]"
		now = append(now, column)
		then = append(then, "json_extract(content, '$."+name+"') AS "+column)
	}
	q.From("(SELECT " + strings.Join(now, ", ") + " FROM medical_records WHERE id = {:record} UNION ALL SELECT " +
		strings.Join(then, ", ") + " FROM medical_record_versions WHERE recordId = {:record}) medical_records").
		AndBind(dbx.Params{"record": l.Parent})
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
