package auth

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// Me is the caller's account with its profile and what it may do.
type Me struct {
	Account
	Profile     *core.Record `json:"profile" doc:"the account's doctor, nurse, staff or patient; null when it has none"`
	Permissions Permissions  `json:"permissions"`
	Factor      *Factor      `json:"secondFactor" doc:"null for superusers"`

	fields map[string]any // of the account, those that a site added included
}

// Permissions is what the caller's role may do at all. On which records is for the access
// rules to say.
type Permissions struct {
	Collections map[string][]kernel.Verb `json:"collections" doc:"verbs by collection"`
	Routes      []string                 `json:"routes" doc:"methods and paths"`
}

// MarshalJSON writes the account as PocketBase writes it everywhere else.
func (m Me) MarshalJSON() ([]byte, error) {
	out := maps.Clone(m.fields)
	out["profile"], out["permissions"], out["secondFactor"] = m.Profile, m.Permissions, m.Factor
	return json.Marshal(out)
}

func me(c *kernel.Call, _ kernel.Nothing) (Me, error) {
	account := c.Auth.Fresh()
	if err := apis.EnrichRecord(c.RequestEvent, account); err != nil {
		return Me{}, err
	}
	account.IgnoreEmailVisibility(true)
	profile, err := visibleProfile(c)
	if err != nil {
		return Me{}, err
	}
	out := Me{Profile: profile, Permissions: permissions(c.K, c.Auth), fields: account.PublicExport()}
	if !c.Auth.IsSuperuser() {
		f, err := factorOf(c.App, account)
		if err != nil {
			return Me{}, err
		}
		out.Factor = &f
	}
	return out, nil
}

// visibleProfile returns the caller's profile, nil when there is none or it was deleted.
func visibleProfile(c *kernel.Call) (*core.Record, error) {
	if c.Auth.IsSuperuser() {
		return nil, nil
	}
	profile, err := authapi.ProfileOf(c.App, c.Auth)
	if err != nil || profile == nil {
		return nil, err
	}
	info, err := c.RequestInfo()
	if err != nil {
		return nil, err
	}
	access, _ := c.K.AccessOf(profile.Collection().Name)
	visible, err := c.App.CanAccessRecord(profile, info, access.Compiled(kernel.View))
	if err != nil || !visible || c.K.Off(profile.Collection().Name) {
		return nil, err
	}
	return profile, nil
}

func permissions(k *kernel.Kernel, account *core.Record) Permissions {
	out := Permissions{Collections: map[string][]kernel.Verb{}, Routes: []string{}}
	for _, m := range k.Modules {
		if !k.Enabled(m.Name) {
			continue
		}
		tables := map[string]kernel.Access{}
		for _, a := range m.Access {
			tables[a.Collection] = a
			for _, v := range kernel.Verbs {
				if (kernel.Resource{}).Policy(a, v).Admits(account) {
					out.Collections[a.Collection] = append(out.Collections[a.Collection], v)
				}
			}
		}
		for _, r := range m.Resources {
			for _, v := range kernel.Verbs {
				if r.Has(v) && r.Policy(tables[r.Collection], v).Admits(account) {
					out.Routes = append(out.Routes, r.Pattern(v))
				}
			}
		}
		for _, r := range m.Routes {
			if r.Allow.Admits(account) {
				out.Routes = append(out.Routes, r.Pattern())
			}
		}
	}
	slices.Sort(out.Routes)
	return out
}
