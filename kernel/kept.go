package kernel

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// keptKey marks a record whose row an InsteadOfDelete left in place. It is not a field.
const keptKey = "@kept"

// kept stands for such a record once its delete has succeeded. It has no files to remove.
type kept struct{ core.Model }

// bindKept leaves the files of a softly deleted record where they are: PocketBase removes
// the folder of every record whose delete succeeded.
func (k *Kernel) bindKept() {
	k.App.OnModelAfterDeleteSuccess().Bind(&hook.Handler[*core.ModelEvent]{Id: "kernel.kept", Priority: -1000, Func: func(e *core.ModelEvent) error {
		r, ok := e.Model.(*core.Record)
		if !ok || r.GetRaw(keptKey) != true {
			return e.Next()
		}
		e.Model = kept{r}
		defer func() { e.Model = r }()
		return e.Next()
	}})
}
