// Package staff owns the profiles of the people who work at the clinic.
package staff

import (
	"github.com/polyclinic-os/polyclinic/kernel"
)

// Module declares doctors, nurses and staff.
func Module() kernel.Module {
	m := kernel.Module{
		Name: "staff", Doc: "Doctors, nurses and other staff.",
		Requires:   []string{"auth", "clinic"},
		Migrations: migrations,
		Errors:     []*kernel.Error{errKept},
		Provides:   []any{doctorTable, doctorImport, fees{}, warehouse[0], warehouse[1], warehouse[2]},
		Cast:       cast,
		Demo:       demo,
	}
	for _, k := range kinds {
		m.Access = append(m.Access, k.access())
		m.Resources = append(m.Resources, k.resource())
		m.Hooks = append(m.Hooks, k.hooks()...)
		m.Routes = append(m.Routes, k.restoreRoute())
		m.Provides = append(m.Provides, k.profile(), kernel.People(k.collection))
	}
	return m
}

func (k kind) hooks() []kernel.Hook {
	list := []kernel.Hook{
		kernel.OnRequest(kernel.Create, k.collection, "with e-mail and password an account is made", k.makeAccount),
		kernel.OnRequest(kernel.Update, k.collection, "with e-mail and password an account is made", k.makeAccount),
		kernel.Before(kernel.Create, k.collection, "the entries make sense", k.checkEntries),
		kernel.Before(kernel.Update, k.collection, "the entries make sense", k.checkEntries),
		kernel.Before(kernel.Delete, k.collection, "nobody with a future is deleted", k.checkFuture),
		kernel.InsteadOfDelete(k.collection, "the profile leaves every list and is kept, its account is disabled", remove),
	}
	if k.collection == "staff" {
		list = append(list,
			kernel.After(kernel.Create, "staff", "the account has the duties of the profile", mirrorDuty),
			kernel.After(kernel.Update, "staff", "the account has the duties of the profile", mirrorDuty),
		)
	}
	return list
}
