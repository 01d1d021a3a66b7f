package reportsapi

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"strconv"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/exchange/exchangeapi"
)

// Sheet is a report as one table, so that a spreadsheet shows all of it: each row says in
// its first three columns which section of the report it is of, the section's key (a
// month, an id, a group; of the total: the range) and the key's name where it has one.
// The other columns are the report's figures; one that a section does not have is empty.
type Sheet struct {
	Range   Range
	Figures []string // names of the further columns, as in JSON
	Rows    []Row
}

// Row is one row of a sheet. Figures are in the order of the sheet's; shorter is padded.
type Row struct {
	Section, Key, Name string
	Figures            []string
}

// Add appends a row; figures are ints and texts, "" where there is none.
func (s *Sheet) Add(section, key, name string, figures ...any) {
	row := Row{Section: section, Key: key, Name: name}
	for _, f := range figures {
		row.Figures = append(row.Figures, fmt.Sprint(f))
	}
	s.Rows = append(s.Rows, row)
}

// Total appends the row of the report's totals; its key is the range.
func (s *Sheet) Total(figures ...any) { s.Add("total", s.Range.From+"/"+s.Range.To, "", figures...) }

// CSV returns the sheet as RFC 4180 has it. Keys and names that a spreadsheet would run as
// formulas get a leading apostrophe.
func (s Sheet) CSV() ([]byte, error) {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.UseCRLF = true
	lines := [][]string{append([]string{"section", "key", "name"}, s.Figures...)}
	for _, r := range s.Rows {
		line := append([]string{r.Section, exchangeapi.Guard(r.Key), exchangeapi.Guard(r.Name)}, r.Figures...)
		for len(line) < len(lines[0]) {
			line = append(line, "")
		}
		lines = append(lines, line)
	}
	if err := w.WriteAll(lines); err != nil {
		return nil, fmt.Errorf("csv: %w", err)
	}
	return out.Bytes(), nil
}

func (s Sheet) write(e *core.RequestEvent, name string) error {
	raw, err := s.CSV()
	if err != nil {
		return err
	}
	file := name + "_" + s.Range.From + "_" + s.Range.To + ".csv"
	e.Response.Header().Set("Content-Disposition", "attachment; filename="+strconv.Quote(file))
	return e.Blob(http.StatusOK, "text/csv; charset=utf-8", raw)
}
