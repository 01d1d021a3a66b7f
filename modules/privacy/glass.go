package privacy

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/auditapi"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/notices/noticesapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

var (
	errNotStrict = kernel.Fail(http.StatusConflict, "care_open", "Every patient is open to doctors here: strict care is off.")
	errInCare    = kernel.Fail(http.StatusConflict, "in_care", "The patient is under your care.")
	errTooOften  = kernel.Fail(http.StatusTooManyRequests, "too_many_requests", "You have opened too many patients within the hour. Speak to an administrator.")
	errReviewed  = kernel.Fail(http.StatusConflict, "reviewed", "This was reviewed already.")
)

// maxGlass is how many patients an account may open within an hour. An emergency needs a
// few; who needs more is reading the register.
const maxGlass = 10

// reasonInput says why. It is what an admin reads months later.
type reasonInput struct {
	ID     string `path:"id" json:"-"`
	Reason string `json:"reason" required:"true" doc:"why, 10 to 500 characters"`
}

// Validate wants a reason that says something.
func (in reasonInput) Validate() error {
	switch n := utf8.RuneCountInString(strings.TrimSpace(in.Reason)); {
	case n == 0:
		return kernel.Required("reason")
	case n < 10:
		return kernel.Bad("reason", "validation_min_text_constraint", "Must be at least 10 characters.")
	case n > 500:
		return kernel.Bad("reason", "validation_max_text_constraint", "Must be no more than 500 characters.")
	}
	return nil
}

type glassOutput struct {
	ID        string         `json:"id" doc:"of the entry in the list that admins review"`
	PatientID string         `json:"patientId"`
	ExpiresAt types.DateTime `json:"expiresAt" doc:"until when the patient is open to the caller"`
}

var glassRoute = kernel.Op(kernel.Route{
	Method: http.MethodPost, Path: "/api/patients/{id}/break-glass", Allow: kernel.Allow(authapi.Doctor.Always()),
	Summary: "Open a patient who is not under the caller's care, for a reason and for a limited time",
	Errors:  []*kernel.Error{errNotStrict, errInCare, errTooOften, kernel.ErrNotFound},
}, func(c *kernel.Call, in reasonInput) (glassOutput, error) {
	auditapi.Try(c.RequestEvent)
	r, err := BreakGlass(c.App, c.Auth.Id, in.ID, in.Reason, time.Now())
	if errors.Is(err, errTooOften) {
		c.Response.Header().Set("Retry-After", "3600")
	}
	if err != nil {
		return glassOutput{}, err
	}
	return glassOutput{r.Id, in.ID, r.GetDateTime("expiresAt")}, nil
})

// BreakGlass opens the patient to the doctor's account and returns the entry that admins
// review. Of a patient who is not there it says the same whoever asks.
func BreakGlass(tx core.App, account, patientID, reason string, now time.Time) (*core.Record, error) {
	s, err := clinicapi.Current(tx)
	if err != nil {
		return nil, err
	}
	if !s.StrictCare {
		return nil, errNotStrict
	}
	since, err := types.ParseDateTime(now.Add(-time.Hour))
	if err != nil {
		return nil, err
	}
	n, err := tx.CountRecords("break_glass", dbx.HashExp{"accountId": account}, dbx.NewExp("created > {:since}", dbx.Params{"since": since.String()}))
	if err != nil {
		return nil, fmt.Errorf("count broken glass: %w", err)
	}
	if n >= maxGlass {
		return nil, errTooOften
	}
	p, err := tx.FindRecordById("patients", patientID)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !p.GetDateTime("deletedAt").IsZero() {
		return nil, kernel.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	outside, err := patientsapi.OutsideCare(tx, account, []string{patientID})
	if err != nil {
		return nil, err
	}
	if len(outside) == 0 {
		return nil, errInCare
	}
	return openPatient(tx, account, patientID, strings.TrimSpace(reason), now.Add(s.BreakGlass))
}

func openPatient(tx core.App, account, patientID, reason string, until time.Time) (*core.Record, error) {
	c, err := tx.FindCollectionByNameOrId("break_glass")
	if err != nil {
		return nil, err
	}
	r := core.NewRecord(c)
	kernel.SetActor(r, account)
	r.Load(map[string]any{"patientId": patientID, "accountId": account, "reason": reason, "expiresAt": until})
	if err := tx.Save(r); err != nil {
		return nil, err
	}
	if err := patientsapi.OpenUntil(tx, account, patientID, until); err != nil {
		return nil, err
	}
	err = auditapi.Record(tx, auditapi.Entry{
		Action: "break-glass", Why: reason, Patients: []string{patientID}, Items: []string{"break_glass/" + r.Id},
		Marks: []string{auditapi.BreakGlass}, Account: account,
	})
	if err != nil {
		return nil, err
	}
	return r, kernel.Emit(tx, privacyapi.GlassBroken, privacyapi.GlassBrokenV1{BreakGlassID: r.Id, PatientID: patientID, AccountID: account, ExpiresAt: until})
}

// tellAdmins puts up a notice. It names no patient: the list of admins does.
func tellAdmins(app core.App, v privacyapi.GlassBrokenV1) error {
	who, err := app.FindRecordById(kernel.AccountsCollection, v.AccountID)
	if err != nil {
		return err
	}
	return app.RunInTransaction(func(tx core.App) error {
		return noticesapi.Post(tx, noticesapi.Notice{
			Title:    "Broken glass: " + who.GetString("name"),
			Body:     who.GetString("name") + " opened a patient who is not under their care. Please review it: break-glass list, entry " + v.BreakGlassID + ".",
			Audience: []string{"admin"},
		})
	})
}

type reviewInput struct {
	Note string `json:"note" doc:"what the review found, 1000 characters at most"`
}

func (in reviewInput) Validate() error {
	if utf8.RuneCountInString(in.Note) > 1000 {
		return kernel.Bad("note", "validation_max_text_constraint", "Must be no more than 1000 characters.")
	}
	return nil
}

var reviewRoute = kernel.Op(kernel.Route{
	Method: http.MethodPost, Path: "/api/break-glass/{id}/review", Record: "break_glass", Allow: admins, Returns: "break_glass",
	Summary: "Mark a broken glass as reviewed", Errors: []*kernel.Error{errReviewed},
}, func(c *kernel.Call, in reviewInput) (*core.Record, error) {
	r := c.Record
	if !r.GetDateTime("reviewedAt").IsZero() {
		return nil, errReviewed
	}
	if err := byAccount(c, r, "reviewedById"); err != nil {
		return nil, err
	}
	r.Set("reviewedAt", types.NowDateTime())
	r.Set("reviewNote", strings.TrimSpace(in.Note))
	return r, c.App.Save(r)
})

// byAccount notes the caller in a field. A superuser is none of the clinic's people.
func byAccount(c *kernel.Call, r *core.Record, field string) error {
	if c.Auth.IsSuperuser() {
		return nil
	}
	kernel.SetActor(r, c.Auth.Id)
	r.Set(field, c.Auth.Id)
	return nil
}
