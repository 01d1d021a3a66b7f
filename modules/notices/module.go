// Package notices owns the clinic's announcements. It is the smallest module: copy it to
// begin a new one.
package notices

import (
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// Module declares the clinic's announcements.
func Module() kernel.Module {
	return kernel.Module{
		Name: "notices", Doc: "Announcements, each for the roles it is meant for.",
		Requires:   []string{"auth"},
		Migrations: migrations,
		Access:     access,
		Resources: []kernel.Resource{{
			Path: "/api/notices", Collection: "notices", Noun: "notice",
			Search: []string{"title", "body"}, Sort: "-pinned,-publishAt,-created",
		}},
		Hooks: []kernel.Hook{
			kernel.Before(kernel.Create, "notices", "it says something, and ends after it begins", checkEntries),
			kernel.Before(kernel.Update, "notices", "it says something, and ends after it begins", checkEntries),
		},
		Provides: []any{board{}},
		Demo:     demo,
	}
}

// meant holds for a notice that is due and meant for the caller's role. No role's name is
// part of another's, so ~, which is "contains", is exact.
var meant = kernel.Rule{Name: "meant for them, and due", Filter: "(audience:length = 0 || audience ~ @request.auth.role)" +
	" && (publishAt = '' || publishAt <= @now) && (expiresAt = '' || expiresAt > @now)"}

var (
	admins  = kernel.Allow(authapi.Admin.Always())
	readers = kernel.Allow(authapi.Admin.Always(), authapi.Doctor.When(meant), authapi.Nurse.When(meant), authapi.Staff.When(meant), authapi.Patient.When(meant))
)

var access = []kernel.Access{{
	Collection: "notices", Doc: "Announcements.",
	List: readers, View: readers, Create: admins, Update: admins, Delete: admins,
	Queryable: []string{"title", "body", "audience", "publishAt", "expiresAt", "pinned"},
}}

// checkEntries tidies a notice and names everything that makes no sense. A notice without
// publishAt is published now.
func checkEntries(tx core.App, r *core.Record) error {
	var bad kernel.Invalid
	for _, field := range []string{"title", "body"} {
		r.Set(field, strings.TrimSpace(r.GetString(field)))
		if r.GetString(field) == "" {
			bad = append(bad, kernel.Required(field))
		}
	}
	if r.GetDateTime("publishAt").IsZero() {
		r.Set("publishAt", types.NowDateTime())
	}
	if end := r.GetDateTime("expiresAt"); !end.IsZero() && !end.After(r.GetDateTime("publishAt")) {
		bad = append(bad, kernel.Bad("expiresAt", "validation_ends_before_start", "Must be after publishAt."))
	}
	return bad.Complete(tx, r)
}
