package billing_test

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
)

func TestPrintingWhoMay(t *testing.T) {
	set.Start(t).On(t, []kerneltest.Scenario{
		{Name: "the patient prints their own", As: ada, Method: "GET", Path: unpaid + "/pdf", Want: 200, Has: []string{"%PDF-"}},
		{Name: "and nobody else's", As: bob, Method: "GET", Path: unpaid + "/pdf", Want: 404, Not: []string{"%PDF-"}},
		{Name: "a nurse prints none", As: nia, Method: "GET", Path: unpaid + "/pdf", Want: 403},
		{Name: "a guest signs in first", As: guest, Method: "GET", Path: unpaid + "/pdf", Want: 401},
		{Name: "the reception prints all", As: dana, Method: "GET", Path: paid + "/pdf", Want: 200},
		{Name: "a draft is printed as one", As: dana, Path: path, Body: forAda(`"amount":5,"draft":true`), Want: 201, Then: func(t *testing.T, s *kerneltest.Server, r kerneltest.Response) {
			pdf := s.As(t, dana, "GET", path+"/"+r.ID(t)+"/pdf", nil)
			if got := printed(t, pdf.Body); !strings.Contains(got, "DRAFT, not issued") || !strings.Contains(pdf.Header.Get("Content-Disposition"), "invoice-draft.pdf") {
				t.Errorf("got %v\n%s", pdf.Header, got)
			}
		}},
	})
}

func TestPrintedInvoice(t *testing.T) {
	s := set.Start(t)
	const name = "Zoë Đặng-Łukasz Ωμέγα Ёлка Ձոն (x) \\ O'Neil"
	patient, err := s.App.FindRecordById("patients", patientsapi.Bob)
	if err != nil {
		t.Fatal(err)
	}
	patient.Set("name", name+" 田中😀")
	if err := s.App.Save(patient); err != nil {
		t.Fatal(err)
	}
	s.As(t, carl, "POST", paid+"/refunds", `{"amount":50,"reference":"K7"}`)
	r := s.As(t, bob, "GET", paid+"/pdf", nil)
	if r.Status != 200 || r.Header.Get("Content-Type") != "application/pdf" || r.Header.Get("Content-Disposition") != `inline; filename="INV-000002.pdf"` {
		t.Errorf("got %d %v", r.Status, r.Header)
	}
	got := printed(t, r.Body)
	for _, want := range []string{
		"Polyclinic Demo", "INV-000002", "P-000002", "Zoë Đặng-Łukasz Ωμέγα Ёлка", "O'Neil", "Dr Omar Haddad", "Consultation", "110.00", "ECG", "40.00",
		"Total USD", "150.00", "Balance due", "0.00", "Payment", "card", "Refund, K7", "-50.00", "Paid",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not printed:\n%s", want, got)
		}
	}
	if strings.Contains(got, "田") {
		t.Errorf("what the font lacks is printed:\n%s", got)
	}
	// Others than the patient see the title of a window and the name of a file.
	if strings.Contains(r.Header.Get("Content-Disposition"), "Zo") || strings.Contains(title(r.Body), "Zo") {
		t.Error("the title names the patient")
	}
}

func TestALongInvoiceGoesOnTheNextPage(t *testing.T) {
	s := set.Start(t)
	var items []map[string]any
	for i := range 200 {
		items = append(items, map[string]any{"description": fmt.Sprintf("Line %d %s", i, strings.Repeat("long ", 30)), "quantity": 1.5, "unitPrice": 2, "taxRate": 10})
	}
	id := s.As(t, carl, "POST", path, map[string]any{"patientId": patientsapi.Ada, "items": items, "details": strings.Repeat("words and more words ", 200)}).ID(t)
	r := s.As(t, carl, "GET", path+"/"+id+"/pdf", nil)
	got := printed(t, r.Body)
	if r.Status != 200 || !strings.Contains(got, "Line 199") || !strings.Contains(got, "Net") || !strings.Contains(got, "660.00") || strings.Count(got, "Unit price") < 5 {
		t.Errorf("got %d\n%s", r.Status, got)
	}
}

func TestAnInvoicesNumberIsNoPath(t *testing.T) {
	s := set.Start(t)
	if r := s.As(t, alma, "PUT", "/api/clinic", `{"invoicePrefix":"../2027/"}`); r.Status != 400 {
		t.Errorf("dots in a prefix: got %d", r.Status)
	}
	s.As(t, alma, "PUT", "/api/clinic", `{"invoicePrefix":"2027/"}`)
	id := s.As(t, carl, "POST", path, forAda(`"amount":5`)).ID(t)
	if got := s.As(t, carl, "GET", path+"/"+id+"/pdf", nil).Header.Get("Content-Disposition"); got != `inline; filename="2027-000001.pdf"` {
		t.Errorf("got %s", got)
	}
	if got := s.As(t, carl, "GET", path+"/"+billingapi.CastUnpaid, nil).JSON(t)["invoiceNumber"]; got != "INV-000001" {
		t.Errorf("an older invoice is now %s", got)
	}
}

// printed returns the texts of a document's pages, one a line. It knows what we write: each
// text is a string in UTF-16 ahead of Tj, in a compressed stream.
func printed(t *testing.T, pdf string) string {
	t.Helper()
	var out strings.Builder
	for rest := pdf; ; {
		_, after, found := strings.Cut(rest, "stream\n")
		if !found {
			return out.String()
		}
		body, next, _ := strings.Cut(after, "\nendstream")
		rest = next
		z, err := zlib.NewReader(strings.NewReader(body))
		if err != nil {
			continue // a font
		}
		raw, err := io.ReadAll(z)
		if err != nil {
			continue
		}
		for len(raw) > 0 {
			end := bytes.Index(raw, []byte(")Tj"))
			if end < 0 {
				break
			}
			if start := bytes.LastIndex(raw[:end], []byte(" Td (")); start >= 0 {
				out.WriteString(decode(raw[start+len(" Td (") : end]))
				out.WriteByte('\n')
			}
			raw = raw[end+4:]
		}
	}
}

// decode reads a PDF string of UTF-16, big end first.
func decode(raw []byte) string {
	var plain []byte
	for i := 0; i < len(raw); i++ {
		if raw[i] == '\\' && i+1 < len(raw) {
			i++
			if raw[i] == 'r' {
				plain = append(plain, '\r')
				continue
			}
		}
		plain = append(plain, raw[i])
	}
	var units []uint16
	for i := 0; i+1 < len(plain); i += 2 {
		units = append(units, uint16(plain[i])<<8|uint16(plain[i+1]))
	}
	return string(utf16.Decode(units))
}

// title returns the document's title.
func title(pdf string) string {
	_, after, _ := strings.Cut(pdf, "/Title ")
	line, _, _ := strings.Cut(after, "\n")
	return decode([]byte(strings.Trim(line, "()")))
}
