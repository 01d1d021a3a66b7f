package auth

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"sync"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

//go:embed setup.html
var setupHTML string

//go:embed invitation.html
var invitationHTML string

//go:embed setup.css
var setupCSS string

// setupPage is one rendering of the form. It needs no script and no other file.
type setupPage struct {
	Clinic clinicapi.Settings
	Form   FirstAdmin
	Bad    kernel.Invalid
	Done   bool
}

// formField is one labelled input.
type formField struct {
	Name, Label, Type, Value, Complete, Wrong string
	Required                                  bool
}

// Fields are the inputs in their order, each with what was wrong with it. The password is
// never sent back.
func (p setupPage) Fields() []formField {
	fields := []formField{
		{Name: "name", Label: "Your name", Type: "text", Value: p.Form.Name, Complete: "name", Required: true},
		{Name: "email", Label: "Your e-mail address", Type: "email", Value: p.Form.Email, Complete: "username", Required: true},
		{Name: "password", Label: fmt.Sprintf("A new password, at least %d characters", p.Clinic.PasswordMinLength), Type: "password", Complete: "new-password", Required: true},
		{Name: "clinicName", Label: "The clinic's name", Type: "text", Value: p.Form.ClinicName, Complete: "organization"},
		{Name: "currency", Label: "Currency (three letters, such as USD)", Type: "text", Value: p.Form.Currency, Complete: "off"},
		{Name: "timeZone", Label: "Time zone (such as Europe/Berlin)", Type: "text", Value: p.Form.TimeZone, Complete: "off"},
	}
	for i := range fields {
		fields[i].Wrong = p.wrong(fields[i].Name)
	}
	return fields
}

// Wrong is what blames no field.
func (p setupPage) Wrong() string { return p.wrong("error") }

func (p setupPage) wrong(field string) string {
	for _, e := range p.Bad {
		if e.Field == field {
			return e.Text
		}
	}
	return ""
}

// pages are the forms that people without an account open. They need no script and no other
// file; their style is ours, and named by its hash in the page's policy.
var pages = sync.OnceValues(func() (*template.Template, error) {
	t := template.New("pages").Funcs(template.FuncMap{"style": func() template.CSS { return template.CSS(setupCSS) }})
	for name, text := range map[string]string{"setup": setupHTML, "invitation": invitationHTML} {
		if _, err := t.New(name).Parse(text); err != nil {
			return nil, err
		}
	}
	return t, nil
})

func page(e *core.RequestEvent, status int, name string, data any) error {
	t, err := pages()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, name, data); err != nil {
		return err
	}
	style := sha256.Sum256([]byte(setupCSS))
	h := e.Response.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(style[:])+"'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Referrer-Policy", "no-referrer") // the address holds the token
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cache-Control", "no-store")
	return e.HTML(status, b.String())
}
