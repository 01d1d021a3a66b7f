package staff_test

import (
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/hooks"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic"
	"github.com/polyclinic-os/polyclinic/modules/staff"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
	migrations "github.com/polyclinic-os/polyclinic/pb_migrations"
)

// diary stands in for the module that knows a doctor's future.
type diary struct{}

func (diary) Blocks(_ core.App, collection, id string) (string, error) {
	if collection == "doctors" && id == staffapi.Omar {
		return "3 appointments ahead, the next on 2026-11-24", nil
	}
	return "", nil
}

var _ staffapi.Blocker = diary{}

var modules = []kernel.Module{
	hooks.Module(), migrations.Module(), clinic.Module(), auth.Module(), staff.Module(),
	{Name: "diary", Doc: "Stands in for appointments.", Provides: []any{diary{}}},
}

var (
	set  = &kerneltest.Set{Modules: modules}
	full = &kerneltest.Set{Modules: modules, Full: true}
)

const (
	doctors    = "/api/doctors"
	collection = "/api/collections/doctors/records"
)

func as(a authapi.Account) kerneltest.Account {
	return kerneltest.Account{Email: a.Email, Password: a.Password}
}

var alma = as(authapi.Alma)

func batch(method, url, body string) string {
	if body != "" {
		body = `,"body":` + body
	}
	return `{"requests":[{"method":"` + method + `","url":"` + url + `"` + body + `}]}`
}

func TestFiveVerbs(t *testing.T) {
	for path, c := range map[string]struct{ id, body string }{
		doctors:       {staffapi.Grace, `{"name":"Dr New","specialty":"Oncology","contact":"+1 555 0300","consultationFee":120.5}`},
		"/api/nurses": {staffapi.Nia, `{"name":"New Nurse","department":"Ward 9"}`},
		"/api/staff":  {staffapi.Dana, `{"name":"New Clerk","duty":["reception","cashier"]}`},
	} {
		s := set.Start(t)
		var made string
		s.On(t, []kerneltest.Scenario{
			{Name: "a guest signs in first" + path, Method: "GET", Path: path, Want: 401},
			{Name: "a patient reads the list", As: as(authapi.Ada), Method: "GET", Path: path, Want: 200, Has: []string{c.id}, Not: []string{"deletedAt", "sourceId"}},
			{Name: "and one", As: as(authapi.Ada), Method: "GET", Path: path + "/" + c.id, Want: 200},
			{Name: "but writes none", As: as(authapi.Ada), Path: path, Body: c.body, Want: 403},
			{Name: "nor does the desk", As: as(authapi.Rosa), Path: path, Body: c.body, Want: 403},
			{Name: "nor a doctor, not even their own", As: as(authapi.Grace), Method: "PUT", Path: path + "/" + c.id, Body: `{"name":"X"}`, Want: 403},
			{Name: "an admin writes", As: alma, Path: path, Body: c.body, Want: 201, Has: []string{`"name":"`},
				Then: func(t *testing.T, _ *kerneltest.Server, r kerneltest.Response) { made = r.ID(t) }},
			{Name: "a name is needed", As: alma, Path: path, Body: `{"name":" ","email":"x"}`, Want: 400, Has: []string{`"name":{"code":"validation_required"`, `"email":{"code":"validation_is_email"`}},
			{Name: "search", As: as(authapi.Ada), Method: "GET", Path: path + "?q=new", Want: 200, Has: []string{`"totalItems":1`}},
		})
		s.On(t, []kerneltest.Scenario{
			{Name: "an admin changes", As: alma, Method: "PUT", Path: path + "/" + made, Body: `{"contact":"+1 555 0301"}`, Want: 200, Has: []string{"+1 555 0301"}},
			{Name: "a nurse does not delete", As: as(authapi.Nia), Method: "DELETE", Path: path + "/" + made, Want: 403},
			{Name: "an admin deletes", As: alma, Method: "DELETE", Path: path + "/" + made, Want: 204},
			{Name: "once", As: alma, Method: "DELETE", Path: path + "/" + made, Want: 404},
			{Name: "it is gone from GET", As: alma, Method: "GET", Path: path + "/" + made, Want: 404},
			{Name: "and from the list", As: alma, Method: "GET", Path: path, Want: 200, Not: []string{made}},
			{Name: "a doctor does not restore", As: as(authapi.Grace), Path: path + "/" + made + "/restore", Want: 403},
			{Name: "an admin restores", As: alma, Path: path + "/" + made + "/restore", Want: 200, Has: []string{made}},
			{Name: "once", As: alma, Path: path + "/" + made + "/restore", Want: 409, Has: []string{`"not_deleted"`}},
		})
	}
}

