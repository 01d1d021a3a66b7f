package patients_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

// born returns the day that was so long ago in the test's clinic, whose time zone is UTC.
func born(years, days int) string {
	return time.Now().UTC().AddDate(-years, 0, -days).Format(time.DateOnly)
}

func year(ago int) string { return fmt.Sprint(time.Now().UTC().Year() - ago) }

func TestAgeAndDateOfBirthAtCreation(t *testing.T) {
	s := set.Start(t)
	for _, c := range []struct {
		name, body string
		want       int
		has        string
	}{
		{"an age gives a year of birth", `{"name":"X","age":30}`, 201, `"age":30,`},
		{"the year of birth", `{"name":"X","age":30}`, 201, `"dateOfBirth":"` + year(30) + `"`},
		{"an age of 0 is an age", `{"name":"X","age":0}`, 201, `"age":0,`},
		{"with its year of birth", `{"name":"X","age":0}`, 201, `"dateOfBirth":"` + year(0) + `"`},
		{"150 is an age", `{"name":"X","age":150}`, 201, `"age":150,`},
		{"without either there is no age", `{"name":"X"}`, 201, `"age":null,`},
		{"null is without", `{"name":"X","age":null,"dateOfBirth":null}`, 201, `"age":null,`},
		{"a date of birth gives the age", `{"name":"X","dateOfBirth":"` + born(40, 1) + `"}`, 201, `"age":40,`},
		{"born today", `{"name":"X","dateOfBirth":"` + born(0, 0) + `"}`, 201, `"age":0,`},
		{"a year of birth gives the age", `{"name":"X","dateOfBirth":"` + year(25) + `"}`, 201, `"age":25,`},
		{"both may agree", `{"name":"X","age":40,"dateOfBirth":"` + born(40, 1) + `"}`, 201, `"age":40,`},
		{"ahead of the birthday the year agrees too", `{"name":"X","age":24,"dateOfBirth":"` + year(25) + `"}`, 201, `"dateOfBirth":"` + year(25) + `"`},
		{"both may not contradict", `{"name":"X","age":41,"dateOfBirth":"` + born(40, 1) + `"}`, 400, `"age":{"code":"age_contradicts"`},
		{"0 contradicts too", `{"name":"X","age":0,"dateOfBirth":"` + born(40, 1) + `"}`, 400, `"age":{"code":"age_contradicts"`},
		{"151 is no age", `{"name":"X","age":151}`, 400, `"age":{"code":"validation_out_of_range"`},
		{"nor is -1", `{"name":"X","age":-1}`, 400, `"age":{"code":"validation_out_of_range"`},
		{"nor half a year", `{"name":"X","age":0.5}`, 400, `"age":{"code":"validation_only_int_constraint"`},
		{"nor text", `{"name":"X","age":"old"}`, 400, `"age":{"code":"validation_invalid_number"`},
		{"nobody is born tomorrow", `{"name":"X","dateOfBirth":"` + born(0, -1) + `"}`, 400, `"dateOfBirth":{"code":"birth_in_future"`},
		{"nor next year", `{"name":"X","dateOfBirth":"` + year(-1) + `"}`, 400, `"dateOfBirth":{"code":"birth_in_future"`},
		{"nor 151 years ago", `{"name":"X","dateOfBirth":"` + born(151, 1) + `"}`, 400, `"dateOfBirth":{"code":"validation_out_of_range"`},
		{"nor on 30 February", `{"name":"X","dateOfBirth":"1990-02-30"}`, 400, `"dateOfBirth":{"code":"validation_invalid_date"`},
		{"nor in words", `{"name":"X","dateOfBirth":"May 1990"}`, 400, `"dateOfBirth":{"code":"validation_invalid_date"`},
	} {
		s.On(t, []kerneltest.Scenario{
			{Name: c.name, As: as(authapi.Rosa), Path: "/api/patients", Body: c.body, Want: c.want, Has: []string{c.has}},
		})
	}
	for _, path := range []string{"/api/collections/patients/records", "/api/batch"} {
		body := `{"name":"X","age":41,"dateOfBirth":"` + born(40, 1) + `"}`
		if path == "/api/batch" {
			body = `{"requests":[{"method":"POST","url":"/api/collections/patients/records","body":` + body + `}]}`
		}
		if r := s.As(t, as(authapi.Rosa), "POST", path, body); r.Status != 400 || !strings.Contains(r.Body, "age_contradicts") {
			t.Errorf("%s: %d %s", path, r.Status, r.Body)
		}
	}
}

