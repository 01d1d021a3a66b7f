package staff_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

func TestAnAccountComesWithTheProfile(t *testing.T) {
	const with = `{"name":"Dr Vera Lang","specialty":"Oncology","email":"vera@polyclinic.test","password":"quite-a-secret-9"}`
	vera := kerneltest.Account{Email: "vera@polyclinic.test", Password: "quite-a-secret-9"}
	for _, door := range []struct{ path, body string }{{doctors, with}, {collection, with}, {"/api/batch", batch("POST", collection, with)}} {
		s := set.Start(t)
		r := s.As(t, alma, "POST", door.path, door.body)
		if r.Status != 201 && (r.Status != 200 || door.path == doctors) {
			t.Fatalf("%s: %d %s", door.path, r.Status, r.Body)
		}
		if strings.Contains(r.Body, "password") || strings.Contains(r.Body, vera.Password) {
			t.Errorf("%s answers the password: %s", door.path, r.Body)
		}
		account, err := s.App.FindAuthRecordByEmail("users", vera.Email)
		if err != nil || account.GetString("role") != "doctor" || account.GetString("status") != "active" || account.GetString("name") != "Dr Vera Lang" {
			t.Fatalf("%s: account %v %v", door.path, account, err)
		}
		if n, err := s.App.CountRecords("doctors"); err != nil || n != 3 {
			t.Errorf("%s: %d doctors, want one profile beside the cast's two (%v)", door.path, n, err)
		}
		me := s.As(t, vera, "GET", "/api/collections/doctors/records", nil)
		if !slices.ContainsFunc(me.Items(t), func(d map[string]any) bool { return d["userId"] == account.Id }) {
			t.Errorf("%s: the profile is not tied to the account: %s", door.path, me.Body)
		}
	}
}

func TestAnAccountComesLater(t *testing.T) {
	s := set.Start(t)
	one := doctors + "/" + s.As(t, alma, "POST", doctors, `{"name":"Dr Late","specialty":"Oncology"}`).ID(t)
	late := kerneltest.Account{Email: "late@polyclinic.test", Password: "quite-a-secret-9"}
	s.On(t, []kerneltest.Scenario{
		{Name: "not without an e-mail", As: alma, Method: "PUT", Path: one, Body: `{"password":"quite-a-secret-9"}`, Want: 400, Has: []string{`"email"`}},
		{Name: "with one", As: alma, Method: "PUT", Path: one, Body: `{"email":"late@polyclinic.test","password":"quite-a-secret-9"}`, Want: 200, Not: []string{`"userId":""`}},
		{Name: "the doctor signs in", As: late, Method: "GET", Path: one, Want: 200},
		{Name: "once", As: alma, Method: "PUT", Path: one, Body: `{"password":"another-secret-9"}`, Want: 400, Has: []string{`"password":{"code":"account_given"`}},
	})
}

func TestADeletedProfileGivesItsAccountUp(t *testing.T) {
	s := set.Start(t)
	if r := s.As(t, alma, "DELETE", doctors+"/"+staffapi.Grace, nil); r.Status != 204 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	body := `{"name":"Dr Grace again","specialty":"Oncology","userId":"` + authapi.Grace.ID + `"}`
	s.On(t, []kerneltest.Scenario{
		{Name: "a new profile has it", As: alma, Path: doctors, Body: body, Want: 201, Has: []string{authapi.Grace.ID}},
		{Name: "alone", As: alma, Path: doctors, Body: body, Want: 400, Has: []string{`"account_taken"`}},
		{Name: "the old one comes back without", As: alma, Path: doctors + "/" + staffapi.Grace + "/restore", Want: 200, Has: []string{`"userId":""`}},
	})
}

