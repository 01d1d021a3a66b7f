package privacy

import (
	"net/http"
	"reflect"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/auditapi"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

var (
	errRestrictedNow = kernel.Fail(http.StatusConflict, "restricted", "The use of this patient's data is restricted already.")
	errNotRestricted = kernel.Fail(http.StatusConflict, "not_restricted", "The use of this patient's data is not restricted.")
	errAnswered      = kernel.Fail(http.StatusConflict, "answered", "This request was answered. Make another one for what has changed since.")
	errOutcome       = kernel.Fail(http.StatusBadRequest, "validation_required", "An answer goes with done or refused.")
	errAnswer        = kernel.Fail(http.StatusBadRequest, "validation_required", "Say what was done, or why it was refused.")
)

// requestOpen is the status of a request that waits for an answer.
const requestOpen = "open"

// openRequest begins a request of a patient's: open, and without an answer.
func openRequest(_ core.App, r *core.Record) error {
	var bad kernel.Invalid
	switch r.GetString("status") {
	case "":
		r.Set("status", requestOpen)
	case requestOpen:
	default:
		bad = append(bad, kernel.ErrServerSet.At("status"))
	}
	if r.GetString("answer") != "" {
		bad = append(bad, kernel.ErrServerSet.At("answer"))
	}
	return bad.OrNil()
}

// answerRequest notes who answered and when. An answer says something, and stays.
func answerRequest(_ core.App, r *core.Record) error {
	was, answer := r.Original(), strings.TrimSpace(r.GetString("answer"))
	switch {
	case r.GetString("status") == was.GetString("status") && r.GetString("answer") == was.GetString("answer"):
		return nil
	case was.GetString("status") != requestOpen:
		return errAnswered
	case r.GetString("status") == requestOpen:
		return errOutcome.At("status")
	case answer == "":
		return errAnswer.At("answer")
	}
	r.Set("answeredAt", types.NowDateTime())
	r.Set("answeredById", kernel.Actor(r))
	return nil
}

// restrictedCollections hold what is done with a patient's data. Their field patientId
// leads to the patient.
var restrictedCollections = []string{"appointments", "medical_records", "invoices", "video_calls"}

// bindRestriction refuses changes of a restricted patient's data by whoever is neither an
// admin nor the patient: the restriction is theirs. Jobs and imports go on.
func bindRestriction(k *kernel.Kernel) error {
	ofPatient := func(r *core.Record) []string {
		return []string{r.GetString("patientId"), r.Original().GetString("patientId")} // neither from one nor to one
	}
	ofChanged := func(r *core.Record) []string {
		if goesOn(r) {
			return nil
		}
		return ofPatient(r)
	}
	itself := func(r *core.Record) []string { return []string{r.Id} }
	// A hook keeps one handler of an id: two that shared one guarded the second alone.
	refuse := func(h *hook.TaggedHook[*core.RecordEvent], id string, patients func(*core.Record) []string) {
		h.Bind(&hook.Handler[*core.RecordEvent]{Id: id, Priority: -100, Func: func(e *core.RecordEvent) error {
			for _, id := range patients(e.Record) {
				if err := mayProcess(e.App, id, kernel.Actor(e.Record)); err != nil {
					return err
				}
			}
			return e.Next()
		}})
	}
	refuse(k.App.OnRecordCreate(restrictedCollections...), "privacy: nothing is added to a restricted patient's data", ofPatient)
	refuse(k.App.OnRecordUpdate(restrictedCollections...), "privacy: a restricted patient's data are not changed", ofChanged)
	refuse(k.App.OnRecordDelete(restrictedCollections...), "privacy: a restricted patient's data are not taken away", ofPatient)
	refuse(k.App.OnRecordUpdate("patients"), "privacy: a restricted patient is not changed", itself)
	refuse(k.App.OnRecordDelete("patients"), "privacy: a restricted patient is not taken away", itself)
	return nil
}

// goesOn reports whether a change is none of what a restriction limits: an invoice on which
// a payment is booked is saved as it was, to add up again; and a call that is under way may
// be ended, which is no use of it.
func goesOn(r *core.Record) bool {
	old := r.Original()
	switch {
	case r.Collection().Name == "video_calls":
		return r.GetString("status") == "ended" && old.GetString("status") != "ended"
	case r.Collection().Name != "invoices":
		return false
	}
	for _, f := range r.Collection().Fields {
		if !reflect.DeepEqual(r.GetRaw(f.GetName()), old.GetRaw(f.GetName())) {
			return false
		}
	}
	return true
}

// mayProcess returns ErrRestricted unless the account may change the patient's data.
func mayProcess(tx core.App, patientID, account string) error {
	if account == "" || patientID == "" {
		return nil
	}
	var since string
	err := tx.DB().NewQuery("SELECT COALESCE((SELECT restrictedAt FROM patients WHERE id = {:id}), '')").Bind(map[string]any{"id": patientID}).Row(&since)
	if err != nil || since == "" {
		return err
	}
	who, err := tx.FindRecordById(kernel.AccountsCollection, account)
	if err != nil {
		return err
	}
	if authapi.Admin.Has(who) || authapi.Patient.Has(who) {
		return nil
	}
	return privacyapi.ErrRestricted
}

// restrictions is privacyapi.Restrictions.
type restrictions struct{}

func (restrictions) MayUse(app core.App, patientID, accountID string) error {
	return mayProcess(app, patientID, accountID)
}

var restrictRoute = kernel.Op(kernel.Route{
	Method: http.MethodPost, Path: "/api/patients/{id}/restrict", Record: "patients", Allow: admins, Returns: "patients",
	Summary: "Restrict the use of a patient's data", Errors: []*kernel.Error{errRestrictedNow},
}, func(c *kernel.Call, in reasonInput) (*core.Record, error) {
	auditapi.Try(c.RequestEvent)
	if !c.Record.GetDateTime("restrictedAt").IsZero() {
		return nil, errRestrictedNow
	}
	return restrict(c, types.NowDateTime(), "restrict", in.Reason)
})

var unrestrictRoute = kernel.Op(kernel.Route{
	Method: http.MethodPost, Path: "/api/patients/{id}/unrestrict", Record: "patients", Allow: admins, Returns: "patients",
	Summary: "End the restriction of a patient's data", Errors: []*kernel.Error{errNotRestricted},
}, func(c *kernel.Call, in reasonInput) (*core.Record, error) {
	auditapi.Try(c.RequestEvent)
	if c.Record.GetDateTime("restrictedAt").IsZero() {
		return nil, errNotRestricted
	}
	return restrict(c, types.DateTime{}, "unrestrict", in.Reason)
})

func restrict(c *kernel.Call, at types.DateTime, action, reason string) (*core.Record, error) {
	r := c.Record
	if !c.Auth.IsSuperuser() {
		kernel.SetActor(r, c.Auth.Id)
	}
	r.Set("restrictedAt", at)
	if err := c.App.Save(r); err != nil {
		return nil, err
	}
	if err := auditapi.Record(c.App, auditapi.Entry{Action: action, Why: strings.TrimSpace(reason), Patients: []string{r.Id}}); err != nil {
		return nil, err
	}
	return r, kernel.Emit(c.App, privacyapi.Restricted, privacyapi.RestrictedV1{PatientID: r.Id, Restricted: !at.IsZero()})
}
