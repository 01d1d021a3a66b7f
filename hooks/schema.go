package hooks

import (
	"net/http"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
)

var errSchema = kernel.Fail(http.StatusForbidden, "schema_is_code", "This collection belongs to a module.")

var errView = kernel.Fail(http.StatusForbidden, "view_is_sql", "A view reads every table past its rules, hidden fields too: views are made by migrations, see pb_migrations/README.md.")

// bindSchema keeps the dashboard from changing what modules declare. A site may add
// fields that start with x_ and collections of its own, but no view: its SQL is a console.
func bindSchema(k *kernel.Kernel) {
	k.App.OnCollectionCreateRequest().Bind(&hook.Handler[*core.CollectionRequestEvent]{Id: "platform.schema.create", Func: func(e *core.CollectionRequestEvent) error {
		if e.Collection.IsView() {
			return k.APIError(errView)
		}
		return e.Next()
	}})
	k.App.OnCollectionUpdateRequest().Bind(&hook.Handler[*core.CollectionRequestEvent]{Id: "platform.schema.update", Func: func(e *core.CollectionRequestEvent) error {
		old, err := e.App.FindCollectionByNameOrId(e.Collection.Id)
		if err != nil {
			return err
		}
		if old.IsView() || e.Collection.IsView() {
			return k.APIError(errView)
		}
		if _, owned := k.AccessOf(old.Name); owned {
			if err := schemaKept(old, e.Collection); err != nil {
				return k.APIError(err)
			}
		}
		keepSecrets(old, e.Collection)
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
			if err := mayImport(k, e.App, c); err != nil {
				return k.APIError(err)
			}
		}
		return e.Next()
	}})
}

// mayImport refuses a collection of an import that is a module's, or a view.
func mayImport(k *kernel.Kernel, app core.App, c map[string]any) error {
	if c["type"] == core.CollectionTypeView {
		return errView
	}
	name, _ := c["name"].(string)
	names := []string{name}
	for _, key := range []string{"id", "name"} { // it is the id that tells which collection is meant
		ref, _ := c[key].(string)
		old, err := app.FindCollectionByNameOrId(ref)
		if err != nil {
			continue
		}
		if old.IsView() {
			return errView
		}
		names = append(names, old.Name)
	}
	for _, name := range names {
		if ownsIgnoringCase(k, name) {
			return errSchema.Saying("The collection " + name + " belongs to a module: leave it out of the import.")
		}
	}
	return nil
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