func TestAgeAndDateOfBirthAtAChange(t *testing.T) {
	s := set.Start(t)
	rosa := as(authapi.Rosa)
	make := func(body string) string { return "/api/patients/" + s.As(t, rosa, "POST", "/api/patients", body).ID(t) }
	yearOnly, full, unknown := make(`{"name":"Year","age":30}`), make(`{"name":"Full","dateOfBirth":"`+born(40, 1)+`"}`), make(`{"name":"None"}`)
	s.On(t, []kerneltest.Scenario{
		{Name: "another field leaves both", As: rosa, Method: "PUT", Path: yearOnly, Body: `{"contact":"12345"}`, Want: 200, Has: []string{`"age":30,`, year(30)}},
		{Name: "an age moves a year of birth", As: rosa, Method: "PUT", Path: yearOnly, Body: `{"age":33}`, Want: 200, Has: []string{`"age":33,`, year(33)}},
		{Name: "down to 0", As: rosa, Method: "PUT", Path: yearOnly, Body: `{"age":0}`, Want: 200, Has: []string{`"age":0,`, year(0)}},
		{Name: "a date replaces it", As: rosa, Method: "PUT", Path: yearOnly, Body: `{"dateOfBirth":"` + born(31, 2) + `"}`, Want: 200, Has: []string{`"age":31,`}},
		{Name: "an age may not contradict a date of birth", As: rosa, Method: "PUT", Path: full, Body: `{"age":50}`, Want: 400, Has: []string{"age_contradicts"}},
		{Name: "nor beside it", As: rosa, Method: "PUT", Path: full, Body: `{"age":50,"dateOfBirth":"` + born(40, 1) + `"}`, Want: 400, Has: []string{"age_contradicts"}},
		{Name: "a form from ahead of the birthday is no contradiction", As: rosa, Method: "PUT", Path: full, Body: `{"age":39,"dateOfBirth":"` + born(40, 1) + `"}`, Want: 200, Has: []string{`"age":40,`, born(40, 1)}},
		{Name: "the same age is none", As: rosa, Method: "PUT", Path: full, Body: `{"age":40}`, Want: 200, Has: []string{born(40, 1)}},
		{Name: "null is not sent", As: rosa, Method: "PUT", Path: full, Body: `{"age":null}`, Want: 200, Has: []string{`"age":40,`}},
		{Name: "an empty date takes the age away", As: rosa, Method: "PUT", Path: full, Body: `{"dateOfBirth":""}`, Want: 200, Has: []string{`"age":null,`}},
		{Name: "0 where nothing was known", As: rosa, Method: "PUT", Path: unknown, Body: `{"age":0}`, Want: 200, Has: []string{`"age":0,`, year(0)}},
	})
}

func TestTheAgeDoesNotGoStale(t *testing.T) {
	s := set.Start(t)
	rosa := as(authapi.Rosa)
	stale := func() {
		t.Helper()
		_, err := s.App.NonconcurrentDB().Update("patients", dbx.Params{"dateOfBirth": born(20, 0), "age": 19}, dbx.HashExp{"id": patientsapi.Ada}).Execute()
		if err != nil {
			t.Fatal(err)
		}
	}
	stale()
	before := s.As(t, rosa, "GET", "/api/patients/"+patientsapi.Ada, nil).JSON(t)
	if before["age"] != 20.0 {
		t.Errorf("read on the birthday: age %v, want 20", before["age"])
	}
	if n := len(s.As(t, rosa, "GET", "/api/patients?filter=age%3D20", nil).Items(t)); n != 0 {
		t.Fatalf("the stored age is %d patients' already: the test shows nothing", n)
	}
	for _, m := range s.Kernel.Modules {
		for _, j := range m.Jobs {
			if err := j.Run(s.App); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := len(s.As(t, rosa, "GET", "/api/patients?filter=age%3D20", nil).Items(t)); n != 1 {
		t.Errorf("the job brings the filter up to date: %d patients of 20, want 1", n)
	}
	after := s.As(t, rosa, "GET", "/api/patients/"+patientsapi.Ada, nil).JSON(t)
	if after["updated"] != before["updated"] {
		t.Error("a birthday is no change by anybody")
	}
	if bob := s.As(t, rosa, "GET", "/api/patients/"+patientsapi.Bob, nil).JSON(t); bob["age"] == nil || bob["age"] == 0.0 {
		t.Errorf("the job spoilt Bob's age: %v", bob["age"])
	}
}

func TestAFilterTellsAnUnknownAgeFromANewborns(t *testing.T) {
	s := set.Start(t)
	rosa := as(authapi.Rosa)
	make := func(body string) string { return s.As(t, rosa, "POST", "/api/patients", body).ID(t) }
	newborn, child, unknown := make(`{"name":"Newborn","age":0}`), make(`{"name":"Child","age":7}`), make(`{"name":"Unknown"}`)
	found := func(filter string) string {
		t.Helper()
		names := []string{}
		for _, path := range []string{"/api/patients", "/api/collections/patients/records"} {
			for _, p := range s.As(t, rosa, "GET", path+"?sort=age,name&filter="+url.QueryEscape(filter), nil).Items(t) {
				names = append(names, p["name"].(string))
			}
		}
		half := len(names) / 2
		if !slices.Equal(names[:half], names[half:]) {
			t.Errorf("%s: the paths differ: %v", filter, names)
		}
		return strings.Join(names[:half], ", ")
	}
	check := func(when string, want map[string]string) {
		t.Helper()
		for filter, names := range want {
			if got := found(filter); got != names {
				t.Errorf("%s, %s: %q, want %q", when, filter, got, names)
			}
		}
	}
	check("at first", map[string]string{"age < 18": "Newborn, Child", "age = 0": "Newborn", "age <= 0": "Newborn", "age = null": "Unknown", "age != null && age < 100 && age > 6 && age < 8": "Child", "age > 120": ""})

	put := func(id, body string) {
		t.Helper()
		if r := s.As(t, rosa, "PUT", "/api/patients/"+id, body); r.Status != 200 {
			t.Fatalf("%s: %d %s", body, r.Status, r.Body)
		}
	}
	put(child, `{"dateOfBirth":""}`)
	put(newborn, `{"contact":"12345"}`)
	put(unknown, `{"contact":"12345"}`)
	check("once it is forgotten", map[string]string{"age < 18": "Newborn", "age = null": "Child, Unknown"})
	put(unknown, `{"age":0}`)
	put(child, `{"dateOfBirth":"`+born(0, 3)+`"}`)
	check("once it is known", map[string]string{"age < 18": "Child, Newborn, Unknown", "age = 0": "Child, Newborn, Unknown", "age = null": ""})
	put(newborn, `{"dateOfBirth":""}`)
	for _, m := range s.Kernel.Modules {
		for _, j := range m.Jobs {
			if err := j.Run(s.App); err != nil {
				t.Fatal(err)
			}
		}
	}
	check("after the nightly work", map[string]string{"age < 18": "Child, Unknown", "age = null": "Newborn"})
}
