package hooks

import (
	"net/http"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
)

var errSchema = kernel.Fail(http.StatusForbidden, "schema_is_code", "This collection belongs to a module.")

// bindSchema keeps the dashboard from changing what modules declare. A site may add
// fields that start with x_ and collections of its own.
func bindSchema(k *kernel.Kernel) {
	k.App.OnCollectionUpdateRequest().Bind(&hook.Handler[*core.CollectionRequestEvent]{Id: "platform.schema.update", Func: func(e *core.CollectionRequestEvent) error {
		old, err := e.App.FindCollectionByNameOrId(e.Collection.Id)
		if err != nil {
			return err
		}
		if _, owned := k.AccessOf(old.Name); owned {
			if err := schemaKept(old, e.Collection); err != nil {
				return k.APIError(err)
			}
		}
		return e.Next()
	}})
	refuse := func(e *core.CollectionRequestEvent) error {
		if _, owned := k.AccessOf(e.Collection.Name); owned {
			return k.APIError(errSchema.Saying("The collection " + e.Collection.Name + " belongs to a module: it cannot be dropped."))
		}
		return e.Next()
	}
	k.App.OnCollectionDeleteRequest().Bind(&hook.Handler[*core.CollectionRequestEvent]{Id: "platform.schema.delete", Func: refuse})
	k.App.OnCollectionsImportRequest().Bind(&hook.Handler[*core.CollectionsImportRequestEvent]{Id: "platform.schema.import", Func: func(e *core.CollectionsImportRequestEvent) error {
		if e.DeleteMissing {
			return k.APIError(errSchema.Saying("An import may not drop collections."))
		}
		for _, c := range e.CollectionsData {
			name, _ := c["name"].(string)
			if id, ok := c["id"].(string); ok { // it is the id that tells which collection is meant
				if old, err := e.App.FindCollectionByNameOrId(id); err == nil {
					name = old.Name
				}
			}
			if ownsIgnoringCase(k, name) {
				return k.APIError(errSchema.Saying("The collection " + name + " belongs to a module: leave it out of the import."))
			}
		}
		return e.Next()
	}})
}

// ownsIgnoringCase reports whether a module owns the collection: its name in other letters
// is the same to the database.
func ownsIgnoringCase(k *kernel.Kernel, name string) bool {
	for _, m := range k.Modules {
		for _, a := range m.Access {
			if strings.EqualFold(a.Collection, name) {
				return true
			}
		}
	}
	return false
}

func schemaKept(old, now *core.Collection) error {
	if old.Name != now.Name {
		return errSchema.Saying("The collection " + old.Name + " belongs to a module: it keeps its name.").At("name")
	}
	for _, r := range [][2]*string{
		{old.ListRule, now.ListRule}, {old.ViewRule, now.ViewRule}, {old.CreateRule, now.CreateRule},
		{old.UpdateRule, now.UpdateRule}, {old.DeleteRule, now.DeleteRule},
	} {
		if (r[0] == nil) != (r[1] == nil) || (r[0] != nil && *r[0] != *r[1]) {
			return errSchema.Saying("The access rules of " + old.Name + " are code: see docs/generated/access.md.")
		}
	}
	for _, f := range now.Fields {
		before := old.Fields.GetById(f.GetId())
		if before == nil && !strings.HasPrefix(f.GetName(), "x_") {
			return errSchema.Saying("Fields that you add to " + old.Name + " must start with x_.").At(f.GetName())
		}
		if before != nil && before.GetName() != f.GetName() && !strings.HasPrefix(before.GetName(), "x_") {
			return errSchema.Saying("The field " + before.GetName() + " belongs to a module: it keeps its name.").At(before.GetName())
		}
	}
	for _, f := range old.Fields {
		if now.Fields.GetById(f.GetId()) == nil && !strings.HasPrefix(f.GetName(), "x_") {
			return errSchema.Saying("The field " + f.GetName() + " belongs to a module.").At(f.GetName())
		}
	}
	return nil
}