func TestDoctors(t *testing.T) {
	hours := func(h string) string { return `{"name":"Dr X","specialty":"Y","hours":` + h + `}` }
	const bad = `"hours":{"code":"validation_invalid_hours"`
	set.Start(t).On(t, []kerneltest.Scenario{
		{Name: "a specialty is needed", As: alma, Path: doctors, Body: `{"name":"Dr X"}`, Want: 400, Has: []string{`"specialty":{"code":"validation_required"`}},
		{Name: "hours", As: alma, Path: doctors, Body: hours(`[{"weekday":1,"from":"08:00","to":"12:00"},{"weekday":1,"from":"12:00","to":"24:00"}]`), Want: 201, Has: []string{`"weekday":1`}},
		{Name: "hours end after they begin", As: alma, Path: doctors, Body: hours(`[{"weekday":1,"from":"12:00","to":"12:00"}]`), Want: 400, Has: []string{bad}},
		{Name: "hours do not overlap", As: alma, Path: doctors, Body: hours(`[{"weekday":1,"from":"11:00","to":"13:00"},{"weekday":1,"from":"08:00","to":"12:00"}]`), Want: 400, Has: []string{bad}},
		{Name: "there are seven weekdays", As: alma, Path: doctors, Body: hours(`[{"weekday":7,"from":"08:00","to":"12:00"}]`), Want: 400, Has: []string{bad}},
		{Name: "a weekday that is not said is no Sunday", As: alma, Path: doctors, Body: hours(`[{"day":1,"from":"08:00","to":"12:00"}]`), Want: 400, Has: []string{bad}},
		{Name: "nor is null", As: alma, Method: "PUT", Path: doctors + "/" + staffapi.Grace, Body: `{"hours":[{"weekday":null,"from":"08:00","to":"12:00"}]}`, Want: 400, Has: []string{bad}},
		{Name: "hours are hours", As: alma, Path: doctors, Body: hours(`[{"weekday":1,"from":" 8:00","to":"+9:00"}]`), Want: 400, Has: []string{bad}},
		{Name: "hours are a list", As: alma, Path: collection, Body: hours(`{"monday":"08:00-12:00"}`), Want: 400, Has: []string{bad}},
		{Name: "in a batch too", As: alma, Path: "/api/batch", Body: batch("POST", collection, hours(`"always"`)), Want: 400, Has: []string{"validation_invalid_hours"}},
		{Name: "no hours", As: alma, Path: doctors, Body: hours(`null`), Want: 201},
		{Name: "a fee is not negative", As: alma, Path: doctors, Body: `{"name":"Dr X","specialty":"Y","consultationFee":-1}`, Want: 400, Has: []string{`"consultationFee":{"code":"validation_min_number_constraint"`}},
		{Name: "nor a tenth of a cent", As: alma, Path: doctors, Body: `{"name":"Dr X","specialty":"Y","consultationFee":1.125}`, Want: 400, Has: []string{`"consultationFee":{"code":"validation_invalid_amount"`}},
		{Name: "everything bad is named at once", As: alma, Path: doctors, Body: `{"name":"","consultationFee":-1,"hours":1,"contact":"x","email":"x"}`, Want: 400,
			Has: []string{`"name"`, `"specialty"`, `"consultationFee"`, `"hours"`, `"contact"`, `"email"`}},
		{Name: "an account of another role", As: alma, Path: doctors, Body: `{"name":"Dr X","specialty":"Y","userId":"` + authapi.Ada.ID + `"}`, Want: 400, Has: []string{`"userId":{"code":"unknown_account"`}},
		{Name: "an account of another doctor", As: alma, Path: doctors, Body: `{"name":"Dr X","specialty":"Y","userId":"` + authapi.Grace.ID + `"}`, Want: 400, Has: []string{`"userId":{"code":"account_taken"`}},
	})
}

