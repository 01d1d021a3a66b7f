package billing

import (
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

var (
	own    = kernel.Rule{Name: "own, issued", Filter: "patientId.userId = @request.auth.id && issuedAt != ''"}
	billed = kernel.Rule{
		Name: "billed", Filter: "doctorId.userId = @request.auth.id || createdById = @request.auth.id",
		Strict: "(doctorId.userId = @request.auth.id || createdById = @request.auth.id) && " + patientsapi.InCare("patientId."),
	}
	careFor     = kernel.Rule{Strict: "patientId = '' || (" + patientsapi.InCare("patientId.") + ")"}
	ownPayments = kernel.Rule{Name: "own", Filter: "invoiceId.patientId.userId = @request.auth.id"}
	ofBilled    = kernel.Rule{
		Name: "of billed", Filter: "invoiceId.doctorId.userId = @request.auth.id || invoiceId.createdById = @request.auth.id",
		Strict: "(invoiceId.doctorId.userId = @request.auth.id || invoiceId.createdById = @request.auth.id) && " + patientsapi.InCare("invoiceId.patientId."),
	}
)

var (
	readers = kernel.Allow(authapi.Admin.Always(), authapi.Staff.Always(), authapi.Doctor.When(billed), authapi.Patient.When(own))
	writers = kernel.Allow(authapi.Admin.Always(), authapi.Cashier.Always())
	issuers = kernel.Allow(authapi.Admin.Always(), authapi.Cashier.Always(), authapi.Reception.Always(), authapi.Doctor.When(careFor))

	paymentReaders = kernel.Allow(authapi.Admin.Always(), authapi.Staff.Always(), authapi.Doctor.When(ofBilled), authapi.Patient.When(ownPayments))
)

var access = []kernel.Access{
	{
		Collection: "invoices", Doc: "What patients are billed.", Counted: true,
		List: readers, View: readers, Create: issuers, Update: writers,
		ServerSet: []string{
			"invoiceNumber", "status", "currency", "paid", "balance", "refunded", "amountMinor", "paidMinor", "balanceMinor",
			"refundedMinor", "issuedAt", "issuedOn", "voidedAt", "voidReason", "createdById", "sourceId",
		},
		CreateOnly: []string{"patientId"},
		Queryable: []string{
			"patientId", "appointmentId", "doctorId", "createdById", "invoiceNumber", "status", "currency", "amount", "paid",
			"balance", "refunded", "issuedAt", "issuedOn", "dueOn", "voidedAt",
		},
	},
	{
		Collection: "payments", Doc: "The ledger of payments and refunds: rows are added and never changed.", Counted: true,
		List: paymentReaders, View: paymentReaders,
		Queryable: []string{"invoiceId", "kind", "amount", "method", "paidAt", "paidOn", "receivedById"},
	},
	{Collection: "invoice_counters", Doc: "The last invoice number of each prefix."},
}
