package clinicapi

import (
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// Access is who gets in, for how long, from where and how often: settings of the clinic.
type Access struct {
	Limits         map[string]SessionLimit // by role, and for Superuser; a role without an entry has the clinic's general ones
	SecondFactor   map[string]string       // by role: SecondFactorRequired or SecondFactorOptional
	AllowedOrigins []string                // pages of other servers that browsers may let in, such as https://app.example.org
	RateLimits     RateLimits
}

// SessionLimit is how long sessions of one role live.
type SessionLimit struct {
	IdleMinutes int `json:"idleMinutes" doc:"without a request; 0: no idle limit"`
	Hours       int `json:"hours" doc:"from the sign-in, whatever happens in it"`
}

// RateLimits are requests per minute from one account, or from one address while nobody is
// signed in. 0 stands for the default.
type RateLimits struct {
	SignIn int `json:"signIn" doc:"sign-ins and registrations, always by address"`
	Write  int `json:"write"`
	Read   int `json:"read"`
	Export int `json:"export" doc:"CSV, PDF and other documents"`
}

// DefaultRateLimits stop what is no person's work; a busy desk stays far below.
var DefaultRateLimits = RateLimits{SignIn: 120, Write: 6000, Read: 12000, Export: 120}

// What a clinic can say of a role's second factor.
const (
	SecondFactorRequired = "required"
	SecondFactorOptional = "optional"
)

// Superuser is, beside the roles, the name under which a clinic limits the sessions of its
// dashboard.
const Superuser = "superuser"

// Sessions returns how long a session of the role may be idle (0: no limit) and how long it
// lives at most. Superusers without an entry have what admins have.
func (s Settings) Sessions(role string) (idle, life time.Duration) {
	l, ok := s.Limits[role]
	if !ok && role == Superuser {
		l, ok = s.Limits["admin"]
	}
	if ok {
		return time.Duration(l.IdleMinutes) * time.Minute, time.Duration(l.Hours) * time.Hour
	}
	return s.SessionIdle, s.SessionLife
}

// LongestSession is the greatest life that any role's session has.
func (s Settings) LongestSession() time.Duration {
	longest := s.SessionLife
	for role := range s.Limits {
		_, life := s.Sessions(role)
		longest = max(longest, life)
	}
	return longest
}

// DemandsSecondFactor reports whether the role's accounts must have one.
func (s Settings) DemandsSecondFactor(role string) bool {
	return s.SecondFactor[role] == SecondFactorRequired
}

// AccessFields are the names of the settings in this file, as the row and the API have them.
var AccessFields = []string{"sessionLimits", "secondFactor", "allowedOrigins", "rateLimits"}

// AccessFromRecord reads the settings from the clinic's row. An error names the field.
func AccessFromRecord(r *core.Record) (a Access, bad map[string]error) {
	a.RateLimits = RateLimits{}
	bad = map[string]error{}
	for field, into := range map[string]any{
		"sessionLimits": &a.Limits, "secondFactor": &a.SecondFactor, "allowedOrigins": &a.AllowedOrigins, "rateLimits": &a.RateLimits,
	} {
		if text := r.GetString(field); text == "" || text == "null" || text == `""` {
			continue
		}
		if err := r.UnmarshalJSONField(field, into); err != nil {
			bad[field] = fmt.Errorf("%s: %w", field, err)
		}
	}
	a.RateLimits = a.RateLimits.orDefault()
	return a, bad
}

func (l RateLimits) orDefault() RateLimits {
	for _, p := range []struct {
		v   *int
		def int
	}{
		{&l.SignIn, DefaultRateLimits.SignIn}, {&l.Write, DefaultRateLimits.Write},
		{&l.Read, DefaultRateLimits.Read}, {&l.Export, DefaultRateLimits.Export},
	} {
		if *p.v == 0 {
			*p.v = p.def
		}
	}
	return l
}
