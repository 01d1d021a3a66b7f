package billing

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"codeberg.org/go-pdf/fpdf"
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"golang.org/x/text/unicode/norm"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// fonts has the letters of all European languages and more, see font/LICENSE.
//
//go:embed font/*.ttf
var fonts embed.FS

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

// column is one of a table.
type column struct {
	title string
	width float64
	align string
}

var lineColumns = []column{
	{"Description", 74, "L"}, {"Quantity", 20, "R"}, {"Unit price", 24, "R"}, {"Discount", 20, "R"}, {"Tax %", 12, "R"}, {"Total", 20, "R"},
}

func (p *paper) lines() {
	if len(p.items) == 0 {
		what := p.invoice.GetString("details")
		if what == "" {
			what = "Services"
		}
		columns := []column{{"Description", 140, "L"}, {"Total", 30, "R"}}
		p.titles(columns)
		p.row(columns, what, p.money(int64(p.invoice.GetInt("amountMinor"))))
		return
	}
	p.titles(lineColumns)
	for _, i := range p.items {
		p.row(lineColumns, i.Description, i.Quantity.String(), p.major(i.UnitPrice), p.major(i.Discount), i.TaxRate.String(), p.money(i.totalMinor))
	}
}

func (p *paper) titles(columns []column) {
	p.font("B", 9, 110)
	p.pdf.SetDrawColor(180, 180, 180)
	for _, c := range columns {
		p.pdf.CellFormat(c.width, 6, c.title, "B", 0, c.align, false, 0, "")
	}
	p.pdf.Ln(7)
	p.font("", 9, 20)
}

// row prints one row of a table, its first cell over as many lines as it takes. A row that
// does not fit goes on the next page, below the titles.
func (p *paper) row(columns []column, cells ...string) {
	const height = 4.8
	first := p.pdf.SplitText(printable(cells[0]), columns[0].width-2)
	for i := range max(len(first), 1) {
		if p.pdf.GetY()+height > p.base {
			p.pdf.AddPage()
			p.titles(columns)
		}
		text := ""
		if i < len(first) {
			text = first[i]
		}
		p.pdf.CellFormat(columns[0].width, height, text, "", 0, columns[0].align, false, 0, "")
		for n, c := range columns[1:] {
			if i == 0 {
				p.pdf.CellFormat(c.width, height, printable(cells[n+1]), "", 0, c.align, false, 0, "")
			}
		}
		p.pdf.Ln(height)
	}
	p.pdf.Ln(1)
}

func (p *paper) totals() {
	get := func(field string) int64 { return int64(p.invoice.GetInt(field)) }
	var tax int64
	for _, i := range p.items {
		tax += i.taxMinor
	}
	rows := [][2]string{}
	if tax != 0 {
		rows = append(rows, [2]string{"Net", p.money(get("amountMinor") - tax)}, [2]string{"Tax", p.money(tax)})
	}
	rows = append(rows, [2]string{"Total " + p.invoice.GetString("currency"), p.money(get("amountMinor"))})
	if paid := get("paidMinor"); paid > 0 {
		rows = append(rows, [2]string{"Paid", p.money(paid)})
	}
	if refunded := get("refundedMinor"); refunded > 0 {
		rows = append(rows, [2]string{"Refunded", p.money(refunded)})
	}
	rows = append(rows, [2]string{"Balance due", p.money(get("balanceMinor"))})
	p.room(float64(len(rows))*6 + 4)
	p.pdf.Ln(2)
	for i, r := range rows {
		p.font("", 10, 20)
		if i == len(rows)-1 {
			p.font("B", 11, 20)
		}
		p.pdf.SetX(110)
		p.pdf.CellFormat(40, 6, r[0], "T", 0, "L", false, 0, "")
		p.pdf.CellFormat(p.right-150, 6, r[1], "T", 1, "R", false, 0, "")
	}
}

func (p *paper) ledger() {
	if len(p.payments) == 0 {
		return
	}
	columns := []column{{"Payments", 80, "L"}, {"Day", 30, "L"}, {"Method", 30, "L"}, {"Amount", 30, "R"}}
	p.room(20)
	p.pdf.Ln(8)
	p.titles(columns)
	for _, r := range p.payments {
		what, minor := "Payment", int64(r.GetInt("amountMinor"))
		if r.GetString("kind") == billingapi.Refund {
			what, minor = "Refund", -minor
		}
		if ref := r.GetString("reference"); ref != "" {
			what += ", " + ref
		}
		p.row(columns, what, r.GetString("paidOn"), r.GetString("method"), p.money(minor))
	}
}

// room goes to a new page unless height is left on this one.
func (p *paper) room(height float64) {
	if p.pdf.GetY()+height > p.base {
		p.pdf.AddPage()
	}
}

// wrapped prints text within a width, over as many lines as it takes; nothing for "".
func (p *paper) wrapped(x, width, height float64, text string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	for paragraph := range strings.SplitSeq(printable(text), "\n") {
		for _, line := range p.pdf.SplitText(paragraph, width-2) {
			p.room(height)
			p.pdf.SetX(x)
			p.pdf.CellFormat(width, height, line, "", 1, "L", false, 0, "")
		}
	}
}

// letters are what both fonts hold, see font/LICENSE.
var letters = &unicode.RangeTable{R16: []unicode.Range16{
	{0x20, 0x7e, 1}, {0xa0, 0x24f, 1}, {0x259, 0x259, 1}, {0x2b0, 0x2e9, 1}, {0x300, 0x34f, 1},
	{0x370, 0x377, 1}, {0x37a, 0x37f, 1}, {0x384, 0x38a, 1}, {0x38c, 0x38c, 1}, {0x38e, 0x3a1, 1}, {0x3a3, 0x525, 1},
	{0x531, 0x556, 1}, {0x559, 0x55f, 1}, {0x561, 0x587, 1}, {0x589, 0x58a, 1}, {0x10a0, 0x10c5, 1}, {0x10d0, 0x10fc, 1},
	{0x1e00, 0x1efb, 1}, {0x1f00, 0x1f15, 1}, {0x1f18, 0x1f1d, 1}, {0x1f20, 0x1f45, 1}, {0x1f48, 0x1f4d, 1},
	{0x1f50, 0x1f57, 1}, {0x1f59, 0x1f59, 1}, {0x1f5b, 0x1f5b, 1}, {0x1f5d, 0x1f5d, 1}, {0x1f5f, 0x1f7d, 1},
	{0x1f80, 0x1fb4, 1}, {0x1fb6, 0x1fc4, 1}, {0x1fc6, 0x1fd3, 1}, {0x1fd6, 0x1fdb, 1}, {0x1fdd, 0x1fef, 1},
	{0x1ff2, 0x1ff4, 1}, {0x1ff6, 0x1ffe, 1}, {0x2010, 0x2027, 1}, {0x2030, 0x205e, 1}, {0x20a0, 0x20b5, 1},
	{0x20b8, 0x20ba, 1}, {0x20bd, 0x20bd, 1}, {0x2116, 0x2116, 1}, {0x2122, 0x2122, 1}, {0x2212, 0x2212, 1},
}}

// printable returns text that the fonts can print: accents joined to their letters, and a
// mark in place of what no font here has.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', unicode.Is(letters, r):
			return r
		case unicode.IsSpace(r):
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf):
			return -1
		}
		return '\uFFFD'
	}, norm.NFC.String(s))
}