func TestAFutureStandsInTheWay(t *testing.T) {
	const omar = "/" + staffapi.Omar
	const reason = "The doctor cannot be deleted: 3 appointments ahead"
	set.Start(t).On(t, []kerneltest.Scenario{
		{Name: "documented", As: alma, Method: "DELETE", Path: doctors + omar, Want: 409, Has: []string{`"has_future"`, reason}},
		{Name: "collection", As: alma, Method: "DELETE", Path: collection + omar, Want: 409, Has: []string{`"has_future"`}},
		{Name: "batch", As: alma, Path: "/api/batch", Body: batch("DELETE", collection+omar, ""), Want: 409, Has: []string{reason}},
		{Name: "who has none goes", As: alma, Method: "DELETE", Path: doctors + "/" + staffapi.Grace, Want: 204},
	})
	s := set.Start(t)
	r, err := s.App.FindRecordById("doctors", staffapi.Omar)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.App.Delete(r); s.Kernel.StatusOf(err) != 409 {
		t.Errorf("code deletes: got %v", err)
	}
	_, err = s.App.NonconcurrentDB().NewQuery("DELETE FROM doctors").Execute()
	if s.Kernel.StatusOf(err) != 409 {
		t.Errorf("plain SQL deletes: got %v", err)
	}
}

func TestWhoIsDeletedDoesNotGoOnSigningIn(t *testing.T) {
	s := set.Start(t)
	token := s.Token(t, as(authapi.Grace))
	if r := s.As(t, alma, "DELETE", doctors+"/"+staffapi.Grace, nil); r.Status != 204 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	if r := s.Do(t, "GET", doctors, token, nil); strings.Contains(r.Body, staffapi.Omar) {
		t.Errorf("the old token reads on: %d %s", r.Status, r.Body)
	}
	account, err := s.App.FindRecordById("users", authapi.Grace.ID)
	if err != nil || account.GetString("status") != "disabled" {
		t.Errorf("account %v %v", account, err)
	}
	if r := s.As(t, alma, "POST", doctors+"/"+staffapi.Grace+"/restore", nil); r.Status != 200 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	if account, err = s.App.FindRecordById("users", authapi.Grace.ID); err != nil || account.GetString("status") != "disabled" {
		t.Errorf("the account is open again although no admin opened it: %v", err)
	}
}

func TestDemo(t *testing.T) {
	s := full.Start(t)
	list := s.As(t, as(authapi.Ada), "GET", doctors+"?perPage=100", nil).Items(t)
	specialties, withHours := map[any]bool{}, 0
	for _, d := range list {
		specialties[d["specialty"]] = true
		if d["hours"] != nil {
			withHours++
		}
	}
	if len(list) < 12 || len(specialties) < 8 || withHours < len(list)/2 {
		t.Errorf("%d doctors, %d specialties, %d with hours", len(list), len(specialties), withHours)
	}
	for _, path := range []string{"/api/nurses", "/api/staff"} {
		if n := len(s.As(t, as(authapi.Ada), "GET", path, nil).Items(t)); n < 6 {
			t.Errorf("%s: %d, want 6 or more", path, n)
		}
	}
}
