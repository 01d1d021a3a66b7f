package exchange_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/exchange"
	"github.com/polyclinic-os/polyclinic/modules/exchange/exchangeapi"
	"github.com/polyclinic-os/polyclinic/modules/patients"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

var set = &kerneltest.Set{Modules: []kernel.Module{
	hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(), staff.Module(), patients.Module(), exchange.Module(),
}}

func table(t *testing.T, s *kerneltest.Server, name string) exchangeapi.Table {
	t.Helper()
	for _, tab := range kernel.All[exchangeapi.Table](s.Kernel) {
		if tab.Name == name {
			return tab
		}
	}
	t.Fatalf("no table %s", name)
	return exchangeapi.Table{}
}

// load imports text and returns the summary and every bad row as it is printed.
func load(t *testing.T, s *kerneltest.Server, name, text string, opt exchange.Options) (exchange.Summary, []string, error) {
	t.Helper()
	var bad []string
	opt.Bad = func(b exchange.BadRow) { bad = append(bad, b.String()) }
	sum, err := exchange.Import(s.App, table(t, s, name), strings.NewReader(text), opt)
	return sum, bad, err
}

func export(t *testing.T, s *kerneltest.Server, name string) string {
	t.Helper()
	var out bytes.Buffer
	if _, err := exchange.Export(s.App, table(t, s, name), &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func patient(t *testing.T, s *kerneltest.Server, name string) *core.Record {
	t.Helper()
	r, err := s.App.FindFirstRecordByData("patients", "name", name)
	if err != nil {
		t.Fatalf("patient %s: %v", name, err)
	}
	return r
}

func count(t *testing.T, s *kerneltest.Server, collection string) int {
	t.Helper()
	n, err := s.App.CountRecords(collection)
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}

func TestASecondImportChangesNothing(t *testing.T) {
	s := set.Start(t)
	const file = "\uFEFFname;dateOfBirth;age;contact;bloodGroup\r\n" +
		"  Zoë Müller ;1990-05-01;;+49 170 1234567;a +\r\n" +
		"Newborn Eze;;0;+234 801 000;\r\n" +
		"Joe Public;;44;;\r\n" +
		"Nobody Known;;;;\r\n" +
		";;;;\r\n"
	for i, want := range []exchange.Summary{
		{Rows: 4, New: 4, Written: true},
		{Rows: 4, Unchanged: 4, Written: true},
	} {
		if sum, bad, err := load(t, s, "patients", file, exchange.Options{}); err != nil || sum != want {
			t.Fatalf("import %d: got %v %v %v, want %v", i+1, sum, bad, err, want)
		}
	}
	zoe := patient(t, s, "Zoë Müller")
	if zoe.GetString("bloodGroup") != "A+" || zoe.GetString("contact") != "+49 170 1234567" || !strings.HasPrefix(zoe.GetString("mrn"), "P-") {
		t.Errorf("the row was not saved through the hooks: %v %v %v", zoe.GetString("bloodGroup"), zoe.GetString("contact"), zoe.GetString("mrn"))
	}
	if born := patient(t, s, "Newborn Eze").GetString("dateOfBirth"); len(born) != 4 {
		t.Errorf("an age of 0 is an age: year of birth %q", born)
	}
	if born := patient(t, s, "Nobody Known").GetString("dateOfBirth"); born != "" {
		t.Errorf("no age is no age: year of birth %q", born)
	}
}

func TestEveryBadRowIsListedAndNothingIsWritten(t *testing.T) {
	s := set.Start(t)
	before, number := count(t, s, "patients"), export(t, s, "patients")
	const file = "name,dateOfBirth,age,email,assignedDoctorId,contact\n" +
		"Good One,1980-01-01,,,,\n" +
		",1980-01-01,,,,\n" +
		"Bad Born,1980-02-31,,,,\n" +
		"Bad Age,,abc,,,\n" +
		"Bad Mail,,,nonsense,,\n" +
		"Bad Doctor,,,,nosuchdoctor000,\n" +
		"Both Bad,2999-01-01,,nonsense,,\n" +
		"Too,many,cells,in,this,row,here\n" +
		"\"Line\nbreak\",1990-01-01,,,,\n" +
		"Good One,1980-01-01,,,,\n" +
		"\xff\xfe,1990-01-01,,,,\n"
	want := []string{
		"line 3: name: Cannot be blank.",
		"line 4: dateOfBirth: Must be a day that exists, YYYY-MM-DD, or a year, YYYY.",
		"line 5: age: Must be a number, with a point before the decimals.",
		"line 6: email: ",
		"line 7: assignedDoctorId: There is no such doctor.",
		"line 8: dateOfBirth: Must not be in the future.; email: ",
		"line 9: There are 6 columns, and this row has 7.",
		"line 12: name: Means the same record as line 2.",
		"line 13: name: Must be UTF-8.",
	}
	for _, opt := range []exchange.Options{{DryRun: true}, {}} {
		sum, bad, err := load(t, s, "patients", file, opt)
		if err != nil || sum.Bad != len(want) || sum.New != 2 || sum.Written {
			t.Fatalf("dry run %v: %v %v", opt.DryRun, sum, err)
		}
		for i, line := range bad {
			if !strings.HasPrefix(line, want[i]) {
				t.Errorf("got %q, want %q", line, want[i])
			}
		}
		if n := count(t, s, "patients"); n != before {
			t.Errorf("dry run %v wrote %d patients", opt.DryRun, n-before)
		}
	}
	sum, _, err := load(t, s, "patients", file, exchange.Options{SkipBad: true})
	if err != nil || sum.New != 2 || !sum.Written || count(t, s, "patients") != before+2 {
		t.Fatalf("leaving bad rows out: %v %v", sum, err)
	}
	if number == export(t, s, "patients") {
		t.Error("nothing was imported")
	}
	for name, want := range map[string]string{"Good One": "P-000003", "Line break": "P-000004"} {
		if got := patient(t, s, name).GetString("mrn"); got != want {
			t.Errorf("a dry run and bad rows use up numbers: %q has %s, want %s", name, got, want)
		}
	}
}

func TestADryRunWritesNothing(t *testing.T) {
	s := set.Start(t)
	before := export(t, s, "patients")
	sum, _, err := load(t, s, "patients", "name\nOnly Trying\n", exchange.Options{DryRun: true})
	if err != nil || sum.New != 1 || sum.Written || !strings.HasSuffix(sum.String(), "nothing was written") {
		t.Fatalf("%v %v", sum, err)
	}
	if export(t, s, "patients") != before {
		t.Error("the dry run wrote something")
	}
}

func TestAnExportComesBackUnchanged(t *testing.T) {
	s := set.Start(t)
	ada := patient(t, s, authapi.Ada.Name)
	ada.Set("notes", "=HYPERLINK(\"http://evil\")")
	ada.Set("address", "Line 1\nLine \"2\"; and, more")
	if err := s.App.Save(ada); err != nil {
		t.Fatal(err)
	}
	doctor, err := s.App.FindRecordById("doctors", staffapi.Grace)
	if err != nil {
		t.Fatal(err)
	}
	doctor.Set("hours", []staffapi.Shift{{Weekday: 1, From: "08:00", To: "12:00"}})
	doctor.Set("consultationFee", 80.5)
	if err := s.App.Save(doctor); err != nil {
		t.Fatal(err)
	}
	other := (&kerneltest.Set{Modules: set.Modules}).Start(t)
	for _, id := range []string{patientsapi.Ada, patientsapi.Bob} {
		if _, err := other.App.NonconcurrentDB().NewQuery("UPDATE patients SET notes='', address='' WHERE id = '" + id + "'").Execute(); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"doctors", "patients"} {
		text := export(t, s, name)
		if name == "patients" && (!strings.Contains(text, `'=HYPERLINK`) || !strings.Contains(text, ",'+1 555")) {
			t.Errorf("formulas are not guarded: %s", text)
		}
		if sum, bad, err := load(t, s, name, text, exchange.Options{}); err != nil || sum.Unchanged != sum.Rows || sum.Rows == 0 {
			t.Errorf("%s into the same clinic: %v %v %v", name, sum, bad, err)
		}
		if sum, bad, err := load(t, other, name, text, exchange.Options{}); err != nil || sum.Changed == 0 || sum.Bad > 0 {
			t.Errorf("%s into another: %v %v %v", name, sum, bad, err)
		}
		if got := export(t, other, name); got != text {
			t.Errorf("%s differ there:\n%s\nwant\n%s", name, got, text)
		}
	}
}

func TestNumbersOfAnotherSystemAreKept(t *testing.T) {
	s := set.Start(t)
	file := "mrn,name\nOLD/77,Kept Number\nP-000500,Kept Ours\n,Given Number\n"
	for i := range 2 {
		sum, bad, err := load(t, s, "patients", file, exchange.Options{})
		if err != nil || sum.Bad != 0 || (i == 1 && sum.Unchanged != 3) {
			t.Fatalf("import %d: %v %v %v", i+1, sum, bad, err)
		}
	}
	for name, want := range map[string]string{"Kept Number": "OLD/77", "Kept Ours": "P-000500", "Given Number": "P-000501"} {
		if got := patient(t, s, name).GetString("mrn"); got != want {
			t.Errorf("%s has %s, want %s", name, got, want)
		}
	}
	sum, _, err := load(t, s, "patients", "mrn,contact\nOLD/77,+1 555 9999\n", exchange.Options{})
	if err != nil || sum.Changed != 1 || patient(t, s, "Kept Number").GetString("contact") != "+1 555 9999" {
		t.Errorf("a column alone changes that column: %v %v", sum, err)
	}
	sum, bad, err := load(t, s, "patients", "mrn,name\nOLD/77,A\nOLD/77,B\nno good,C\n", exchange.Options{})
	if err != nil || sum.Bad != 2 || !strings.Contains(bad[0], "line 2") || !strings.Contains(bad[1], "line 4: mrn: ") {
		t.Errorf("%v %v %v", sum, bad, err)
	}
}

// Lines of nothing but spaces and separators say nothing.
func TestBlankLinesAreNoRows(t *testing.T) {
	s := set.Start(t)
	sum, bad, err := load(t, s, "patients", "name,contact\n\n   \nZoe Park,+49 30 1\n\t\n , \n,,\n", exchange.Options{})
	if err != nil || len(bad) > 0 || sum.Rows != 1 || patient(t, s, "Zoe Park") == nil {
		t.Errorf("%v %v %v", sum, bad, err)
	}
}

func TestDeletedRecordsStayOut(t *testing.T) {
	s := set.Start(t)
	mrn := patient(t, s, authapi.Bob.Name).GetString("mrn")
	if r := s.As(t, kerneltest.Account{Email: authapi.Alma.Email, Password: authapi.Alma.Password}, "DELETE", "/api/patients/"+patientsapi.Bob, nil); r.Status != 204 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	if text := export(t, s, "patients"); strings.Contains(text, authapi.Bob.Name) {
		t.Error("a deleted patient is exported")
	}
	_, bad, err := load(t, s, "patients", "mrn,name\n"+mrn+",Bob\n", exchange.Options{})
	if err != nil || len(bad) != 1 || !strings.Contains(bad[0], "was deleted") {
		t.Errorf("%v %v", bad, err)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	s := set.Start(t)
	for name, text := range map[string]string{
		"is empty":                  "",
		"is \"fullname\"":           "mrn,fullname\n1,X\n",
		"the columns are id, mrn":   "Name\nX\n",
		"is there twice":            "name,name\nX,Y\n",
		"is UTF-16":                 "\xff\xfen\x00a\x00",
		"not UTF-8":                 "na\xffme\nX\n",
		"column 2 is \"\", which":   "name,\nX,\n",
		"the line of column names":  "\"name\nX\n",
		"column 1 is \"deletedAt\"": "deletedAt,name\n2020-01-01,X\n",
	} {
		if _, _, err := load(t, s, "patients", text, exchange.Options{}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: got %v, want … %s …", text, err, name)
		}
	}
}

func TestDoctorsWithHours(t *testing.T) {
	s := set.Start(t)
	const file = "name,specialty,consultationFee,hours\n" +
		`Dr New,Oncology,120.50,"[{""weekday"":2,""from"":""09:00"",""to"":""12:00""}]"` + "\n" +
		"Dr Plain,Oncology,,\n"
	for i := range 2 {
		if sum, bad, err := load(t, s, "doctors", file, exchange.Options{}); err != nil || sum.Bad > 0 || (i == 1 && sum.Unchanged != 2) {
			t.Fatalf("import %d: %v %v %v", i+1, sum, bad, err)
		}
	}
	_, bad, err := load(t, s, "doctors", "name,specialty,consultationFee,hours\nDr Odd,X,-1,[{]\nDr Odder,,-1,\"[{\"\"weekday\"\":9}]\"\n", exchange.Options{})
	if err != nil || len(bad) != 2 || !strings.Contains(bad[0], "hours: Must be JSON.") ||
		!strings.Contains(bad[1], "specialty: ") || !strings.Contains(bad[1], "consultationFee: ") || !strings.Contains(bad[1], "hours: ") {
		t.Errorf("%q %v", bad, err)
	}
}

func TestAFaultStopsTheImport(t *testing.T) {
	s := set.Start(t)
	s.App.OnRecordCreate("patients").BindFunc(func(e *core.RecordEvent) error { return errors.New("disk full") })
	sum, bad, err := load(t, s, "patients", "name\nX\nY\n", exchange.Options{SkipBad: true})
	if err == nil || !strings.HasPrefix(err.Error(), "line 2: ") || len(bad) > 0 || sum.Written {
		t.Errorf("%v %v %v", sum, bad, err)
	}
}

func BenchmarkImport(b *testing.B) {
	var text strings.Builder
	text.WriteString("name,dateOfBirth,contact\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "Patient %d,1980-01-01,+1 555 %04d\n", i, i)
	}
	for b.Loop() {
		b.StopTimer()
		t := &testing.T{}
		s := set.Start(t)
		b.StartTimer()
		if sum, _, err := load(t, s, "patients", text.String(), exchange.Options{}); err != nil || sum.New != 1000 {
			b.Fatal(sum, err)
		}
	}
}
