package privacy

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/auditapi"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

// What an erasure takes away.
const (
	scopeIdentity   = "identity"   // who it was; what the law keeps stays, under a pseudonym
	scopeEverything = "everything" // what was said and attached too, once nothing must be kept
)

var errKept = kernel.Fail(http.StatusConflict, "retention", "The law still asks for some of it.")

type eraseInput struct {
	Reason string `json:"reason" required:"true" doc:"why, 10 to 500 characters"`
	Scope  string `json:"scope" doc:"identity (default): names, contacts and identifiers; everything: also what was written and attached, once nothing must be kept any more"`
}

// Validate checks the reason and the scope.
func (in eraseInput) Validate() error {
	if in.Scope != "" && in.Scope != scopeIdentity && in.Scope != scopeEverything {
		return kernel.Bad("scope", "validation_in_invalid", "Must be identity or everything.")
	}
	return reasonInput{Reason: in.Reason}.Validate()
}

var eraseRoute = kernel.Op(kernel.Route{
	Method: http.MethodPost, Path: "/api/patients/{id}/erase", Record: "patients", Deleted: true, Allow: admins, Returns: "erasures",
	Summary: "Erase who a patient was, and what the law does not keep", Errors: []*kernel.Error{errKept},
}, func(c *kernel.Call, in eraseInput) (*core.Record, error) {
	auditapi.Try(c.RequestEvent)
	actor := ""
	if !c.Auth.IsSuperuser() {
		actor = c.Auth.Id
	}
	scope := in.Scope
	if scope == "" {
		scope = scopeIdentity
	}
	return Erase(c.App, c.Record, scope, strings.TrimSpace(in.Reason), actor, time.Now())
})

// Erase replaces who the patient was by a pseudonym, everywhere, and returns the note of
// it. What the law keeps stays under the pseudonym. With the scope "everything" texts and
// files go as well; errKept when something must still be kept.
//
// In the kept free texts the patient's name, number, contacts and addresses are replaced
// where they stand as they were entered, now or, as far as the audit trail keeps it, before;
// parts of the name as whole words and telephone numbers by their digits, too: see
// docs/privacy.md. What describes somebody in other words stays.
func Erase(tx core.App, patient *core.Record, scope, reason, actor string, now time.Time) (*core.Record, error) {
	if scope == scopeEverything {
		if err := nothingKept(tx, patient, now); err != nil {
			return nil, err
		}
	}
	return erase(tx, patient, scope, reason, actor)
}

// erase does what Erase does, whether the law asks for any of it or not: for what was decided before.
func erase(tx core.App, patient *core.Record, scope, reason, actor string) (*core.Record, error) {
	for _, p := range kernel.All[privacyapi.Part](kernel.Of(tx)) {
		if p.First == nil {
			continue
		}
		if err := p.First(tx, patient.Id); err != nil {
			return nil, fmt.Errorf("erase %s: %w", p.Collection, err)
		}
	}
	code := security.RandomStringWithAlphabet(8, "ABCDEFGHJKMNPQRSTUVWXYZ23456789")
	e := eraser{tx: tx, patient: patient, scope: scope, pseudonym: "Erased " + code, number: "X-" + code}
	account, err := accountOf(tx, patient)
	if err != nil {
		return nil, err
	}
	if err := e.identify(account); err != nil {
		return nil, err
	}
	e.written = writings(e.values)
	// The tie is gone once the register is erased.
	if e.params, err = paramsOf(tx, patient); err != nil {
		return nil, err
	}
	if err := e.list(); err != nil {
		return nil, err
	}
	if patient.GetDateTime("deletedAt").IsZero() {
		leaving, err := tx.FindRecordById("patients", patient.Id)
		if err != nil {
			return nil, err
		}
		kernel.SetActor(leaving, actor)
		if err := tx.Delete(leaving); err != nil {
			return nil, err
		}
	}
	for _, p := range kernel.All[privacyapi.Part](kernel.Of(tx)) {
		if err := e.part(p); err != nil {
			return nil, fmt.Errorf("erase %s: %w", p.Collection, err)
		}
	}
	if err := e.closeAccount(account); err != nil {
		return nil, err
	}
	accountID := ""
	if account != nil {
		accountID = account.Id
	}
	if err := auditapi.Forget(tx, patient.Id, accountID); err != nil {
		return nil, err
	}
	return e.note(reason, actor)
}

var errErased = kernel.Fail(http.StatusConflict, "erased", "Who this was is erased: there is nobody to put back on the register.")

// bindErased keeps off the register who was erased, on every path.
func bindErased(k *kernel.Kernel) {
	k.App.OnRecordUpdate("patients").Bind(&hook.Handler[*core.RecordEvent]{Id: "privacy: who was erased stays off the register", Priority: -100, Func: func(e *core.RecordEvent) error {
		if e.Record.Original().GetDateTime("deletedAt").IsZero() || !e.Record.GetDateTime("deletedAt").IsZero() {
			return e.Next()
		}
		n, err := e.App.CountRecords("erasures", dbx.HashExp{"patientId": e.Record.Id})
		if err != nil {
			return err
		}
		if n > 0 {
			return errErased
		}
		return e.Next()
	}})
}

