package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
	"github.com/polyclinic-os/polyclinic/modules/inventory"
)

// badInputs are inputs with several things wrong at once, of the wrong type, missing and out of
// range, and the names of all that is.
var badInputs = []struct {
	as                 authapi.Account
	method, path, body string
	bad                string
}{
	{authapi.Petra, "POST", "/api/inventory", `{"itemName":"","quantity":-1,"expiryDate":"x","unitPrice":-1,"reorderLevel":-1}`, "expiryDate itemName quantity reorderLevel unitPrice"},
	{authapi.Petra, "POST", "/api/inventory", `{"itemName":["a","b"],"reorderLevel":"x","expiryDate":"2027-13-01"}`, "expiryDate itemName quantity reorderLevel"},
	{authapi.Petra, "PUT", "/api/inventory/" + inventory.Insulin, `{"itemName":" ","quantity":null,"expiryDate":"x","unitPrice":true}`, "expiryDate itemName quantity unitPrice"},
	{authapi.Petra, "POST", "/api/inventory/" + inventory.Insulin + "/adjust", `{"delta":"x","reason":5}`, "delta reason"},
	{authapi.Petra, "POST", "/api/inventory/" + inventory.Insulin + "/adjust", `{"delta":"x"}`, "delta reason"},
	{authapi.Petra, "POST", "/api/inventory/" + inventory.Insulin + "/adjust", `{"delta":0,"reason":"\u0000","quantity":7}`, "delta quantity reason"},
	{authapi.Carl, "POST", "/api/billing/" + billingapi.CastUnpaid + "/payments", `{"amount":-1,"method":"gold"}`, "amount method"},
	{authapi.Carl, "POST", "/api/billing/" + billingapi.CastUnpaid + "/payments", `{"amount":0.001,"method":5,"reference":"` + strings.Repeat("x", 201) + `","status":"paid"}`, "amount method reference status"},
	{authapi.Carl, "POST", "/api/billing/" + billingapi.CastUnpaid + "/payments", `{"amount":1,"method":"cash","reference":"\u0000"}`, "reference"},
	{authapi.Carl, "POST", "/api/billing/" + billingapi.CastPaid + "/refunds", `{"amount":"5","method":"gold","reason":[1]}`, "amount method reason"},
	{authapi.Carl, "POST", "/api/billing", `{"patientId":["patada000000001","patbob000000002"],"amount":-5,"dueOn":"x"}`, "amount dueOn patientId"},
	{authapi.Dana, "POST", "/api/patients", `{"name":"x","age":-1,"dateOfBirth":"1990-02-30"}`, "age dateOfBirth"},
	{authapi.Dana, "POST", "/api/patients", `{"name":"x","age":"abc","email":"bad","dateOfBirth":"1990-02-30"}`, "age dateOfBirth email"},
	{authapi.Dana, "POST", "/api/patients", `{"name":"\u200b","mrn":"X","age":"40","assignedDoctorId":[1],"bloodGroup":"Z"}`, "age assignedDoctorId bloodGroup mrn name"},
	{authapi.Dana, "POST", "/api/appointments", `{"patientId":5,"appointmentDate":"x","timeSlot":"9"}`, "appointmentDate doctorId patientId timeSlot"},
	{authapi.Alma, "POST", "/api/notices", `{"publishAt":"x"}`, "body publishAt title"},
	{authapi.Alma, "POST", "/api/notices", `{"title":5.5,"pinned":"true","audience":["kings"]}`, "audience body pinned"},
	{authapi.Grace, "POST", "/api/medical-records", `{"patientId":"patada000000001","diagnosis":"","treatment":[1]}`, "diagnosis treatment"},
	{authapi.Alma, "POST", "/api/auth/register", `{"name":5,"email":[],"password":{},"role":7}`, "email name password role"},
	{authapi.Alma, "POST", "/api/auth/register", `{"name":5,"email":"x","role":"king"}`, "email name password role"},
	{authapi.Alma, "PUT", "/api/clinic", `{"slotMinutes":"b","timeZone":5,"name":""}`, "name slotMinutes timeZone"},
	{authapi.Alma, "PUT", "/api/clinic", `{"sessionHours":1.5,"currency":"gold","decimals":7,"rateLimits":[]}`, "currency decimals rateLimits sessionHours"},
}

// TestOneAnswerNamesEveryBadField sends each by its documented path and, where that is a
// collection's, in a batch: what one path says, the other says too.
func TestOneAnswerNamesEveryBadField(t *testing.T) {
	s := set.Start(t)
	named := func(data map[string]any) string {
		return strings.Join(slices.Sorted(maps.Keys(data)), " ")
	}
	collections := map[string]string{
		"/api/inventory": "inventory", "/api/billing": "invoices", "/api/patients": "patients",
		"/api/appointments": "appointments", "/api/notices": "notices", "/api/medical-records": "medical_records",
	}
	before := map[string]int64{}
	for _, name := range collections {
		n, err := s.App.CountRecords(name)
		if err != nil {
			t.Fatal(err)
		}
		before[name] = n
	}
	for _, c := range badInputs {
		who := kerneltest.Account{Email: c.as.Email, Password: c.as.Password}
		r := s.As(t, who, c.method, c.path, c.body)
		data, _ := r.JSON(t)["data"].(map[string]any)
		if got := named(data); r.Status != http.StatusBadRequest || got != c.bad {
			t.Errorf("%s %s %s: %d names %q, want %q: %s", c.method, c.path, c.body, r.Status, got, c.bad, r.Body)
		}
		if collections[c.path] == "" {
			continue
		}
		r = s.As(t, who, "POST", "/api/batch", `{"requests":[{"method":"POST","url":"/api/collections/`+collections[c.path]+`/records","body":`+c.body+`}]}`)
		var answer struct {
			Data struct {
				Requests map[string]struct {
					Response struct{ Data map[string]any }
				}
			}
		}
		_ = json.Unmarshal([]byte(r.Body), &answer) // what is no JSON names nothing
		if got := named(answer.Data.Requests["0"].Response.Data); r.Status != http.StatusBadRequest || got != c.bad {
			t.Errorf("in a batch, %s %s: %d names %q, want %q: %s", c.path, c.body, r.Status, got, c.bad, r.Body)
		}
	}
	for _, name := range collections {
		if n, err := s.App.CountRecords(name); err != nil || n != before[name] {
			t.Errorf("%s: %d rows of %d (%v)", name, n, before[name], err)
		}
	}
}
