package billing

import (
	"strings"

	"github.com/polyclinic-os/polyclinic/modules/billing/billingapi"
)

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
