package auth

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/mailer"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/auditapi"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// invitationLife is how long a link works: over a weekend.
const invitationLife = 72 * time.Hour

const invitationPath = "/api/auth/invitation"

var inviteRoutes = []kernel.Route{
	kernel.Op(kernel.Route{
		Method: "POST", Path: "/api/auth/invite", Allow: kernel.Allow(authapi.Admin.Always()), Status: http.StatusCreated, Secret: "link",
		Summary: "Make an account without a password, and a link by which its owner chooses one", Errors: registerErrors,
	}, invite),
	kernel.Op(kernel.Route{
		Method: "POST", Path: "/api/users/{id}/invitation", Allow: kernel.Allow(authapi.Admin.Always()), Record: "users", Status: http.StatusCreated, Secret: "link",
		Summary: "Make a new link by which the account's owner chooses a password; an earlier one ends", Errors: []*kernel.Error{errDisabled},
	}, inviteAgain),
	kernel.Op(kernel.Route{
		Method: "GET", Path: invitationPath, Allow: kernel.Public(), Raw: "text/html", Summary: "Show the page of an invitation's link", Errors: []*kernel.Error{kernel.ErrNotFound},
	}, showInvitation),
	kernel.Op(kernel.Route{
		Method: "POST", Path: invitationPath, Allow: kernel.Public(), NoTx: true, Form: true, Raw: "text/html",
		Summary: "Choose the password of an invited account, by JSON or by the page's form", Errors: append([]*kernel.Error{kernel.ErrNotFound}, passwordErrors...),
	}, acceptInvitation),
}

// Invitee is somebody whom an admin lets in.
type Invitee struct {
	Name  string `json:"name" required:"true"`
	Email string `json:"email" required:"true"`
	Role  string `json:"role" required:"true"`
}

// Invitation is a link that works once. Whoever has it can choose the account's password.
type Invitation struct {
	Record    *core.Record `json:"record"`
	Link      string       `json:"link" doc:"give it to the account's owner and to nobody else; it is never shown again, nor to a repeat with the same Idempotency-Key"`
	ExpiresAt string       `json:"expiresAt"`
	Mailed    bool         `json:"mailed" doc:"it was handed to the mail server, too"`
}

func invite(c *kernel.Call, in Invitee) (Invitation, error) {
	who := Registration{Name: strings.TrimSpace(in.Name), Email: tidyEmail(in.Email), Role: in.Role, Password: security.RandomString(40)}
	if err := who.check(c.App); err != nil {
		return Invitation{}, err
	}
	account, err := newAccount(c.App, who.Name, who.Email, who.Role, true)
	if err != nil {
		return Invitation{}, err
	}
	account.SetPassword(who.Password) // nobody knows it
	kernel.SetActor(account, c.Auth.Id)
	if err := c.App.Save(account); err != nil {
		return Invitation{}, err
	}
	return newInvitation(c, account)
}

func inviteAgain(c *kernel.Call, _ kernel.Nothing) (Invitation, error) {
	if c.Record.GetString("status") == authapi.Disabled {
		return Invitation{}, errDisabled
	}
	return newInvitation(c, c.Record)
}

// newInvitation makes a link in the caller's transaction. Only the hash of its token is kept.
func newInvitation(c *kernel.Call, account *core.Record) (Invitation, error) {
	if err := voidInvitations(c.App, account.Id); err != nil {
		return Invitation{}, err
	}
	t, err := c.App.FindCachedCollectionByNameOrId("invitations")
	if err != nil {
		return Invitation{}, err
	}
	token := security.RandomString(43) // 256 bits
	r := core.NewRecord(t)
	r.Load(map[string]any{"userId": account.Id, "hash": hashOf(token), "expiresAt": time.Now().Add(invitationLife)})
	kernel.SetActor(r, c.Auth.Id)
	if err := c.App.Save(r); err != nil {
		return Invitation{}, err
	}
	account.IgnoreEmailVisibility(true)
	out := Invitation{Record: account, Link: publicURL(c.RequestEvent) + invitationPath + "?token=" + token, ExpiresAt: r.GetString("expiresAt")}
	if out.Mailed = c.App.Settings().SMTP.Enabled; out.Mailed {
		app, link, to := c.K.App, out.Link, mail.Address{Name: account.GetString("name"), Address: account.Email()}
		kernel.AfterCommit(c.App, func() { go mailInvitation(app, to, link) }) // nobody waits for a mail server
	}
	return out, nil
}

// publicURL is where the clinic's people reach the server: PocketBase's application URL once
// somebody has set it, otherwise the address by which the admin came.
func publicURL(e *core.RequestEvent) string {
	if set := strings.TrimSuffix(e.App.Settings().Meta.AppURL, "/"); set != "" && set != "http://localhost:8090" {
		return set
	}
	scheme := "http"
	proxied := len(e.App.Settings().TrustedProxy.Headers) > 0 && e.Request.Header.Get("X-Forwarded-Proto") == "https"
	if e.Request.TLS != nil || proxied {
		scheme = "https"
	}
	return scheme + "://" + e.Request.Host
}

