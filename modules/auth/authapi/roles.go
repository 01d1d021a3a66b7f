// Package authapi names the roles that policies speak of, and the cast's accounts.
package authapi

import (
	"slices"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// Roles of accounts, and the duties that a member of staff can have. A duty is a role
// within Staff: what Staff may do, each of them may.
var (
	Admin     = role("admin")
	Doctor    = role("doctor")
	Nurse     = role("nurse")
	Staff     = role("staff")
	Reception = duty("reception")
	Cashier   = duty("cashier")
	Pharmacy  = duty("pharmacy")
	Patient   = role("patient")
)

// Roles is every built-in role in matrix order.
var Roles = []kernel.Role{Admin, Doctor, Nurse, Staff, Reception, Cashier, Pharmacy, Patient}

// Duties is every duty a member of staff can have.
var Duties = []string{Reception.Name, Cashier.Name, Pharmacy.Name}

// Statuses of an account. Only an active one has rights.
const (
	Active   = "active"
	Pending  = "pending"
	Disabled = "disabled"
)

func role(name string) kernel.Role {
	return kernel.Role{
		Name:   name,
		Filter: "@request.auth.role = '" + name + "'",
		Has:    func(a *core.Record) bool { return a.GetString("role") == name },
	}
}

func duty(name string) kernel.Role {
	return kernel.Role{
		Name:   name,
		Within: "staff",
		// ~ is "contains": the vocabulary is closed and no duty's name is part of another's.
		Filter: "(@request.auth.role = 'staff' && @request.auth.duty ~ '" + name + "')",
		Has: func(a *core.Record) bool {
			return a.GetString("role") == "staff" && slices.Contains(a.GetStringSlice("duty"), name)
		},
	}
}
