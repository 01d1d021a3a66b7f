package audit

import (
	"slices"
	"strings"
	"sync"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// withoutPatients are the collections that hold nothing of patients: reading them leaves no
// entry. Whatever is not named here does, also what a later module or the clinic itself
// adds.
var withoutPatients = []string{
	"clinic", "doctors", "nurses", "staff", "notices", "inventory", "inventory_movements",
	core.CollectionNameSuperusers, "superuser_sessions",
}

// unwatched are the collections whose writes leave no entry: how the machine keeps itself
// going. Sign-ins and what people do with sessions have entries of their own.
var unwatched = []string{
	"outbox", "idempotency_keys", "sessions", "superuser_sessions",
	core.CollectionNameMFAs, core.CollectionNameOTPs, core.CollectionNameAuthOrigins,
}

// about knows how a collection's records lead to patients.
type about struct {
	mu    sync.Mutex
	paths map[string]path // by collection id and version
}

// path is the way from a record to its patients.
type path struct {
	self   bool     // it is a patient
	field  string   // the field that holds the patient's id
	hop    string   // the field that holds the id of a record that has one
	table  string   // of those records
	column string   // in it
	people []string // fields that hold accounts, which may be patients'
}

const patientsCollection = "patients"

func (a *about) path(app core.App, c *core.Collection) path {
	key := c.Id + c.Updated.String()
	a.mu.Lock()
	defer a.mu.Unlock()
	if p, known := a.paths[key]; known {
		return p
	}
	p := findPath(app, c)
	if a.paths == nil {
		a.paths = map[string]path{}
	}
	a.paths[key] = p
	return p
}

func findPath(app core.App, c *core.Collection) (p path) {
	switch c.Name {
	case patientsCollection:
		return path{self: true}
	case kernel.AccountsCollection:
		return path{people: []string{"id"}}
	}
	if p.field = relationTo(app, c, patientsCollection); p.field != "" {
		return p
	}
	for _, f := range c.Fields {
		rel, ok := f.(*core.RelationField)
		if !ok {
			continue
		}
		target, err := app.FindCachedCollectionByNameOrId(rel.CollectionId)
		switch {
		case err != nil || slices.Contains(withoutPatients, target.Name):
		case target.Name == kernel.AccountsCollection:
			p.people = append(p.people, rel.Name)
		case target.Name != patientsCollection && p.hop == "":
			if column := relationTo(app, target, patientsCollection); column != "" {
				p.hop, p.table, p.column = rel.Name, target.Name, column
			}
		}
	}
	if p.hop != "" {
		p.people = nil
	}
	return p
}

// relationTo returns the name of the field of c that points at the collection.
func relationTo(app core.App, c *core.Collection, name string) string {
	for _, f := range c.Fields {
		if rel, ok := f.(*core.RelationField); ok {
			if target, err := app.FindCachedCollectionByNameOrId(rel.CollectionId); err == nil && target.Name == name {
				return rel.Name
			}
		}
	}
	return ""
}

// item is the record as an entry names it. What it takes a query to find stays open.
func (a *about) item(app core.App, r *core.Record) item {
	i := item{collection: r.Collection().Name, id: r.Id}
	switch p := a.path(app, r.Collection()); {
	case p.self:
		i.patient = r.Id
	case p.field != "":
		i.patient = r.GetString(p.field)
	case p.hop != "":
		i.via = p.table + "\x00" + p.column + "\x00" + r.GetString(p.hop)
	case len(p.people) > 0:
		var ids []string
		for _, f := range p.people {
			if id := r.GetString(f); id != "" {
				ids = append(ids, id)
			}
		}
		i.via = patientsCollection + "\x00id\x00" + strings.Join(ids, "\x00")
	}
	return i
}

// itemNamed is a record of which no more than "collection/id" is at hand.
func itemNamed(named string) item {
	collection, id, _ := strings.Cut(named, "/")
	i := item{collection: collection, id: id}
	switch collection {
	case patientsCollection:
		i.patient = id
	case kernel.AccountsCollection:
		i.via = patientsCollection + "\x00id\x00" + id
	}
	return i
}

// patients returns the ids of the patients that the records are about, each once.
func (a *about) patients(app core.App, items []item) ([]string, error) {
	var found []string
	open := map[string][]any{} // ids by table and column
	for _, i := range items {
		if i.patient != "" {
			found = append(found, i.patient)
		}
		if parts := strings.Split(i.via, "\x00"); len(parts) > 2 && parts[2] != "" {
			key := parts[0] + "\x00" + parts[1]
			for _, id := range parts[2:] {
				open[key] = append(open[key], id)
			}
		}
	}
	for key, ids := range open {
		table, column, _ := strings.Cut(key, "\x00")
		by := "id"
		if table == patientsCollection {
			by = "userId"
		}
		var more []string
		if err := app.DB().Select(column).From(table).Where(dbx.In(by, ids...)).Column(&more); err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	slices.Sort(found)
	return slices.Compact(slices.DeleteFunc(found, func(id string) bool { return id == "" })), nil
}

// patientsOf returns the patients of records that are named as "collection/id".
func (t *trail) patientsOf(app core.App, named []string) ([]string, error) {
	by := map[string][]string{}
	for _, n := range named {
		if collection, id, ok := strings.Cut(n, "/"); ok && !slices.Contains(withoutPatients, collection) {
			by[collection] = append(by[collection], id)
		}
	}
	var items []item
	for collection, ids := range by {
		records, err := app.FindRecordsByIds(collection, ids)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			items = append(items, t.about.item(app, r))
		}
	}
	return t.about.patients(app, items)
}
