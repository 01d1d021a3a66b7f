package audit

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/auditapi"
	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
)

// trail is the audit trail of one app. Its chain is open while a server runs; commands
// leave their entries in data.db, from where the next server takes them.
type trail struct {
	k     *kernel.Kernel
	build string

	about    about
	writers  writers
	crowd    crowd
	byHeader sync.Map        // *asked by what its header says
	routes   map[string]bool // patterns of modules' routes
	records  map[string]string

	hasTables atomic.Bool
	state     state
	chain     atomic.Pointer[chain.Chain] // nil while no server runs
	index     *index
	due       chan struct{}
	draining  sync.Mutex
	drained   int64 // the last write of this epoch that is in the chain
	anchored  anchoring
	asked     int64       // the head when anchors were last asked for ahead of time
	behind    atomic.Bool // writes wait although the chain was tried
	reserve   reserve
}

const dirName = "audit"

var settingDir = kernel.Setting{Name: "POLYCLINIC_AUDIT_DIR", Doc: "Folder of the audit trail. Without it: audit in the data folder. A disk of its own is better."}

// dir is where the trail of a data folder lies.
func dir(dataDir string) string {
	if d := settingDir.Value(); d != "" {
		return d
	}
	return filepath.Join(dataDir, dirName)
}

// remains is kernel.Remains.
var remains kernel.Remains = func(dataDir string) string {
	if !chain.Has(dir(dataDir)) {
		return ""
	}
	return "the audit trail in " + dir(dataDir)
}

func (t *trail) serving() bool { return t.chain.Load() != nil }

// ready reports whether the migration that makes our tables has run.
func (t *trail) ready(app core.App) bool {
	if t.hasTables.Load() {
		return true
	}
	there := func(app core.App) bool { return app.HasTable("audit_writes") && app.HasTable("audit_state") }
	if there(t.k.App) {
		t.hasTables.Store(true)
		return true
	}
	return app.IsTransactional() && there(app) // a migration under way may yet be undone
}

// bindServe opens the chain ahead of everything a server does, and closes it at the end.
func (t *trail) bindServe(k *kernel.Kernel) {
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "audit: the trail is open", Priority: -500, Func: func(se *core.ServeEvent) error {
		if err := t.open(se.App); err != nil {
			return err
		}
		for _, m := range k.Modules {
			for _, r := range m.Routes {
				t.routes[r.Pattern()], t.records[r.Pattern()] = true, r.Record
			}
		}
		return se.Next()
	}})
}

func (t *trail) open(app core.App) error {
	if !t.ready(app) {
		return errors.New("audit: the migrations have not run")
	}
	if err := t.openChain(app); err != nil {
		return err
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		var anchors sync.WaitGroup
		anchors.Go(func() { t.anchorLoop(stop) })
		t.loop(stop)
		anchors.Wait()
	}()
	var once sync.Once
	t.k.App.OnTerminate().Bind(&hook.Handler[*core.TerminateEvent]{Id: "audit: the trail is closed", Priority: -50, Func: func(e *core.TerminateEvent) error {
		once.Do(func() { close(stop) })
		<-stopped
		if err := t.close(); err != nil {
			app.Logger().Error("audit trail not closed", "error", err)
		}
		return e.Next()
	}})
	return nil
}

func (t *trail) openChain(app core.App) error {
	c, err := chain.Open(dir(app.DataDir()))
	if err != nil {
		return err
	}
	err = t.reconcile(app, c)
	if err == nil {
		t.index, err = openIndex(c)
	}
	if err != nil {
		return errors.Join(err, c.Close())
	}
	t.chain.Store(c)
	if err := t.reserve.hold(c.Dir()); err != nil {
		app.Logger().Warn("no room is kept for the audit trail: on a full disk nothing will be shown either", "error", err)
	}
	// It names the epoch: with which data.db the trail goes on is known also before a write.
	return t.enter(chain.Entry{Actor: "system", Action: "start", Outcome: "ok", Epoch: t.state.Epoch})
}

func (t *trail) close() error {
	c := t.chain.Load()
	if c == nil {
		return nil
	}
	_, drainErr := t.drain()
	err := t.enter(chain.Entry{Actor: "system", Action: "stop", Outcome: "ok"})
	t.anchor(anchorAtEnd)
	t.chain.Store(nil)
	return errors.Join(drainErr, err, c.Close(), t.index.close())
}

// enter appends an entry and returns when it is on the disk.
func (t *trail) enter(e chain.Entry) error {
	c := t.chain.Load()
	if c == nil {
		return chain.ErrClosed
	}
	e.Build = t.build
	b, err := chain.Encode(e)
	if err != nil {
		return err
	}
	return t.append(c, b)
}

// record is auditapi.Recorder's.
func (t *trail) record(tx core.App, in auditapi.Entry) error {
	if !t.ready(tx) {
		return nil
	}
	if !tx.IsTransactional() {
		return tx.RunInTransaction(func(inner core.App) error { return t.record(inner, in) })
	}
	a := t.writers.of(tx, nil, t.serving())
	e := a.who()
	if in.Account != "" && e.Actor != in.Account {
		e.Actor = kernel.AccountsCollection + "/" + in.Account
	}
	e.Action, e.Target = in.Action, in.Target
	if len(in.Patients) == 0 && len(in.Items) > 0 {
		var err error
		if in.Patients, err = t.patientsOf(tx, in.Items); err != nil {
			return err
		}
	}
	e.Patients, e.Items, e.Marks, e.Count = unique(append([]string{}, in.Patients...)), unique(append([]string{}, in.Items...)), unique(append([]string{}, in.Marks...)), in.Count
	return t.put(tx, e, diff{Why: in.Why})
}

// forget is auditapi.Recorder's. Its entry tells values that were erased from those that
// somebody took out.
func (t *trail) forget(tx core.App, patientID, accountID string) error {
	if !t.ready(tx) {
		return nil
	}
	if !tx.IsTransactional() {
		return tx.RunInTransaction(func(inner core.App) error { return t.forget(inner, patientID, accountID) })
	}
	done, err := tx.NonconcurrentDB().Update("audit_writes", dbx.Params{"diff": nil, "salt": nil}, keptWith(patientID, accountID)).Execute()
	if err != nil {
		return fmt.Errorf("forget the values of %s: %w", patientID, err)
	}
	n, err := done.RowsAffected()
	if err != nil || n == 0 {
		return err
	}
	e := t.writers.of(tx, nil, t.serving()).who()
	e.Action, e.Patients, e.Count = actionForget, []string{patientID}, int(n)
	if accountID != "" {
		e.Items = []string{kernel.AccountsCollection + "/" + accountID}
	}
	return t.put(tx, e, diff{})
}

func (t *trail) wake() {
	select {
	case t.due <- struct{}{}:
	default: // it is about to look anyway
	}
}
