// Package audit owns the trail of who saw, changed, was refused and set up what. Entries
// lie in a chain of hashes outside of the data (package chain); the values before and after
// each change lie with the data, where they are erased with a patient.
package audit

import (
	"net/http"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/auditapi"
	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
	"github.com/polyclinic-os/polyclinic/modules/backup/backupapi"
)

// Module declares the audit trail. build is the version that entries name.
func Module(build string) kernel.Module {
	return kernel.Module{
		Name: "audit", Doc: "Who saw, changed, was refused and set up what, in a trail that cannot be quietly altered.",
		Requires:   []string{"auth", "clinic", "patients"},
		Migrations: migrations,
		Routes:     []kernel.Route{accessLogRoute, searchRoute},
		Errors:     []*kernel.Error{errKept},
		Settings:   []kernel.Setting{settingDir, settingAnchors, settingGaps},
		Jobs: []kernel.Job{{
			Name: "segment", Spec: "10 1 1 * *", Doc: "Begins a new segment of the audit trail each month.", Run: func(app core.App) error { return of(app).rotate() },
		}},
		Commands: []func(*kernel.Kernel) *cobra.Command{auditCommand},
		Provides: []any{recorder{}, check, remains, backupapi.Part{Name: dirName, Copy: copyTrail, Databases: trailFiles, Verify: wholeTrail}},
		Bind: func(k *kernel.Kernel) error {
			t := &trail{k: k, build: build, routes: map[string]bool{}, records: map[string]string{}, due: make(chan struct{}, 1), anchored: anchoring{due: make(chan struct{}, 1)}}
			k.App.Store().Set(storeKey, t)
			t.bindRequests(k)
			t.bindSignIns(k)
			t.bindWrites(k)
			t.bindRealtime(k)
			t.bindServe(k)
			return nil
		},
	}
}

const storeKey = "polyclinic.audit"

// of returns the trail of the app, or of the app that tx belongs to.
func of(app core.App) *trail { return app.Store().Get(storeKey).(*trail) }

// recorder is auditapi.Recorder for whichever app it is asked about.
type recorder struct{}

func (recorder) Record(tx core.App, e auditapi.Entry) error { return of(tx).record(tx, e) }
func (recorder) Forget(tx core.App, patientID, accountID string) error {
	return of(tx).forget(tx, patientID, accountID)
}

func (recorder) Earlier(tx core.App, patientID, accountID string, fields ...string) ([]string, error) {
	return of(tx).earlier(tx, patientID, accountID, fields)
}

// errKept is the database's word on a change of what is kept of a write.
var errKept = kernel.Fail(http.StatusConflict, "audit_kept", "The audit trail is never changed.")

func (t *trail) rotate() error {
	c := t.chain.Load()
	if c == nil {
		return chain.ErrClosed
	}
	_, err := c.Rotate()
	return err
}