func TestNothingIsHalfDone(t *testing.T) {
	s := set.Start(t)
	for name, c := range map[string]struct {
		path, body string
		want       int
		fields     []string
	}{
		"a taken e-mail":            {doctors, `{"name":"Dr X","specialty":"Y","email":"doctor@gmail.com","password":"quite-a-secret-9"}`, 400, []string{"email"}},
		"through the collection":    {collection, `{"name":"Dr X","specialty":"Y","email":"doctor@gmail.com","password":"quite-a-secret-9"}`, 400, []string{"email"}},
		"no e-mail":                 {doctors, `{"name":"Dr X","specialty":"Y","password":"quite-a-secret-9"}`, 400, []string{"email"}},
		"a bad e-mail":              {doctors, `{"name":"Dr X","specialty":"Y","email":"x","password":"quite-a-secret-9"}`, 400, []string{"email"}},
		"a short password":          {doctors, `{"name":"Dr X","specialty":"Y","email":"x@polyclinic.test","password":"a"}`, 400, []string{"password"}},
		"a password of numbers":     {doctors, `{"name":"Dr X","specialty":"Y","email":"x@polyclinic.test","password":12345678}`, 400, []string{"password"}},
		"a profile that is bad":     {doctors, `{"name":"Dr X","email":"x@polyclinic.test","password":"quite-a-secret-9"}`, 400, []string{"specialty"}},
		"both bad":                  {doctors, `{"name":"Dr X","consultationFee":-1,"email":"x","password":"a"}`, 400, []string{"specialty", "email", "password", "consultationFee"}},
		"an account of one's own":   {doctors, `{"name":"Dr X","specialty":"Y","userId":"` + authapi.Omar.ID + `","email":"x@polyclinic.test","password":"quite-a-secret-9"}`, 400, []string{"password"}},
		"a nurse with a bad e-mail": {"/api/nurses", `{"name":"N","email":"x","password":"quite-a-secret-9"}`, 400, []string{"email"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.As(t, alma, "POST", c.path, c.body)
			if r.Status != c.want {
				t.Fatalf("%d %s", r.Status, r.Body)
			}
			for _, f := range c.fields {
				if r.Code(f) == "" {
					t.Errorf("%s is not named: %s", f, r.Body)
				}
			}
			for table, want := range map[string]int64{"users": int64(len(authapi.Cast)), "doctors": 2, "nurses": 1} {
				if n, err := s.App.CountRecords(table); err != nil || n != want {
					t.Errorf("%s: %d rows, want %d (%v)", table, n, want, err)
				}
			}
		})
	}
}

func duties(t *testing.T, s *kerneltest.Server, account string) []string {
	t.Helper()
	r, err := s.App.FindRecordById("users", account)
	if err != nil {
		t.Fatal(err)
	}
	return r.GetStringSlice("duty")
}

func TestTheAccountHasTheDutiesOfTheProfile(t *testing.T) {
	s := set.Start(t)
	one := "/api/staff/" + staffapi.Dana
	if r := s.As(t, alma, "PUT", one, `{"duty":["cashier","pharmacy"]}`); r.Status != 200 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	if got := duties(t, s, authapi.Dana.ID); !slices.Equal(got, []string{"cashier", "pharmacy"}) {
		t.Errorf("after a change: %v", got)
	}
	if r := s.As(t, alma, "PUT", one, `{"duty":["king"]}`); r.Status != 400 || r.Code("duty") == "" {
		t.Errorf("an unknown duty: %d %s", r.Status, r.Body)
	}
	if r := s.As(t, alma, "PUT", one, `{"userId":""}`); r.Status != 200 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	if got := duties(t, s, authapi.Dana.ID); len(got) != 0 {
		t.Errorf("an account without a profile keeps the duties %v", got)
	}
	r := s.As(t, alma, "POST", "/api/collections/staff/records", `{"name":"Dana again","duty":["reception"],"userId":"`+authapi.Dana.ID+`"}`)
	if r.Status != 200 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	if got := duties(t, s, authapi.Dana.ID); !slices.Equal(got, []string{"reception"}) {
		t.Errorf("after creation: %v", got)
	}
	r = s.As(t, alma, "POST", "/api/staff", `{"name":"New Cashier","duty":["cashier"],"email":"new@polyclinic.test","password":"quite-a-secret-9"}`)
	if r.Status != 201 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	if got := duties(t, s, r.JSON(t)["userId"].(string)); !slices.Equal(got, []string{"cashier"}) {
		t.Errorf("of an account that came with the profile: %v", got)
	}
}

