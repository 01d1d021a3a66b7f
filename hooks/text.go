package hooks

import (
	"encoding/json"
	"reflect"
	"slices"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// bindText refuses texts that show something else than they are: control characters, signs
// that turn the direction of writing around, and signs that nobody sees. A name with them
// looks like another's on every screen and in every log.
func bindText(k *kernel.Kernel) {
	check := func(e *core.RecordEvent) error {
		if _, owned := k.AccessOf(e.Record.Collection().Name); !owned {
			return e.Next()
		}
		for _, f := range e.Record.Collection().Fields {
			name := f.GetName()
			if !holdsText(f) || (!e.Record.IsNew() && reflect.DeepEqual(e.Record.GetRaw(name), e.Record.Original().GetRaw(name))) {
				continue
			}
			if !plain(f, e.Record) {
				kernel.Refuse(e.Record, kernel.ErrCharacters.At(name))
			}
		}
		return e.Next()
	}
	k.App.OnRecordCreate().Bind(&hook.Handler[*core.RecordEvent]{Id: "platform.text.create", Priority: first + 1, Func: check})
	k.App.OnRecordUpdate().Bind(&hook.Handler[*core.RecordEvent]{Id: "platform.text.update", Priority: first + 1, Func: check})
}

func holdsText(f core.Field) bool {
	return slices.Contains([]string{core.FieldTypeText, core.FieldTypeEditor, core.FieldTypeEmail, core.FieldTypeURL, core.FieldTypeJSON}, f.Type())
}

func plain(f core.Field, r *core.Record) bool {
	text := r.GetString(f.GetName())
	if f.Type() != core.FieldTypeJSON {
		return !kernel.HasHidden(text)
	}
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return true // PocketBase says that it is no JSON
	}
	return !kernel.HasHiddenIn(v)
}
