package billing_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

// numbers returns every invoice number that was given, in order.
func numbers(t *testing.T, s *kerneltest.Server) (list []string) {
	t.Helper()
	if err := s.App.DB().NewQuery("SELECT invoiceNumber FROM invoices WHERE invoiceNumber != '' ORDER BY 1").Column(&list); err != nil {
		t.Fatal(err)
	}
	return list
}

// TestNumbersHaveNoGaps sends good and bad invoices, drafts and batches that fail at their
// end, all at once.
func TestNumbersHaveNoGaps(t *testing.T) {
	s := set.Start(t)
	got := crowd(t, s, 60, func(i int) (string, string, string) {
		switch i % 6 {
		case 0:
			return "POST", path, forAda(`"amount":1.001`) // refused by a hook
		case 1:
			return "POST", path, forAda(`"amount":5,"draft":true`)
		case 2: // the first of two is undone with the second
			return "POST", "/api/batch", fmt.Sprintf(`{"requests":[{"method":"POST","url":%q,"body":%s},{"method":"POST","url":%q,"body":%s}]}`,
				collection, forAda(`"amount":5`), collection, forAda(`"amount":5,"doctorId":"docnobody000000"`))
		case 3:
			return "POST", collection, forAda(`"amount":5`)
		}
		return "POST", path, forAda(`"amount":5`)
	})
	if got[201] != 30 || got[200] != 10 || got[400] != 20 {
		t.Errorf("statuses %v, want 30 × 201, 10 × 200, 20 × 400", got)
	}
	list := numbers(t, s)
	for i, n := range list {
		if want := fmt.Sprintf("INV-%06d", i+1); n != want {
			t.Fatalf("number %d is %s, want %s: %v", i+1, n, want, list)
		}
	}
	if len(list) != 32 { // two of the cast
		t.Errorf("%d numbers, want 32", len(list))
	}
}

func TestEachPrefixCountsForItself(t *testing.T) {
	s := set.Start(t)
	bill := func() {
		t.Helper()
		if r := s.As(t, carl, "POST", path, forAda(`"amount":5`)); r.Status != 201 {
			t.Fatal(r.Status, r.Body)
		}
	}
	for _, prefix := range []string{"2027/", "", "R1", "R1-", "2027/"} {
		if r := s.As(t, alma, "PUT", "/api/clinic", map[string]any{"invoicePrefix": prefix}); r.Status != 200 {
			t.Fatal(r.Status, r.Body)
		}
		bill()
	}
	want := []string{"000001", "2027/000001", "2027/000002", "INV-000001", "INV-000002", "R1-000001", "R1-000002"}
	if got := numbers(t, s); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestARolledBackIssueGivesItsNumberBack(t *testing.T) {
	s := set.Start(t)
	c, err := s.App.FindCollectionByNameOrId("invoices")
	if err != nil {
		t.Fatal(err)
	}
	undone := fmt.Errorf("undone")
	err = s.App.RunInTransaction(func(tx core.App) error {
		r := core.NewRecord(c)
		r.Load(map[string]any{"patientId": patientsapi.Ada, "amount": 1})
		if err := tx.Save(r); err != nil {
			return err
		}
		return undone
	})
	if err != undone {
		t.Fatal(err)
	}
	if r := s.As(t, carl, "POST", path, forAda(`"amount":5`)); r.JSON(t)["invoiceNumber"] != "INV-000003" {
		t.Errorf("got %s", r.Body)
	}
}

func TestADayOfTheClinic(t *testing.T) {
	s := set.Start(t)
	if r := s.As(t, alma, "PUT", "/api/clinic", `{"timeZone":"Pacific/Auckland"}`); r.Status != 200 {
		t.Fatal(r.Status, r.Body)
	}
	c, err := s.App.FindCollectionByNameOrId("invoices")
	if err != nil {
		t.Fatal(err)
	}
	r := core.NewRecord(c)
	r.Load(map[string]any{"patientId": patientsapi.Ada, "amount": 1, "issuedAt": "2026-01-31 11:30:00.000Z"})
	if err := s.App.Save(r); err != nil {
		t.Fatal(err)
	}
	if got := r.GetString("issuedOn"); got != "2026-02-01" {
		t.Errorf("issued on %s, want the clinic's 2026-02-01", got)
	}
}

func TestTheCurrencyStaysOnceThereAreInvoices(t *testing.T) {
	s := set.Start(t)
	for _, other := range []string{"JPY", "EUR"} {
		if r := s.As(t, alma, "PUT", "/api/clinic", `{"currency":"`+other+`"}`); r.Status != 409 {
			t.Errorf("%s: got %d %s", other, r.Status, r.Body)
		}
	}
}
