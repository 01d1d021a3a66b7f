package hooks

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/dbutils"
	"github.com/pocketbase/pocketbase/tools/security"
)

// ownPrefix begins the names of the fields that a clinic added itself.
const ownPrefix = "x_"

func isOwn(field string) bool { return strings.HasPrefix(field, ownPrefix) }

// schemaKept returns what a change alters of a module's collection that is code: all but
// the clinic's own fields, their indexes, and how accounts sign in and are written to.
func schemaKept(old, now *core.Collection) error {
	if old.Name != now.Name {
		return errSchema.Saying("The collection " + old.Name + " belongs to a module: it keeps its name.").At("name")
	}
	for _, r := range [][2]*string{
		{old.ListRule, now.ListRule}, {old.ViewRule, now.ViewRule}, {old.CreateRule, now.CreateRule},
		{old.UpdateRule, now.UpdateRule}, {old.DeleteRule, now.DeleteRule},
		{old.AuthRule, now.AuthRule}, {old.ManageRule, now.ManageRule}, // nil but of accounts
	} {
		if (r[0] == nil) != (r[1] == nil) || (r[0] != nil && *r[0] != *r[1]) {
			return errSchema.Saying("The access rules of " + old.Name + " are code: see docs/generated/access.md.")
		}
	}
	if err := fieldsKept(old, now); err != nil {
		return err
	}
	return indexesKept(old, now)
}

func fieldsKept(old, now *core.Collection) error {
	for _, f := range now.Fields {
		name, before := f.GetName(), old.Fields.GetById(f.GetId())
		switch {
		case before != nil && !isOwn(before.GetName()):
			if err := fieldKept(before, f); err != nil {
				return err
			}
		case !isOwn(name):
			return errSchema.Saying("Fields that you add to " + old.Name + " must start with x_.").At(name)
		default:
			if file, ok := f.(*core.FileField); ok && !file.Protected {
				return errSchema.Saying("The files of " + old.Name + " must be Protected: others ignore access rules.").At(name)
			}
			if rel, ok := f.(*core.RelationField); ok && rel.CascadeDelete {
				return errSchema.Saying("A record of " + old.Name + " does not go with another one: leave Cascade delete off.").At(name)
			}
		}
	}
	for _, f := range old.Fields {
		if now.Fields.GetById(f.GetId()) == nil && !isOwn(f.GetName()) {
			return errSchema.Saying("The field " + f.GetName() + " belongs to a module.").At(f.GetName())
		}
	}
	return nil
}

func fieldKept(before, now core.Field) error {
	name := before.GetName()
	if name != now.GetName() {
		return errSchema.Saying("The field " + name + " belongs to a module: it keeps its name.").At(name)
	}
	if before.Type() != now.Type() || !reflect.DeepEqual(options(before), options(now)) {
		return errSchema.Saying("The field " + name + " belongs to a module: what it takes, and who is shown it, is code.").At(name)
	}
	return nil
}

// options returns what is set of a field. The dashboard sends an empty list where there was
// none.
func options(f core.Field) map[string]any {
	set := map[string]any{}
	raw, err := json.Marshal(f)
	if err != nil || json.Unmarshal(raw, &set) != nil {
		return nil // it is JSON that the field was read from
	}
	for name, v := range set {
		if list, is := v.([]any); v == nil || (is && len(list) == 0) {
			delete(set, name)
		}
	}
	return set
}

// indexesKept holds a collection to the indexes of its module: a unique one is a rule, and
// without that of a relation a delete would scan the table.
func indexesKept(old, now *core.Collection) error {
	was, is := modulesIndexes(old), modulesIndexes(now)
	if !slices.Equal(was, is) {
		return errSchema.Saying("The indexes of " + old.Name + " are code: add and remove those of x_ fields only.").At("indexes")
	}
	return nil
}

// modulesIndexes returns, in order, the indexes that are not of the clinic's own fields alone.
func modulesIndexes(c *core.Collection) (list []string) {
	for _, sql := range c.Indexes {
		index := dbutils.ParseIndex(sql)
		if !index.IsValid() || slices.ContainsFunc(index.Columns, func(c dbutils.IndexColumn) bool { return !isOwn(c.Name) }) {
			list = append(list, cmp.Or(index.Build(), sql)) // however it was written
		}
	}
	slices.Sort(list)
	return list
}

// keepSecrets puts new secrets of the server's own in place of those that a client sent: the
// dashboard's button that ends all tokens goes on working, and nobody knows what they are
// signed with.
func keepSecrets(old, now *core.Collection) {
	for _, t := range [][2]*core.TokenConfig{
		{&old.AuthToken, &now.AuthToken}, {&old.PasswordResetToken, &now.PasswordResetToken}, {&old.EmailChangeToken, &now.EmailChangeToken},
		{&old.VerificationToken, &now.VerificationToken}, {&old.FileToken, &now.FileToken},
	} {
		if t[0].Secret != t[1].Secret {
			t[1].Secret = security.RandomString(50)
		}
	}
}
