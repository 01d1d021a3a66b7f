package fhir_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/appointments"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/billing"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/exchange"
	"github.com/polyclinic-os/polyclinic/modules/exchange/exchangeapi"
	"github.com/polyclinic-os/polyclinic/modules/fhir"
	"github.com/polyclinic-os/polyclinic/modules/patients"
	"github.com/polyclinic-os/polyclinic/modules/records"
	"github.com/polyclinic-os/polyclinic/modules/staff"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

var set = &kerneltest.Set{Modules: []kernel.Module{
	hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(), staff.Module(), patients.Module(),
	appointments.Module(), records.Module(), billing.Module(), exchange.Module(), fhir.Module(),
}}

// imports runs `polyclinic import fhir` and returns what it printed.
func imports(t *testing.T, s *kerneltest.Server, args ...string) (string, error) {
	t.Helper()
	for _, c := range kernel.All[exchangeapi.Command](s.Kernel) {
		if c.Under != exchangeapi.Import {
			continue
		}
		command := c.New(s.Kernel)
		if command.Name() != "fhir" {
			continue
		}
		var out bytes.Buffer
		command.SetOut(&out)
		command.SetErr(&out)
		command.SilenceUsage = true
		command.SetArgs(args)
		err := command.Execute()
		return out.String(), err
	}
	t.Fatal("there is no command import fhir")
	return "", nil
}

// mustImport fails the test when anything was refused.
func mustImport(t *testing.T, s *kerneltest.Server, args ...string) string {
	t.Helper()
	out, err := imports(t, s, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out
}

// collections are those that the import fills.
var collections = []string{"doctors", "patients", "appointments", "medical_records", "invoices", "payments"}

// imported returns how many records of each collection an import brought.
func imported(t *testing.T, s *kerneltest.Server) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for _, name := range collections {
		n, err := s.App.CountRecords(name, dbx.NewExp("sourceId != ''"))
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			counts[name] = int(n)
		}
	}
	return counts
}

// clinicTables are what a second import must leave as it is: the clinic's tables, and what
// the importer remembers of its records.
var clinicTables = append([]string{"patient_numbers", "invoice_counters", "medical_record_versions", "outbox", "fhir_records"}, collections...)

// everything returns every row of some tables, "updated" included.
func everything(t *testing.T, s *kerneltest.Server, tables ...string) string {
	t.Helper()
	var text strings.Builder
	for _, table := range tables {
		rows := []dbx.NullStringMap{}
		order := "rowid"
		if table == "fhir_keys" {
			order = "key"
		}
		if err := s.App.DB().Select("*").From(table).OrderBy(order).All(&rows); err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			fmt.Fprintln(&text, table, row)
		}
	}
	return text.String()
}

// find returns the one record of a collection with a value in a field.
func find(t *testing.T, s *kerneltest.Server, collection, field string, value any) *core.Record {
	t.Helper()
	all, err := s.App.FindAllRecords(collection, dbx.HashExp{field: value})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 {
		t.Fatalf("%d %s with %s %v, want one", len(all), collection, field, value)
	}
	return all[0]
}

// object is a JSON object.
type object = map[string]any

// entry is an entry of a bundle; the fullUrl of an id is "urn:uuid:" and the id.
func entry(kind, id string, fields object) object {
	resource := object{"resourceType": kind, "id": id}
	for name, value := range fields {
		resource[name] = value
	}
	return object{"fullUrl": "urn:uuid:" + id, "resource": resource, "request": object{"method": "POST", "url": kind}}
}

func ref(to string) object { return object{"reference": to} }

func text(words string) object { return object{"text": words} }

// write makes a file of a bundle in folder and returns its path.
func write(t *testing.T, folder, name string, entries ...object) string {
	t.Helper()
	raw, err := json.Marshal(object{"resourceType": "Bundle", "type": "transaction", "entry": entries})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Entries that tests have in common: a patient, a doctor, and a visit with a finding.
func patient(id, name string) object {
	return entry("Patient", id, object{"name": []object{text(name)}, "birthDate": "1980-02-03"})
}

func doctor(id, name string) object {
	return entry("Practitioner", id, object{"name": []object{text(name)}})
}

func visit(id, patient, doctor, start, end string) object {
	return entry("Encounter", id, object{
		"status": "finished", "subject": ref(patient), "participant": []object{{"individual": ref(doctor)}},
		"period": object{"start": start, "end": end}, "type": []object{text("Check up")},
	})
}

func found(id, patient, encounter, what string) object {
	return entry("Condition", id, object{
		"subject": ref(patient), "encounter": ref(encounter), "code": text(what), "recordedDate": "2020-05-06T09:00:00Z",
	})
}

func writeText(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
