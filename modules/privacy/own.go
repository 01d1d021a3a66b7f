package privacy

import (
	"maps"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

// ownPrefix begins the names of the fields that a clinic added itself.
const ownPrefix = "x_"

// withOwn adds the clinic's own fields to a part. What they say of somebody is not known: on
// the register and on accounts they are emptied, elsewhere they are taken as free text.
// Numbers, choices and ties to other records elsewhere say nothing of who it was.
func withOwn(app core.App, p privacyapi.Part) (privacyapi.Part, error) {
	if p.Remove {
		return p, nil
	}
	c, err := app.FindCachedCollectionByNameOrId(p.Collection)
	if err != nil {
		return p, err
	}
	p.Erase, p.Text = maps.Clone(p.Erase), slices.Clone(p.Text)
	p.Files, p.Photos = slices.Clone(p.Files), slices.Clone(p.Photos)
	if p.Erase == nil {
		p.Erase = map[string]string{}
	}
	person := p.Collection == "patients" || p.Collection == kernel.AccountsCollection
	for _, f := range c.Fields {
		if !strings.HasPrefix(f.GetName(), ownPrefix) {
			continue
		}
		switch f.Type() {
		case core.FieldTypeFile:
			if person {
				p.Photos = append(p.Photos, f.GetName())
				continue
			}
			p.Files = append(p.Files, f.GetName())
		case core.FieldTypeText, core.FieldTypeEditor, core.FieldTypeEmail, core.FieldTypeURL, core.FieldTypeJSON:
			if !person {
				p.Text = append(p.Text, f.GetName())
				continue
			}
			fallthrough
		default:
			if person {
				p.Erase[f.GetName()] = emptied(f)
			}
		}
	}
	return p, nil
}

// emptied is the SQL of a field's value when nothing was entered.
func emptied(f core.Field) string {
	switch f.Type() {
	case core.FieldTypeNumber:
		return "0"
	case core.FieldTypeBool:
		return "FALSE"
	case core.FieldTypeJSON:
		return "NULL"
	case core.FieldTypeGeoPoint:
		return `'{"lon":0,"lat":0}'`
	}
	if m, ok := f.(core.MultiValuer); ok && m.IsMultiple() {
		return "'[]'"
	}
	return "''"
}