func mailInvitation(app core.App, to mail.Address, link string) {
	meta := app.Settings().Meta
	err := app.NewMailClient().Send(&mailer.Message{
		From: mail.Address{Name: meta.SenderName, Address: meta.SenderAddress}, To: []mail.Address{to}, Subject: "Your account at " + meta.AppName,
		Text: fmt.Sprintf("Choose a password with this link. It works once, within three days:\n\n%s\n\nWhoever has the link can choose it: do not pass it on.\n", link),
	})
	if err != nil {
		app.Logger().Error("invitation not mailed", "error", err)
	}
}

// voidInvitations ends the account's link. A change of password, role or status does so too.
func voidInvitations(tx core.App, account string) error {
	_, err := tx.NonconcurrentDB().Delete("invitations", dbx.HashExp{"userId": account}).Execute()
	return err
}

// invited returns the account that the token was made for, kernel.ErrNotFound for a token
// that never was, was used or is too old.
func invited(app core.App, token string) (*core.Record, error) {
	r, err := app.FindFirstRecordByData("invitations", "hash", hashOf(token))
	if errors.Is(err, sql.ErrNoRows) || (err == nil && !time.Now().Before(r.GetDateTime("expiresAt").Time())) {
		return nil, kernel.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	account, err := app.FindRecordById(kernel.AccountsCollection, r.GetString("userId"))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, kernel.ErrNotFound
	}
	return account, err
}

// LinkToken is the token of a link that was opened.
type LinkToken struct {
	Token string `query:"token"`
}

func showInvitation(c *kernel.Call, in LinkToken) (kernel.Nothing, error) {
	account, err := invited(c.App, in.Token)
	if err != nil {
		return kernel.Nothing{}, err
	}
	auditapi.Saw(c.RequestEvent, kernel.AccountsCollection+"/"+account.Id)
	return kernel.Nothing{}, invitationPage(c.RequestEvent, http.StatusOK, invitePage{Token: in.Token, Email: account.Email()})
}

// Acceptance is what the page's form sends.
type Acceptance struct {
	Token    string `json:"token" form:"token" required:"true"`
	Password string `json:"password" form:"password" required:"true"`
}

// Accepted tells who can sign in now.
type Accepted struct {
	Email string `json:"email"`
}

func acceptInvitation(c *kernel.Call, in Acceptance) (Accepted, error) {
	account, err := invited(c.App, in.Token)
	if err != nil {
		return Accepted{}, err
	}
	byForm := !strings.HasPrefix(c.Request.Header.Get("Content-Type"), "application/json")
	if err := choosePassword(c, account, in); err != nil {
		if bad := c.K.FieldErrors(err); byForm && len(bad) > 0 && !errors.Is(err, kernel.ErrNotFound) {
			return Accepted{}, invitationPage(c.RequestEvent, http.StatusBadRequest, invitePage{Token: in.Token, Email: account.Email(), Bad: bad})
		}
		return Accepted{}, err
	}
	if byForm {
		return Accepted{}, invitationPage(c.RequestEvent, http.StatusOK, invitePage{Email: account.Email(), Done: true})
	}
	return Accepted{account.Email()}, nil
}

func choosePassword(c *kernel.Call, account *core.Record, in Acceptance) error {
	if in.Password == "" {
		return kernel.Invalid{kernel.Required("password")}
	}
	weak, err := checkPassword(c.App, in.Password, account.GetString("name"), account.Email())
	if err != nil {
		return err
	}
	if weak != nil {
		return kernel.Invalid{weak}
	}
	// Hashed ahead of the transaction, which would hold the one writer meanwhile.
	release, err := of(c.App).checks.take(c.Request.Context())
	if err != nil {
		return err
	}
	account.SetPassword(in.Password)
	release()
	return c.App.RunInTransaction(func(tx core.App) error {
		if _, err := invited(tx, in.Token); err != nil {
			return err // somebody else was faster
		}
		kernel.SetActor(account, account.Id)
		return tx.Save(account) // the link ends with the old password
	})
}

// invitePage is one rendering of the form.
type invitePage struct {
	clinicapi.Settings
	Token, Email string
	Bad          kernel.Invalid
	Done         bool
}

// Field is the one input.
func (p invitePage) Field() formField {
	f := formField{Name: "password", Label: fmt.Sprintf("A new password, at least %d characters", p.PasswordMinLength), Type: "password", Complete: "new-password", Required: true}
	if i := slices.IndexFunc(p.Bad, func(e *kernel.Error) bool { return e.Field == "password" }); i >= 0 {
		f.Wrong = p.Bad[i].Text
	}
	return f
}

// Wrong is what blames another field than the password.
func (p invitePage) Wrong() string {
	for _, e := range p.Bad {
		if e.Field != "password" {
			return e.Text
		}
	}
	return ""
}

func invitationPage(e *core.RequestEvent, status int, p invitePage) (err error) {
	if p.Settings, err = clinicapi.Current(e.App); err != nil {
		return err
	}
	return page(e, status, "invitation", p)
}