func TestProfilesOfNewAccounts(t *testing.T) {
	s := set.Start(t)
	users, err := s.App.FindCollectionByNameOrId("users")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range kernel.All[authapi.Profile](s.Kernel) {
		account := core.NewRecord(users)
		account.Load(map[string]any{"name": "New " + p.Role, "role": p.Role, "status": "pending"})
		account.SetEmail(p.Role + "@polyclinic.test")
		account.SetPassword("quite-a-secret-9")
		if err := s.App.Save(account); err != nil {
			t.Fatal(err)
		}
		if err := p.Create(s.App, account); err != nil {
			t.Fatalf("%s: %v", p.Role, err)
		}
		r, err := s.App.FindFirstRecordByData(p.Collection, "userId", account.Id)
		if err != nil || r.GetString("name") != "New "+p.Role || r.GetString("email") != account.Email() {
			t.Errorf("%s: profile %v %v", p.Role, r, err)
		}
	}
}

func TestAProfileGoesWithTheRole(t *testing.T) {
	s := set.Start(t)
	listed := func(collection, account string) []string {
		t.Helper()
		var ids []string
		for _, r := range s.As(t, alma, "GET", "/api/"+collection+"?filter=userId%3D'"+account+"'", nil).Items(t) {
			ids = append(ids, r["id"].(string))
		}
		return ids
	}
	role := func(account, role string) {
		t.Helper()
		if r := s.As(t, alma, "PUT", "/api/users/"+account, map[string]any{"role": role}); r.Status != 200 || r.JSON(t)["status"] != "active" {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
	}
	for _, c := range []struct{ account, from, to, collection, other string }{
		{authapi.Nia.ID, "nurse", "doctor", "nurses", "doctors"},
		{authapi.Rosa.ID, "staff", "nurse", "staff", "nurses"},
		{authapi.Grace.ID, "doctor", "staff", "doctors", "staff"},
	} {
		before := listed(c.collection, c.account)
		role(c.account, c.to)
		if now := listed(c.collection, c.account); len(before) != 1 || len(now) > 0 {
			t.Errorf("%s is %s now: %s list %v, before %v", c.account, c.to, c.collection, now, before)
		}
		if len(listed(c.other, c.account)) != 1 {
			t.Errorf("%s is %s now and no one of %s", c.account, c.to, c.other)
		}
		role(c.account, c.from)
		if now := listed(c.collection, c.account); !slices.Equal(now, before) {
			t.Errorf("%s is %s again: %s list %v, before %v", c.account, c.from, c.collection, now, before)
		}
		if len(listed(c.other, c.account)) > 0 {
			t.Errorf("%s is %s again and still one of %s", c.account, c.from, c.other)
		}
	}
	// A doctor who manages the clinic too is one of its doctors, and as a nurse no more.
	role(authapi.Grace.ID, "admin")
	if now := listed("doctors", authapi.Grace.ID); len(now) != 1 {
		t.Errorf("the doctor who is admin: %v", now)
	}
	role(authapi.Grace.ID, "nurse")
	if now := listed("doctors", authapi.Grace.ID); len(now) > 0 {
		t.Errorf("the doctor who was admin and is a nurse: %v", now)
	}
	// A doctor who is booked stays until the appointments are somebody else's.
	role(authapi.Omar.ID, "nurse")
	if now := listed("doctors", authapi.Omar.ID); len(now) != 1 {
		t.Errorf("who is booked has left the list: %v", now)
	}
}
