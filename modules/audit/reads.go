package audit

import (
	"slices"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// bindEnrich notes every record that an answer shows: lists, views, expands, answers to
// writes, routes of modules.
func (t *trail) bindEnrich(k *kernel.Kernel) {
	k.App.OnRecordEnrich().Bind(&hook.Handler[*core.RecordEnrichEvent]{Id: "audit: what is shown is recorded", Func: func(e *core.RecordEnrichEvent) error {
		if e.RequestInfo == nil || e.RequestInfo.Context == core.RequestInfoContextRealtime || slices.Contains(withoutPatients, e.Record.Collection().Name) {
			return e.Next()
		}
		if found, ok := t.byHeader.Load(e.RequestInfo.Headers[headerKey]); ok {
			found.(*asked).saw(t.about.item(k.App, e.Record))
		}
		return e.Next()
	}})
	k.App.OnFileDownloadRequest().Bind(&hook.Handler[*core.FileDownloadRequestEvent]{Id: "audit: files are recorded", Priority: -2, Func: func(e *core.FileDownloadRequestEvent) error {
		a := t.askedBy(e.RequestEvent)
		if a == nil {
			return e.Next()
		}
		a.does("read-file")
		a.saw(t.about.item(k.App, e.Record))
		return e.Next()
	}})
}

func (a *asked) saw(i item) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.items = append(a.items, i)
}

func (a *asked) does(action string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.action = action
}

// be says who asks where PocketBase's e.Auth does not.
func (a *asked) be(account *core.Record) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.actor, a.role = named(account)
}

// askedBy finds what is collected of a request, nil for the dashboard's own files.
func (t *trail) askedBy(e *core.RequestEvent) *asked {
	found, ok := t.byHeader.Load(e.Request.Header.Get(header))
	if !ok {
		return nil
	}
	return found.(*asked)
}
