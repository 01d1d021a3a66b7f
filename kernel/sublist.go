package kernel

import (
	"net/http"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// Listing is what a Resource's Rows is told about one request for its list.
type Listing struct {
	Collection *core.Collection
	Caller     string // account id, "" for a guest or a superuser
	Parent     string // id in the path, "" where there is none
}

// Policy says who may use a verb of the resource on its documented path.
func (r Resource) Policy(a Access, v Verb) Policy { return r.table(a).policy(v) }

// table is the collection's policy table as this path has it.
func (r Resource) table(a Access) Access {
	if !r.Allow.Locked() {
		a.List = r.Allow
	}
	if r.Deleted {
		a.SoftDelete = ""
	}
	return a
}

// placeholder stands for the id in the key of a list below a record.
const placeholder = "{}"

// below splits the path of a list under a record, "/api/billing/abc/payments", into the key
// of its Resource, "/api/billing/{}/payments", and the record's id.
func below(path string) (key, id string) {
	dir, last, _ := cutLast(path)
	dir, id, _ = cutLast(dir)
	return dir + "/" + placeholder + "/" + last, id
}

// key is where match finds the resource.
func (r Resource) key() string {
	if strings.Contains(r.Path, "{") {
		key, _ := below(r.Path)
		return key
	}
	return r.Path
}

// rows narrows PocketBase's query to what this list is of, whatever the client's filter says.
func (d *documented) rows(q *dbx.SelectQuery, c *core.Collection, account *core.Record) {
	l := Listing{Collection: c, Parent: d.id}
	if account != nil && !account.IsSuperuser() {
		l.Caller = account.Id
	}
	if d.resource.ListBy != "" {
		q.AndWhere(dbx.HashExp{c.Name + "." + d.resource.ListBy: d.id})
	}
	if d.resource.Rows != nil {
		d.resource.Rows(q, l)
	}
}

// parentVisible answers 404 for a list below a record that the caller cannot see.
func (k *Kernel) parentVisible(e *core.RequestEvent, d *documented) error {
	c, err := e.App.FindCachedCollectionByNameOrId(d.resource.Collection)
	if err != nil {
		return err
	}
	if d.resource.ListBy == core.FieldNameId { // a list of what one record was
		if !k.passes(e, c.Name, d.id, d.resource.table(d.access).Compiled(List)) {
			return ErrNotFound
		}
		return nil
	}
	rel, ok := c.Fields.GetByName(d.resource.ListBy).(*core.RelationField)
	if !ok {
		return ErrNotFound
	}
	parent, err := e.App.FindCachedCollectionByNameOrId(rel.CollectionId)
	if err != nil {
		return err
	}
	if !k.visible(e, parent.Name, d.id) {
		return ErrNotFound
	}
	return nil
}

// ListedBelow returns the record below which a documented path lists others, "" and "" where
// the request is for no such list.
func (k *Kernel) ListedBelow(r *http.Request) (collection, id string) {
	d := documentedOf(r)
	if d == nil || d.verb != List || d.resource.ListBy == "" {
		return "", ""
	}
	if d.resource.ListBy == core.FieldNameId {
		return d.resource.Collection, d.id
	}
	c, err := k.App.FindCachedCollectionByNameOrId(d.resource.Collection)
	if err != nil {
		return "", ""
	}
	rel, ok := c.Fields.GetByName(d.resource.ListBy).(*core.RelationField)
	if !ok {
		return "", ""
	}
	return rel.CollectionId, d.id
}

// bindFinish lets a resource add to the records of its list.
func (k *Kernel) bindFinish() {
	k.App.OnRecordsListRequest().Bind(&hook.Handler[*core.RecordsListRequestEvent]{Id: "kernel.finish", Priority: -900, Func: func(e *core.RecordsListRequestEvent) error {
		if d := documentedOf(e.Request); d != nil && d.resource.Finish != nil {
			if err := d.resource.Finish(e.App, e.Records); err != nil {
				return err
			}
		}
		return e.Next()
	}})
}
