package clinic

import (
	"encoding/json"
	"slices"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// admin is authapi.Admin by name: auth needs the clinic, so it cannot be imported here.
// Two roles are the same when their names are.
var admin = kernel.Role{
	Name: "admin", Filter: "@request.auth.role = 'admin'",
	Has: func(a *core.Record) bool { return a.GetString("role") == "admin" },
}

var routes = []kernel.Route{
	kernel.Op(kernel.Route{
		Method: "GET", Path: "/api/clinic", Allow: kernel.Public(), Summary: "Show the clinic; an admin sees all settings",
	}, show),
	kernel.Op(kernel.Route{
		Method: "PUT", Path: "/api/clinic", Allow: kernel.Allow(admin.Always()), Summary: "Change the clinic's settings",
		Errors: []*kernel.Error{errCurrencyInUse, kernel.ErrServerSet, kernel.ErrStale},
	}, change),
}

// Clinic is what anyone may know, and for admins the other settings.
type Clinic struct {
	Name              string   `json:"name"`
	Currency          string   `json:"currency" doc:"ISO 4217"`
	Decimals          int      `json:"decimals" doc:"of the currency"`
	TimeZone          string   `json:"timeZone" doc:"IANA name"`
	Languages         []string `json:"languages" doc:"BCP 47, the first is the default"`
	Modules           []string `json:"modules" doc:"the modules that are switched on"`
	Demo              bool     `json:"demo"`
	OpensAt           string   `json:"opensAt" doc:"HH:MM, empty when the clinic sets no hours"`
	ClosesAt          string   `json:"closesAt"`
	SlotMinutes       int      `json:"slotMinutes"`
	PasswordMinLength int      `json:"passwordMinLength"`
	Updated           string   `json:"updated"`
	*Rules
}

// Rules are the settings that only admins see.
type Rules struct {
	InvoicePrefix        string `json:"invoicePrefix"`
	PasswordRefuseCommon bool   `json:"passwordRefuseCommon"`
	SessionIdleMinutes   int    `json:"sessionIdleMinutes" doc:"0: no idle limit"`
	SessionHours         int    `json:"sessionHours"`
	VideoLeadMinutes     int    `json:"videoLeadMinutes" doc:"how long before its slot a call may start; 0: no limit"`
	ExpiryAlertDays      int    `json:"expiryAlertDays"`
	StrictCare           bool   `json:"strictCare" doc:"doctors see the patients under their care only, others by breaking the glass"`
	BreakGlassMinutes    int    `json:"breakGlassMinutes" doc:"how long a broken glass opens a patient"`

	SessionLimits  map[string]clinicapi.SessionLimit `json:"sessionLimits" doc:"by role, in the place of sessionIdleMinutes and sessionHours; superuser is for the dashboard's accounts, who without it have what admins have"`
	SecondFactor   map[string]string                 `json:"secondFactor" doc:"by role: required or optional"`
	AllowedOrigins []string                          `json:"allowedOrigins" doc:"pages of other servers that browsers may let in, such as https://app.example.org"`
	RateLimits     clinicapi.RateLimits              `json:"rateLimits" doc:"requests per minute of one account or address"`
}

func show(c *kernel.Call, _ kernel.Nothing) (Clinic, error) {
	r, err := c.App.FindRecordById("clinic", clinicapi.RecordID)
	if err != nil {
		return Clinic{}, err
	}
	return describe(c, r)
}

func describe(c *kernel.Call, r *core.Record) (Clinic, error) {
	s, err := clinicapi.FromRecord(r)
	if err != nil {
		return Clinic{}, err
	}
	out := Clinic{
		Name: s.Name, Currency: s.Currency, Decimals: clinicapi.Decimals(s.Currency), TimeZone: s.TimeZone.String(), Languages: s.Languages,
		Modules: modulesOn(c.K), Demo: s.Demo, OpensAt: s.OpensAt, ClosesAt: s.ClosesAt, SlotMinutes: s.SlotMinutes,
		PasswordMinLength: s.PasswordMinLength, Updated: r.GetString("updated"),
	}
	if c.Auth != nil && (c.Auth.IsSuperuser() || admin.Has(c.Auth)) {
		out.Rules = &Rules{
			InvoicePrefix: s.InvoicePrefix, PasswordRefuseCommon: s.PasswordRefuseCommon,
			SessionIdleMinutes: r.GetInt("sessionIdleMinutes"), SessionHours: r.GetInt("sessionHours"),
			VideoLeadMinutes: r.GetInt("videoLeadMinutes"), ExpiryAlertDays: s.ExpiryAlertDays,
			StrictCare: s.StrictCare, BreakGlassMinutes: r.GetInt("breakGlassMinutes"),
			SessionLimits: orEmpty(s.Limits), SecondFactor: orEmpty(s.SecondFactor), AllowedOrigins: append([]string{}, s.AllowedOrigins...), RateLimits: s.RateLimits,
		}
	}
	return out, nil
}

// orEmpty writes a map without entries as {} and not as null.
func orEmpty[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return m
}

// modulesOn names the modules that are switched on.
func modulesOn(k *kernel.Kernel) []string {
	names := []string{}
	for _, m := range k.Modules {
		if k.Enabled(m.Name) {
			names = append(names, m.Name)
		}
	}
	return names
}

// Change is the settings to write; those that are not sent stay as they are.
type Change struct {
	Name                 *string   `json:"name"`
	Currency             *string   `json:"currency" doc:"ISO 4217"`
	TimeZone             *string   `json:"timeZone" doc:"IANA name"`
	Languages            *[]string `json:"languages"`
	OpensAt              *string   `json:"opensAt"`
	ClosesAt             *string   `json:"closesAt"`
	SlotMinutes          *int      `json:"slotMinutes"`
	InvoicePrefix        *string   `json:"invoicePrefix"`
	PasswordMinLength    *int      `json:"passwordMinLength"`
	PasswordRefuseCommon *bool     `json:"passwordRefuseCommon"`
	SessionIdleMinutes   *int      `json:"sessionIdleMinutes"`
	SessionHours         *int      `json:"sessionHours"`
	VideoLeadMinutes     *int      `json:"videoLeadMinutes"`
	ExpiryAlertDays      *int      `json:"expiryAlertDays"`
	StrictCare           *bool     `json:"strictCare"`
	BreakGlassMinutes    *int      `json:"breakGlassMinutes"`

	SessionLimits  *map[string]clinicapi.SessionLimit `json:"sessionLimits" doc:"by role, and superuser for the dashboard's accounts"`
	SecondFactor   *map[string]string                 `json:"secondFactor" doc:"by role: required or optional"`
	AllowedOrigins *[]string                          `json:"allowedOrigins"`
	RateLimits     *clinicapi.RateLimits              `json:"rateLimits" doc:"requests per minute; 0 for the default"`

	Updated string `json:"updated" doc:"the version that was read; 409 if it is stale"`

	// Named so that they are refused, unless a client sends back what it read.
	Demo     *bool           `json:"demo" doc:"only the server sets it"`
	Modules  *[]string       `json:"modules" doc:"only the server sets it: POLYCLINIC_DISABLE names what is off"`
	Decimals *int            `json:"decimals" doc:"only the server sets it: they are the currency's"`
	Created  json.RawMessage `json:"created" doc:"only the server sets it"`
	ID       *string         `json:"id" doc:"only the server sets it"`
}

func change(c *kernel.Call, in Change) (Clinic, error) {
	r, err := c.App.FindRecordById("clinic", clinicapi.RecordID)
	if err != nil {
		return Clinic{}, err
	}
	if err := in.serverSet(c.K, r); err != nil {
		return Clinic{}, err
	}
	info, err := c.RequestInfo()
	if err != nil {
		return Clinic{}, kernel.ErrBadInput
	}
	if err := emptied(info.Body); err != nil {
		return Clinic{}, err
	}
	for _, read := range []string{c.Request.Header.Get("If-Match"), in.Updated} {
		if err := kernel.CheckStale(read, r.GetString("updated")); err != nil {
			return Clinic{}, err
		}
	}
	sent := in.sent()
	if in.RateLimits != nil {
		sent["rateLimits"] = info.Body["rateLimits"] // with the names that are none
	}
	r, err = clinicapi.Change(c.App, sent)
	if err != nil {
		return Clinic{}, err
	}
	return describe(c, r)
}

func (in Change) serverSet(k *kernel.Kernel, r *core.Record) error {
	var bad kernel.Invalid
	if in.Demo != nil && *in.Demo != r.GetBool("demo") {
		bad = append(bad, kernel.ErrServerSet.At("demo"))
	}
	if in.Modules != nil && !slices.Equal(*in.Modules, modulesOn(k)) {
		bad = append(bad, kernel.ErrServerSet.At("modules"))
	}
	// The decimals that were read may be of the currency that this change leaves.
	if in.Decimals != nil && *in.Decimals != clinicapi.Decimals(r.GetString("currency")) {
		bad = append(bad, kernel.ErrServerSet.At("decimals"))
	}
	if len(in.Created) > 0 {
		bad = append(bad, kernel.ErrServerSet.At("created"))
	}
	if in.ID != nil && *in.ID != r.Id {
		bad = append(bad, kernel.ErrServerSet.At("id"))
	}
	return bad.OrNil()
}

// emptied names the settings that a clinic cannot be without and that were sent as null.
func emptied(body map[string]any) error {
	var bad kernel.Invalid
	for _, name := range []string{"name", "currency", "timeZone", "languages"} {
		if v, sent := body[name]; sent && v == nil {
			bad = append(bad, kernel.Required(name))
		}
	}
	return bad.OrNil()
}

// sent returns the fields that the client named. null counts as not sent, see emptied.
func (in Change) sent() map[string]any {
	out := map[string]any{}
	put(out, "name", in.Name)
	put(out, "currency", in.Currency)
	put(out, "timeZone", in.TimeZone)
	put(out, "languages", in.Languages)
	put(out, "opensAt", in.OpensAt)
	put(out, "closesAt", in.ClosesAt)
	put(out, "slotMinutes", in.SlotMinutes)
	put(out, "invoicePrefix", in.InvoicePrefix)
	put(out, "passwordMinLength", in.PasswordMinLength)
	put(out, "passwordRefuseCommon", in.PasswordRefuseCommon)
	put(out, "sessionIdleMinutes", in.SessionIdleMinutes)
	put(out, "sessionHours", in.SessionHours)
	put(out, "videoLeadMinutes", in.VideoLeadMinutes)
	put(out, "expiryAlertDays", in.ExpiryAlertDays)
	put(out, "strictCare", in.StrictCare)
	put(out, "breakGlassMinutes", in.BreakGlassMinutes)
	put(out, "sessionLimits", in.SessionLimits)
	put(out, "secondFactor", in.SecondFactor)
	put(out, "allowedOrigins", in.AllowedOrigins)
	put(out, "rateLimits", in.RateLimits)
	return out
}

func put[T any](out map[string]any, name string, v *T) {
	if v != nil {
		out[name] = *v
	}
}
