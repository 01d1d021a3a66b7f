package billing

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"codeberg.org/go-pdf/fpdf"
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// fonts has the letters of all European languages and more, see font/LICENSE.
//
//go:embed font/*.ttf
var fonts embed.FS

var fontFiles = kernel.Vendored{
	Name: "dejavu-fonts", Version: "2.37", License: "Bitstream-Vera AND LicenseRef-Arev-Fonts",
	Folder: "modules/billing/font", Files: fonts, Patterns: []string{"font/*.ttf"},
}

var pdfRoute = kernel.Op(kernel.Route{
	Method: http.MethodGet, Path: "/api/billing/{id}/pdf", Record: "invoices", Allow: readers,
	Raw: "application/pdf", Summary: "Print an invoice",
}, func(c *kernel.Call, _ kernel.Nothing) (kernel.Nothing, error) {
	p, err := readPaper(c.App, c.Record)
	if err != nil {
		return kernel.Nothing{}, err
	}
	raw, err := p.print()
	if err != nil {
		return kernel.Nothing{}, fmt.Errorf("print invoice %s: %w", c.Record.Id, err)
	}
	// The name of a file is seen by others than those who may see the patient's.
	c.Response.Header().Set("Content-Disposition", `inline; filename="`+fileName(c.Record)+`"`)
	return kernel.Nothing{}, c.Blob(http.StatusOK, "application/pdf", raw)
})

func fileName(invoice *core.Record) string {
	number := invoice.GetString("invoiceNumber")
	if number == "" {
		return "invoice-draft.pdf"
	}
	return strings.ReplaceAll(number, "/", "-") + ".pdf"
}

// paper is what is printed: the invoice and what it refers to.
type paper struct {
	clinic            clinicapi.Settings
	invoice, patient  *core.Record
	doctor            string
	items             []Item
	payments          []*core.Record
	pdf               *fpdf.Fpdf
	left, right, base float64 // margins and the end of the page, in mm
}

func readPaper(app core.App, invoice *core.Record) (*paper, error) {
	p := &paper{invoice: invoice, items: storedItems(invoice.GetString("items"), invoice.GetString("currency"))}
	var err error
	if p.clinic, err = clinicapi.Current(app); err != nil {
		return nil, err
	}
	if p.patient, err = app.FindRecordById("patients", invoice.GetString("patientId")); err != nil {
		return nil, fmt.Errorf("patient of invoice %s: %w", invoice.Id, err)
	}
	if id := invoice.GetString("doctorId"); id != "" {
		doctor, err := app.FindRecordById("doctors", id)
		if err != nil {
			return nil, fmt.Errorf("doctor of invoice %s: %w", invoice.Id, err)
		}
		p.doctor = doctor.GetString("name")
	}
	err = app.RecordQuery("payments").Where(dbx.HashExp{"invoiceId": invoice.Id}).OrderBy("paidAt", "rowid").All(&p.payments)
	return p, err
}

func (p *paper) print() ([]byte, error) {
	p.pdf = fpdf.New("P", "mm", "A4", "")
	for style, file := range map[string]string{"": "font/DejaVuSans.ttf", "B": "font/DejaVuSans-Bold.ttf"} {
		raw, err := fonts.ReadFile(file)
		if err != nil {
			return nil, err
		}
		p.pdf.AddUTF8FontFromBytes("sans", style, raw)
	}
	p.left, p.right, p.base = 20, 190, 272
	p.pdf.SetMargins(p.left, 18, 210-p.right)
	p.pdf.SetAutoPageBreak(false, 0)
	p.pdf.SetTitle(p.number(), true)
	p.pdf.SetCreationDate(p.invoice.GetDateTime("updated").Time())
	p.pdf.AliasNbPages("{pages}")
	p.pdf.SetFooterFunc(func() {
		p.pdf.SetY(284)
		p.font("", 8, 110)
		p.pdf.CellFormat(0, 4, p.number(), "", 0, "L", false, 0, "")
		p.pdf.SetX(p.left)
		p.pdf.CellFormat(0, 4, fmt.Sprintf("Page %d of {pages}", p.pdf.PageNo()), "", 0, "R", false, 0, "")
	})
	p.pdf.AddPage()
	p.head()
	p.lines()
	p.totals()
	p.ledger()
	var out bytes.Buffer
	if err := p.pdf.Output(&out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func (p *paper) number() string {
	if n := p.invoice.GetString("invoiceNumber"); n != "" {
		return n
	}
	return "Draft"
}

func (p *paper) font(style string, size float64, grey int) {
	p.pdf.SetFont("sans", style, size)
	p.pdf.SetTextColor(grey, grey, grey)
}

// money prints minor units of the invoice's currency.
func (p *paper) money(minor int64) string {
	return clinicapi.Text(minor, p.invoice.GetString("currency"))
}

// major prints an amount of a line with the currency's decimals.
func (p *paper) major(n json.Number) string {
	if n == "" {
		return ""
	}
	f, err := n.Float64()
	minor, ok := clinicapi.Minor(f, p.invoice.GetString("currency"))
	if err != nil || !ok {
		return n.String()
	}
	return p.money(minor)
}

// head prints who bills whom for what.
func (p *paper) head() {
	p.font("B", 16, 20)
	p.wrapped(p.left, p.right-p.left, 7, p.clinic.Name)
	p.pdf.Ln(4)
	top := p.pdf.GetY()
	p.font("B", 9, 110)
	p.pdf.CellFormat(100, 5, "Patient", "", 1, "L", false, 0, "")
	p.font("", 10, 20)
	p.wrapped(p.left, 95, 5, p.patient.GetString("name"))
	p.wrapped(p.left, 95, 5, "MRN "+p.patient.GetString("mrn"))
	p.wrapped(p.left, 95, 5, p.patient.GetString("address"))
	bottom := p.pdf.GetY()

	p.pdf.SetY(top)
	for _, row := range [][2]string{
		{"Invoice", p.number()}, {"Status", statusWords[p.invoice.GetString("status")]}, {"Issued", p.invoice.GetString("issuedOn")},
		{"Due", p.invoice.GetString("dueOn")}, {"Doctor", p.doctor}, {"Void because", p.invoice.GetString("voidReason")},
	} {
		if row[1] == "" {
			continue
		}
		y := p.pdf.GetY()
		p.font("B", 9, 110)
		p.pdf.SetXY(120, y)
		p.pdf.CellFormat(25, 5, row[0], "", 0, "L", false, 0, "")
		p.font("", 10, 20)
		p.wrapped(145, p.right-145, 5, row[1])
	}
	p.pdf.SetY(max(bottom, p.pdf.GetY()) + 5)
	if len(p.items) > 0 {
		p.font("", 9, 60)
		p.wrapped(p.left, p.right-p.left, 4.5, p.invoice.GetString("details"))
		p.pdf.Ln(2)
	}
}

var statusWords = map[string]string{
	billingapi.Draft: "DRAFT, not issued", billingapi.Unpaid: "Unpaid", billingapi.Partial: "Partly paid",
	billingapi.Paid: "Paid", billingapi.Void: "VOID", billingapi.Refunded: "Refunded",
}
