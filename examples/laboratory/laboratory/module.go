// Package laboratory adds a laboratory to Polyclinic: doctors order tests, nurses enter the
// results, a doctor signs them, and the bill follows. It lives in a repository of its own and
// knows of the product what any module may know: the kernel and its siblings' api packages.
package laboratory

import (
	"net/http"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
)

// Signed is emitted when a result becomes final.
var Signed = kernel.Event[SignedV1]{Name: "laboratory.signed.v1"}

// SignedV1 names what was signed. It says nothing of what was found.
type SignedV1 struct {
	ResultID  string `json:"resultId"`
	OrderID   string `json:"orderId"`
	PatientID string `json:"patientId"`
}

var (
	errUnknownTest = kernel.Fail(http.StatusBadRequest, "unknown_test", "The laboratory does not have this test.")
	errNoDoctor    = kernel.Fail(http.StatusForbidden, "no_doctor", "This account has no doctor's profile.")
	errFinal       = kernel.Fail(http.StatusConflict, "result_final", "A signed result is final.")
)

// Module declares the laboratory.
func Module() kernel.Module {
	var bill billingapi.Charges
	return kernel.Module{
		Name: "laboratory", Doc: "Laboratory orders and results.",
		Requires:   []string{"auth", "clinic", "staff", "patients", "billing"},
		Migrations: migrations,
		Access:     access,
		Resources: []kernel.Resource{
			{Path: "/api/laboratory/orders", Collection: "lab_orders", Noun: "laboratory order", Verbs: []kernel.Verb{kernel.List, kernel.View, kernel.Create}, Errors: []*kernel.Error{errUnknownTest}},
			{Path: "/api/laboratory/results", Collection: "lab_results", Noun: "laboratory result", Verbs: []kernel.Verb{kernel.List, kernel.View, kernel.Create, kernel.Update}, Errors: []*kernel.Error{errFinal}},
		},
		Hooks: []kernel.Hook{
			kernel.OnRequest(kernel.Create, "lab_orders", "the doctor who orders is the caller", orderedByCaller),
			kernel.Before(kernel.Create, "lab_orders", "the test is one that the laboratory has", knownTest),
			kernel.After(kernel.Create, "lab_orders", "the test is charged", charge(&bill)),
			kernel.Before(kernel.Create, "lab_results", "a result is its order's patient's", ofOrder),
			kernel.Before(kernel.Update, "lab_results", "a signed result is final", final),
		},
		Routes: []kernel.Route{signRoute},
		Errors: []*kernel.Error{errFinal},
		Emits:  []kernel.EventDoc{Signed.Declares("A laboratory result became final.")},
		Cast:   cast,
		Bind: func(k *kernel.Kernel) (err error) {
			bill, err = kernel.One[billingapi.Charges](k)
			return err
		},
	}
}

var (
	own       = kernel.Rule{Name: "own", Filter: "patientId.userId = @request.auth.id"}
	ownSigned = kernel.Rule{Name: "own, signed", Filter: "patientId.userId = @request.auth.id && signedAt != ''"}
)

var access = []kernel.Access{
	{
		Collection: "lab_orders", Doc: "Tests that doctors ordered.",
		List:      kernel.Allow(authapi.Admin.Always(), authapi.Doctor.Always(), authapi.Nurse.Always(), authapi.Patient.When(own)),
		View:      kernel.Allow(authapi.Admin.Always(), authapi.Doctor.Always(), authapi.Nurse.Always(), authapi.Patient.When(own)),
		Create:    kernel.Allow(authapi.Doctor.Always()),
		ServerSet: []string{"doctorId"},
		Queryable: []string{"patientId", "doctorId", "test"},
	},
	{
		Collection: "lab_results", Doc: "What the tests found; patients see what a doctor has signed.",
		List:       kernel.Allow(authapi.Admin.Always(), authapi.Doctor.Always(), authapi.Nurse.Always(), authapi.Patient.When(ownSigned)),
		View:       kernel.Allow(authapi.Admin.Always(), authapi.Doctor.Always(), authapi.Nurse.Always(), authapi.Patient.When(ownSigned)),
		Create:     kernel.Allow(authapi.Nurse.Always(), authapi.Doctor.Always()),
		Update:     kernel.Allow(authapi.Nurse.Always(), authapi.Doctor.Always()),
		ServerSet:  []string{"patientId", "signedAt", "signedById"},
		CreateOnly: []string{"orderId"},
		Queryable:  []string{"orderId", "patientId", "signedAt"},
	},
}