type eraser struct {
	tx                core.App
	patient           *core.Record
	scope             string
	pseudonym, number string
	params            dbx.Params
	values            []string        // what identifies
	written           []string        // values, in every way that a column may have them, longest first
	words             map[string]bool // parts of names
	numbers           []*regexp.Regexp
	files             []string        // folders to remove
	rows              map[string]bool // ids of the patient's rows, everywhere
}

// list finds the patient's rows while they are there.
func (e *eraser) list() error {
	e.rows = map[string]bool{}
	for _, p := range kernel.All[privacyapi.Part](kernel.Of(e.tx)) {
		var ids []string
		if err := e.tx.DB().Select("id").From(p.Collection).Where(condition(p, e.params)).Column(&ids); err != nil {
			return fmt.Errorf("erase %s: %w", p.Collection, err)
		}
		for _, id := range ids {
			e.rows[id] = true
		}
	}
	return nil
}

// part erases in one collection. Its triggers would refuse it: the law goes ahead of them.
func (e *eraser) part(p privacyapi.Part) error {
	p, err := withOwn(e.tx, p)
	if err != nil {
		return err
	}
	if len(p.Erase)+len(p.Text)+len(p.Files)+len(p.Photos) == 0 && !p.Remove {
		return nil
	}
	params := e.params
	return kernel.Quietly(e.tx, p.Collection, func() error {
		db := e.tx.NonconcurrentDB()
		if p.Remove {
			if err := e.leaveNone(p, params); err != nil {
				return err
			}
			_, err := db.Delete(p.Collection, condition(p, params)).Execute()
			return err
		}
		if err := e.dropFiles(p, params); err != nil {
			return err
		}
		sets := []string{}
		bind := dbx.Params{"pseudonym": e.pseudonym, "number": e.number}
		maps.Copy(bind, params)
		for _, column := range slices.Sorted(maps.Keys(p.Erase)) {
			sets = append(sets, "["+column+"] = "+p.Erase[column])
		}
		if e.scope == scopeEverything {
			for _, column := range p.Text {
				sets = append(sets, "["+column+"] = "+emptiedText(column))
			}
		} else if err := e.cleanTexts(p); err != nil {
			return err
		}
		if len(sets) > 0 {
			if _, err := db.NewQuery("UPDATE [" + p.Collection + "] SET " + strings.Join(sets, ", ") + " WHERE " + p.Where).Bind(bind).Execute(); err != nil {
				return err
			}
		}
		return kernel.RefreshSearch(e.tx, p.Collection, "("+p.Where+")", params)
	})
}

// closeAccount leaves an account that nobody can sign in to: others' records name its id.
func (e *eraser) closeAccount(account *core.Record) error {
	if account == nil {
		return nil
	}
	r, err := e.tx.FindRecordById(kernel.AccountsCollection, account.Id)
	if err != nil {
		return err
	}
	r.Load(map[string]any{"name": e.pseudonym, "status": authapi.Disabled})
	r.SetEmail("erased-" + strings.ToLower(strings.TrimPrefix(e.number, "X-")) + "@erased.invalid")
	r.SetPassword(security.RandomString(40))
	r.RefreshTokenKey()
	if err := e.tx.Save(r); err != nil {
		return fmt.Errorf("erase an account: %w", err)
	}
	for _, table := range []string{"_externalAuths", "_mfas", "_otps", "_authOrigins"} {
		if _, err := e.tx.NonconcurrentDB().Delete(table, dbx.HashExp{"recordRef": r.Id}).Execute(); err != nil {
			return err
		}
	}
	return nil
}

// note writes down that it was done, and lets other copies follow.
func (e *eraser) note(reason, actor string) (*core.Record, error) {
	reason = e.clean(reason)
	if err := kernel.ForgetAnswers(e.tx, e.written, e.rows); err != nil {
		return nil, err
	}
	err := auditapi.Record(e.tx, auditapi.Entry{Action: "erase", Target: e.scope, Why: reason, Patients: []string{e.patient.Id}, Account: actor})
	if err != nil {
		return nil, err
	}
	c, err := e.tx.FindCollectionByNameOrId("erasures")
	if err != nil {
		return nil, err
	}
	r := core.NewRecord(c)
	r.Load(map[string]any{"patientId": e.patient.Id, "pseudonym": e.pseudonym, "scope": e.scope, "reason": reason, "erasedById": actor})
	if err := e.tx.Save(r); err != nil {
		return nil, err
	}
	return r, kernel.Emit(e.tx, privacyapi.Erased, privacyapi.ErasedV1{PatientID: e.patient.Id, Pseudonym: e.pseudonym, Folders: e.files})
}

var errReading = errors.New("the database's log still has what was erased: somebody was reading")

// emptyLog takes what was erased out of the database's log. It is tried again for as long as
// somebody reads meanwhile: a backup takes minutes.
func emptyLog(app core.App, _ privacyapi.ErasedV1) error {
	for range 10 {
		emptied, err := kernel.EmptyLog(app)
		if err != nil || emptied {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return errReading
}
