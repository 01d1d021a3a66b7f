package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// setup is the one-time link by which a real clinic gets its first admin. Only the hash of
// its token is kept, in memory: the next start prints another one.
type setup struct {
	mu   sync.Mutex
	hash [sha256.Size]byte
	open bool
}

const setupPath = "/api/auth/setup"

var setupRoutes = []kernel.Route{
	kernel.Op(kernel.Route{
		Method: "GET", Path: setupPath, Allow: kernel.Public(), Raw: "text/html",
		Summary: "Show the page of the link for the first administrator, which the server prints when it starts without one", Errors: []*kernel.Error{kernel.ErrNotFound},
	}, showSetup),
	kernel.Op(kernel.Route{
		Method: "POST", Path: setupPath, Allow: kernel.Public(), NoTx: true, Form: true, Status: http.StatusCreated, Raw: "text/html",
		Summary: "Make the first administrator, by JSON or by the page's form", Errors: append([]*kernel.Error{kernel.ErrNotFound}, registerErrors...),
	}, submitSetup),
}

// bindSetup prints the link on terminal when nobody can administer the clinic.
func bindSetup(k *kernel.Kernel, s *setup, terminal io.Writer) {
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "auth: the first admin", Func: func(se *core.ServeEvent) error {
		if err := se.Next(); err != nil {
			return err
		}
		needed, err := setupNeeded(k.App)
		if err != nil || !needed {
			return err
		}
		token := security.RandomString(43) // 256 bits
		s.hash, s.open = sha256.Sum256([]byte(token)), true
		_, err = fmt.Fprintf(terminal, "\nThis clinic has no administrator yet. Open this link to make the first one; it works once, until the next start:\n\n  %s%s?token=%s\n\n(From another computer, put this machine's name in the place of the address.)\n\n",
			baseURL(se.Server.Addr), setupPath, token)
		return err
	}})
}

// setupNeeded reports whether there is no active admin. A demo has one.
func setupNeeded(app core.App) (bool, error) {
	n, err := app.CountRecords(kernel.AccountsCollection, dbx.HashExp{"role": authapi.Admin.Name, "status": authapi.Active})
	return n == 0, err
}

// baseURL is where a browser on this machine finds the server that listens on addr.
func baseURL(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "http://127.0.0.1"
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	switch port {
	case "80", "http", "":
		return "http://" + host
	case "443", "https":
		return "https://" + host
	}
	return "http://" + host + ":" + port
}

// opens answers kernel.ErrNotFound unless token is the link's and nobody can administer the
// clinic yet. The caller holds mu.
func (s *setup) opens(app core.App, token string) error {
	given := sha256.Sum256([]byte(token))
	if !s.open || subtle.ConstantTimeCompare(given[:], s.hash[:]) != 1 {
		return kernel.ErrNotFound
	}
	needed, err := setupNeeded(app)
	if err == nil && !needed {
		err = kernel.ErrNotFound
	}
	return err
}

// FirstAdmin is what the link's form asks for.
type FirstAdmin struct {
	Token      string `json:"token" form:"token"`
	Name       string `json:"name" form:"name"`
	Email      string `json:"email" form:"email"`
	Password   string `json:"password" form:"password"`
	ClinicName string `json:"clinicName" form:"clinicName"`
	Currency   string `json:"currency" form:"currency"`
	TimeZone   string `json:"timeZone" form:"timeZone"`
}

func showSetup(c *kernel.Call, in LinkToken) (kernel.Nothing, error) {
	s := of(c.App).setup
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.opens(c.App, in.Token); err != nil {
		return kernel.Nothing{}, err
	}
	clinic, err := clinicapi.Current(c.App)
	if err != nil {
		return kernel.Nothing{}, err
	}
	form := FirstAdmin{Token: in.Token, Currency: clinic.Currency, TimeZone: clinic.TimeZone.String()}
	return kernel.Nothing{}, page(c.RequestEvent, http.StatusOK, "setup", setupPage{Clinic: clinic, Form: form})
}

// submitSetup takes the form of the page and JSON alike.
func submitSetup(c *kernel.Call, in FirstAdmin) (Registered, error) {
	s := of(c.App).setup
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.opens(c.App, in.Token); err != nil {
		return Registered{}, err
	}
	in.Name, in.Email = strings.TrimSpace(in.Name), tidyEmail(in.Email)
	byForm := !strings.HasPrefix(c.Request.Header.Get("Content-Type"), "application/json")
	admin, err := makeFirstAdmin(c.App, in)
	if bad := c.K.FieldErrors(err); byForm && len(bad) > 0 && !errors.Is(err, kernel.ErrNotFound) {
		clinic, err := clinicapi.Current(c.App)
		if err != nil {
			return Registered{}, err
		}
		return Registered{}, page(c.RequestEvent, http.StatusBadRequest, "setup", setupPage{Clinic: clinic, Form: in, Bad: bad})
	}
	if err != nil {
		return Registered{}, err
	}
	s.open = false
	if byForm {
		return Registered{}, page(c.RequestEvent, http.StatusCreated, "setup", setupPage{Form: in, Done: true})
	}
	admin.IgnoreEmailVisibility(true)
	return Registered{admin}, nil
}

// makeFirstAdmin makes the account, a superuser of the same address and password for the
// dashboard, and sets what is known of the clinic: all of it or nothing. It returns
// kernel.ErrNotFound when somebody can administer the clinic by now. Name and address are
// tidy already.
func makeFirstAdmin(app core.App, in FirstAdmin) (*core.Record, error) {
	who := Registration{Name: in.Name, Email: in.Email, Password: in.Password, Role: authapi.Admin.Name}
	r, err := newAccount(app, who.Name, who.Email, who.Role, true)
	if err != nil {
		return nil, err
	}
	r.SetVerified(true)
	return r, app.RunInTransaction(func(tx core.App) error {
		if needed, err := setupNeeded(tx); err != nil {
			return err
		} else if !needed {
			return kernel.ErrNotFound
		}
		// The clinic first: its name is no password.
		bad := kernel.Of(tx).FieldErrors(changeClinic(tx, in))
		checked := who.check(tx)
		if bad = append(bad, kernel.Of(tx).FieldErrors(checked)...); len(bad) > 0 || checked != nil {
			if len(bad) == 0 {
				return checked
			}
			return bad
		}
		r.SetPassword(who.Password)
		if err := tx.Save(r); err != nil {
			return err
		}
		return upsertSuperuser(tx, who.Email, who.Password)
	})
}

// changeClinic writes the fields that are filled in and names them as the form does.
func changeClinic(tx core.App, in FirstAdmin) error {
	fields := map[string]any{}
	for field, v := range map[string]string{"name": in.ClinicName, "currency": strings.ToUpper(in.Currency), "timeZone": in.TimeZone} {
		if v = strings.TrimSpace(v); v != "" {
			fields[field] = v
		}
	}
	_, err := clinicapi.Change(tx, fields)
	bad := kernel.Of(tx).FieldErrors(err)
	if len(bad) == 0 {
		return err
	}
	for i, e := range bad {
		if e.Field == "name" {
			bad[i] = e.At("clinicName")
		}
	}
	return bad
}
