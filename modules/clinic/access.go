package clinic

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// initAccess adds who gets in, for how long, from where and how often. The defaults of a
// clinic: a computer that several people use signs out after a quarter of an hour, a
// patient's own after an hour; nobody stays signed in longer than a long shift.
// 45 CFR 164.312(a)(2)(iii) demands an automatic log-off and names no number.
func initAccess(tx core.App) error {
	c, err := tx.FindCollectionByNameOrId("clinic")
	if err != nil {
		return err
	}
	for _, name := range []string{"sessionLimits", "secondFactor", "allowedOrigins", "rateLimits"} {
		c.Fields.Add(&core.JSONField{Name: name, MaxSize: 4000})
	}
	if err := tx.Save(c); err != nil {
		return err
	}
	const limits = `{"admin":{"idleMinutes":15,"hours":12},"doctor":{"idleMinutes":15,"hours":12},"nurse":{"idleMinutes":15,"hours":12},` +
		`"staff":{"idleMinutes":15,"hours":12},"patient":{"idleMinutes":60,"hours":12}}`
	// A demo of an earlier build keeps what it had: sessions without an idle limit.
	_, err = tx.DB().NewQuery(`UPDATE clinic SET sessionLimits = CASE WHEN demo THEN '{}' ELSE '` + limits + `' END,
		secondFactor = '{}', allowedOrigins = '[]', rateLimits = '{}'`).Execute()
	return err
}

// limitSuperusers adds what superusers have: the idle limit of staff, and the end that their
// sign-in had, which was an admin's. A demo has no limits, and keeps none.
func limitSuperusers(tx core.App) error {
	_, err := tx.DB().NewQuery(`UPDATE clinic SET sessionLimits = json_set(sessionLimits, '$.superuser',
		json_object('idleMinutes', 15, 'hours', COALESCE(json_extract(sessionLimits, '$.admin.hours'), sessionHours)))
		WHERE NOT demo AND CASE WHEN json_valid(sessionLimits) THEN json_type(sessionLimits) = 'object' AND json_type(sessionLimits, '$.superuser') IS NULL END`).Execute()
	return err
}

// webRules lets the platform's hooks ask the clinic's settings.
type webRules struct{}

var _ kernel.WebRules = webRules{}

func (webRules) AllowedOrigins(app core.App) ([]string, error) {
	s, err := clinicapi.Current(app)
	return s.AllowedOrigins, err
}

func (webRules) PerMinute(app core.App, class kernel.RateClass) (int, error) {
	s, err := clinicapi.Current(app)
	if err != nil {
		return 0, err
	}
	switch class {
	case kernel.SignInRate:
		return s.RateLimits.SignIn, nil
	case kernel.WriteRate:
		return s.RateLimits.Write, nil
	case kernel.ExportRate:
		return s.RateLimits.Export, nil
	}
	return s.RateLimits.Read, nil
}

// roles of accounts, as auth names them: it needs the clinic, so it cannot be imported here.
var roles = []string{"admin", "doctor", "nurse", "staff", "patient"}

// accessHolds names every setting of access that does not hold.
func accessHolds(r *core.Record) (bad kernel.Invalid) {
	a, unread := clinicapi.AccessFromRecord(r)
	for _, field := range clinicapi.AccessFields {
		if unread[field] != nil {
			bad = append(bad, kernel.Bad(field, "validation_invalid_type", "Is not of the documented shape."))
		}
	}
	refuse := func(field, code, text string) { bad = append(bad, kernel.Bad(field, code, text)) }
	for role, l := range a.Limits {
		switch {
		case role != clinicapi.Superuser && !slices.Contains(roles, role):
			refuse("sessionLimits", "validation_unknown_role", "Names a role that is none of "+strings.Join(roles, ", ")+" and "+clinicapi.Superuser+".")
		case l.IdleMinutes < 0 || l.IdleMinutes > 1440 || l.Hours < 1 || l.Hours > 720:
			refuse("sessionLimits", "validation_out_of_range", "idleMinutes must be from 0 to 1440 and hours from 1 to 720, for each role that is named.")
		}
	}
	for role, v := range a.SecondFactor {
		switch {
		case !slices.Contains(roles, role):
			refuse("secondFactor", "validation_unknown_role", "Names a role that is none of "+strings.Join(roles, ", ")+".")
		case v != clinicapi.SecondFactorRequired && v != clinicapi.SecondFactorOptional:
			refuse("secondFactor", "validation_in_invalid", "Must be required or optional, for each role that is named.")
		}
	}
	if len(a.AllowedOrigins) > 50 || slices.ContainsFunc(a.AllowedOrigins, func(o string) bool { return !isOrigin(o) }) {
		refuse("allowedOrigins", "validation_invalid_origin", "Must be a list of at most 50 origins such as https://app.example.org: scheme, name and port, nothing else.")
	}
	limits := map[string]int{"signIn": a.RateLimits.SignIn, "write": a.RateLimits.Write, "read": a.RateLimits.Read, "export": a.RateLimits.Export}
	var named map[string]any
	if err := r.UnmarshalJSONField("rateLimits", &named); err == nil && r.GetString("rateLimits") != r.Original().GetString("rateLimits") {
		for name := range named {
			if _, known := limits[name]; !known {
				refuse("rateLimits", "validation_unknown_name", "Names a limit that is none of signIn, write, read and export.")
			}
		}
	}
	for name, n := range limits {
		if n < 10 || n > 1_000_000 {
			refuse("rateLimits", "validation_out_of_range", fmt.Sprintf("%s must be from 10 to 1000000 requests per minute, or 0 for the default.", name))
		}
	}
	return bad
}

// isOrigin reports whether o is what a browser sends as Origin.
func isOrigin(o string) bool {
	u, err := url.Parse(o)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil &&
		o == strings.ToLower(u.Scheme+"://"+u.Host) && !strings.Contains(u.Host, "*")
}
