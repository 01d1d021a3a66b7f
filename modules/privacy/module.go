// Package privacy owns what patients may ask of the clinic: to see, to correct, to limit
// and to erase what it holds of them, and to say no; and the broken glass of strict care.
package privacy

import (
	"net/http"
	"sync"

	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

// Module declares patients' rights and broken glass.
func Module() kernel.Module {
	list := lister{&sync.Mutex{}}
	return kernel.Module{
		Name: "privacy", Doc: "Patients' rights over their data: export, consent, restriction, erasure; and broken glass.",
		Requires:   []string{"auth", "clinic", "patients"},
		Migrations: migrations,
		Access:     access,
		Resources:  resources,
		Hooks: []kernel.Hook{
			kernel.Before(kernel.Create, "consents", "a consent begins when it is given, and somebody took it", takeConsent),
			kernel.Before(kernel.Create, "privacy_requests", "a request begins open, without an answer", openRequest),
			kernel.Before(kernel.Update, "privacy_requests", "an answer says something and who gave it, and stays", answerRequest),
			kernel.Before(kernel.Update, "retention_rules", "years are years", checkYears),
		},
		Routes: []kernel.Route{glassRoute, reviewRoute, withdrawRoute, restrictRoute, unrestrictRoute, exportRoute, eraseRoute, retentionRoute},
		Errors: []*kernel.Error{errFixed, errErased},
		Emits: []kernel.EventDoc{
			privacyapi.GlassBroken.Declares("A doctor opened a patient outside of their care."),
			privacyapi.Restricted.Declares("The use of a patient's data was restricted, or is not any more."),
			privacyapi.Erased.Declares("What identified a patient was erased."),
		},
		On: []kernel.Subscription{
			kernel.On(privacyapi.GlassBroken, "privacy.tell_admins", tellAdmins),
			kernel.On(privacyapi.Erased, "privacy.empty_log", emptyLog),
			kernel.On(privacyapi.Erased, "privacy.remove_files", removeFiles),
			kernel.On(privacyapi.Erased, "privacy.list", list.erased),
			kernel.On(privacyapi.Erased, "privacy.snapshots", snapshotsOfErased),
		},
		Jobs: []kernel.Job{
			{Name: "retention", Spec: "23 4 1 * *", Doc: "Tells the admins what need not be kept any more. It removes nothing.", Run: reportOverdue},
			{Name: "list", Spec: "40 1 * * *", Doc: "Writes the list of erasures beside the backups anew.", Run: list.keep},
			{Name: "again", Spec: "50 1 * * *", Doc: "Tries again what was given up of an erasure, such as files on an S3 that was away.", Run: tryAgain},
			{Name: "snapshots", Spec: "45 1 * * *", Doc: "Removes copies from before upgrades that hold somebody who was erased since, two weeks after the upgrade.", Run: dropSnapshots},
		},
		Commands: []func(*kernel.Kernel) *cobra.Command{patientCommand},
		Provides: append(parts, consents{}, restrictions{}, restored{}),
		Bind:     bind,
	}
}

func bind(k *kernel.Kernel) error {
	bindSettle(k)
	bindErased(k)
	if err := checkParts(k); err != nil {
		return err
	}
	return bindRestriction(k)
}

// errFixed is the database's word on what must stay as it was.
var errFixed = kernel.Fail(http.StatusConflict, "privacy_kept", "This is kept as it was written down.")

var requesters = kernel.Allow(authapi.Admin.Always(), authapi.Nurse.Always(), authapi.Staff.Always(), authapi.Patient.When(own))

var access = []kernel.Access{
	{
		Collection: "break_glass", Doc: "Who opened which patient outside of their care, why, and whether it was reviewed.",
		List: admins, View: admins,
		Queryable: []string{"patientId", "accountId", "expiresAt", "reviewedAt", "reviewedById"},
	},
	{
		Collection: "consents", Doc: "What patients agreed to, and withdrew.",
		List: team, View: team, Create: takers,
		ServerSet: []string{"takenById", "withdrawnAt", "withdrawnById"},
		Queryable: []string{"patientId", "purpose", "version", "givenAt", "withdrawnAt"},
	},
	{
		Collection: "privacy_requests", Doc: "What patients asked for: to see, correct, limit or erase what is held of them.",
		List: requesters, View: requesters, Update: admins,
		Create:     kernel.Allow(authapi.Admin.Always(), authapi.Nurse.Always(), authapi.Staff.Always(), authapi.Patient.When(ownNew)),
		ServerSet:  []string{"answeredAt", "answeredById"},
		CreateOnly: []string{"patientId", "kind", "text"},
		Queryable:  []string{"patientId", "kind", "status", "answeredAt"},
	},
	{
		Collection: "erasures", Doc: "Who was erased: the pseudonym in place of the name, and why.",
		List: admins, View: admins, Queryable: []string{"patientId", "pseudonym", "scope"},
	},
	{
		Collection: "retention_rules", Doc: "For how many years each kind of record is kept.",
		List: admins, View: admins, Update: admins, CreateOnly: []string{"recordType"}, Queryable: []string{"recordType", "years"},
	},
}

var resources = []kernel.Resource{
	{Path: "/api/break-glass", Collection: "break_glass", Noun: "broken glass", Verbs: []kernel.Verb{kernel.List, kernel.View}},
	{Path: "/api/consents", Collection: "consents", Noun: "consent", Verbs: []kernel.Verb{kernel.List, kernel.View, kernel.Create}, Sort: "-givenAt,-created"},
	{Path: "/api/privacy-requests", Collection: "privacy_requests", Noun: "request of a patient", Verbs: []kernel.Verb{kernel.List, kernel.View, kernel.Create, kernel.Update}},
	{Path: "/api/erasures", Collection: "erasures", Noun: "erasure", Verbs: []kernel.Verb{kernel.List, kernel.View}},
	{Path: "/api/retention-rules", Collection: "retention_rules", Noun: "retention rule", Verbs: []kernel.Verb{kernel.List, kernel.View, kernel.Update}, Sort: "recordType"},
}

// parts are what this module itself holds of patients.
var parts = []any{
	privacyapi.Part{Collection: "consents", Doc: "what was agreed to", Where: "patientId = {:patient}", Text: []string{"version", "note"}},
	privacyapi.Part{Collection: "privacy_requests", Doc: "requests and their answers", Where: "patientId = {:patient}", Text: []string{"text", "answer"}},
	privacyapi.Part{Collection: "break_glass", Doc: "who opened the patient outside of their care", Where: "patientId = {:patient}", Text: []string{"reason", "reviewNote"}},
	privacyapi.Part{Collection: "erasures", Doc: "earlier erasures", Where: "patientId = {:patient}"},
}
