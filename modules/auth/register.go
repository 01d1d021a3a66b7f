package auth

import (
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/pocketbase/ozzo-validation/v4/is"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

var (
	errEmailTaken = kernel.Fail(http.StatusBadRequest, "validation_not_unique", "There is an account with this e-mail address already.").At("email")
	errAdminOnly  = kernel.Fail(http.StatusForbidden, "admin_only", "Only an administrator may make administrators.").At("role")
)

var registerErrors = append([]*kernel.Error{errEmailTaken, errAdminOnly, kernel.ErrServerSet}, passwordErrors...)

// Registration is somebody who wants an account.
type Registration struct {
	Name     string `json:"name" required:"true"`
	Role     string `json:"role" doc:"patient when omitted; doctor, nurse and staff wait for an admin's approval"`
	Email    string `json:"email" required:"true"`
	Password string `json:"password" required:"true"`

	Status   json.RawMessage `json:"status" doc:"only the server sets it"`
	Verified json.RawMessage `json:"verified" doc:"only the server sets it"`
	Duty     json.RawMessage `json:"duty" doc:"only the server sets it"`
	ID       json.RawMessage `json:"id" doc:"only the server sets it"`
	Created  json.RawMessage `json:"created" doc:"only the server sets it"`
	Updated  json.RawMessage `json:"updated" doc:"only the server sets it"`
}

// Registered is the new account.
type Registered struct {
	Record *core.Record `json:"record"`
}

// roleNames are the roles that an account can have.
var roleNames = []string{authapi.Admin.Name, authapi.Doctor.Name, authapi.Nurse.Name, authapi.Staff.Name, authapi.Patient.Name}

func register(c *kernel.Call, in Registration) (Registered, error) {
	byAdmin := c.Auth != nil && (c.Auth.IsSuperuser() || authapi.Admin.Has(c.Auth))
	in.Name, in.Email = strings.TrimSpace(in.Name), tidyEmail(in.Email)
	if in.Role == "" {
		in.Role = authapi.Patient.Name
	}
	if in.Role == authapi.Admin.Name && !byAdmin {
		return Registered{}, errAdminOnly
	}
	if err := in.check(c.App); err != nil {
		return Registered{}, err
	}
	r, err := newAccount(c.App, in.Name, in.Email, in.Role, byAdmin)
	if err != nil {
		return Registered{}, err
	}
	if c.Auth != nil && !c.Auth.IsSuperuser() {
		kernel.SetActor(r, c.Auth.Id)
	}
	// Hashed ahead of the transaction, which would hold the one writer meanwhile.
	release, err := of(c.App).checks.take(c.Request.Context())
	if err != nil {
		return Registered{}, err
	}
	r.SetPassword(in.Password)
	release()
	if err := c.App.Save(r); err != nil {
		return Registered{}, err
	}
	r.IgnoreEmailVisibility(true) // it is the caller's own, or the caller is an admin
	return Registered{r}, nil
}

// newAccount prepares an account as a registration makes it: a patient's is active, the
// others wait for an admin unless an admin makes them.
func newAccount(app core.App, name, email, role string, byAdmin bool) (*core.Record, error) {
	users, err := app.FindCachedCollectionByNameOrId(kernel.AccountsCollection)
	if err != nil {
		return nil, err
	}
	status := authapi.Pending
	if byAdmin || role == authapi.Patient.Name {
		status = authapi.Active
	}
	r := core.NewRecord(users)
	r.Load(map[string]any{"name": name, "email": email, "role": role, "status": status})
	r.SetRaw(profileKey, true)
	return r, nil
}

// check names every field that does not hold, in one answer.
func (in Registration) check(app core.App) error {
	var bad kernel.Invalid
	if in.Name == "" {
		bad = append(bad, kernel.Required("name"))
	} else if len([]rune(in.Name)) > 200 {
		bad = append(bad, kernel.Bad("name", "validation_length_too_long", "At most 200 characters."))
	}
	if !slices.Contains(roleNames, in.Role) {
		bad = append(bad, kernel.Bad("role", "validation_in_invalid", "Must be one of "+strings.Join(roleNames, ", ")+"."))
	}
	email, err := checkEmail(app, in.Email)
	if err != nil {
		return err
	}
	if email != nil {
		bad = append(bad, email)
	}
	if in.Password == "" {
		bad = append(bad, kernel.Required("password"))
	} else if weak, err := checkPassword(app, in.Password, in.Name, in.Email); err != nil {
		return err
	} else if weak != nil {
		bad = append(bad, weak)
	}
	for field, sent := range map[string]json.RawMessage{
		"status": in.Status, "verified": in.Verified, "duty": in.Duty, "id": in.ID, "created": in.Created, "updated": in.Updated,
	} {
		if len(sent) > 0 {
			bad = append(bad, kernel.ErrServerSet.At(field))
		}
	}
	return bad.OrNil()
}

// tidyEmail is how addresses are stored and compared.
func tidyEmail(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

func checkEmail(app core.App, email string) (*kernel.Error, error) {
	if email == "" {
		return kernel.Required("email"), nil
	}
	if len(email) > maxCredential || is.EmailFormat.Validate(email) != nil {
		return kernel.Bad("email", "validation_is_email", "Must be an e-mail address."), nil
	}
	_, err := app.FindAuthRecordByEmail(kernel.AccountsCollection, email)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return errEmailTaken, nil
}
