package analytics_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/analytics/postgrestest"
	"github.com/polyclinic-os/polyclinic/modules/messaging"
	"github.com/polyclinic-os/polyclinic/modules/notices"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/privacy"
	"github.com/polyclinic-os/polyclinic/modules/video"
)

var setWithPrivacy = &kerneltest.Set{Modules: append(modules[:len(modules):len(modules)], messaging.Module(), video.Module(), notices.Module(), privacy.Module())}

// What an erasure takes out of the clinic is nowhere in the warehouse either, versions
// included: it is looked for in every column of every table.
func TestAnErasedPatientIsErasedInTheWarehouse(t *testing.T) {
	for _, key := range []string{"", "a key of the clinic"} {
		url := feed(t, "POLYCLINIC_SITE_ID=north", "POLYCLINIC_ANALYTICS_PSEUDONYM_KEY="+key, "POLYCLINIC_ANALYTICS_HISTORY=on", "POLYCLINIC_ANALYTICS_EXTRA=on")
		s := setWithPrivacy.Start(t)
		col, err := s.App.FindCollectionByNameOrId("patients")
		if err != nil {
			t.Fatal(err)
		}
		col.Fields.Add(&core.TextField{Name: "x_nickname"})
		if err := s.App.Save(col); err != nil {
			t.Fatal(err)
		}
		at := "/api/patients/" + patientsapi.Bob
		ask := func(method, path string, body any) kerneltest.Response {
			t.Helper()
			r := s.As(t, alma, method, path, body)
			if r.Status != 200 {
				t.Fatalf("%s %s: %d %s", method, path, r.Status, r.Body)
			}
			return r
		}
		ask("PUT", at, map[string]any{"dateOfBirth": "1961-04-23", "address": "7 Hidden Lane", "contact": "+1 555 987654", "email": "bob.private@example.org"})
		exec(t, s, `UPDATE patients SET x_nickname = 'Bobby Lane' WHERE id = '`+patientsapi.Bob+`'`)
		same(t, s, url)
		if n := holding(t, url, "1961-04-23"); (n > 0) != (key == "") {
			t.Fatalf("with the key %q, %d rows hold the day of birth", key, n)
		}
		if n := number(t, url, `SELECT count(*) FROM polyclinic.patients_history WHERE h <> 0`); n > 0 {
			t.Errorf("with the key %q, %d versions have the hash of a row with its day of birth, which whoever tries the days of the year finds", key, n)
		}
		if n := holding(t, url, "Bobby Lane"); n != 1 {
			t.Fatalf("%d rows hold the clinic's own field, want the present one alone", n)
		}
		mrn := ask("GET", at, nil).JSON(t)["mrn"].(string)
		ask("POST", at+"/erase", map[string]any{"reason": "Bob Tanaka asked to be forgotten"})
		exec(t, s, `UPDATE patients SET x_nickname = '' WHERE id = '`+patientsapi.Bob+`'`) // as docs/privacy.md says
		same(t, s, url)
		for _, v := range []string{"Tanaka", "Hidden Lane", "987654", "bob.private", "1961-04-23", "Bobby", mrn} {
			if n := holding(t, url, v); n > 0 {
				t.Errorf("with the key %q, %q is still in %d rows", key, v, n)
			}
		}
		if n := number(t, url, `SELECT count(*) FROM polyclinic.patients WHERE birth_year = 1961 AND born_on IS NULL AND deleted_at IS NOT NULL`); n != 1 {
			t.Errorf("%d patients of that year are off the register, want the one who was erased", n)
		}
	}
}

// holding counts the rows of the warehouse, of present and of earlier versions, in which a
// text occurs.
func holding(t *testing.T, url, text string) (n int) {
	t.Helper()
	c := postgrestest.Connect(t, url)
	defer c.Close(ctx)
	found, err := c.Query(ctx, `SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'polyclinic' AND table_type = 'BASE TABLE'`)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil || len(names) < 20 {
		t.Fatalf("only %d tables are in the warehouse, %v", len(names), err)
	}
	for _, name := range names {
		n += number(t, url, `SELECT count(*) FROM polyclinic."`+name+`" AS t WHERE strpos(t::text, $1) > 0`, text)
	}
	return n
}
