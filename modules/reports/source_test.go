package reports_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

func TestWithoutAWarehouse(t *testing.T) {
	s := set.Start(t)
	for _, path := range paths {
		for _, query := range []string{"?source=postgres", "?source=postgres&format=csv"} {
			r := s.As(t, alma, "GET", path+query, nil)
			if r.Status != 503 || r.Code("source") != "analytics_not_configured" || !strings.Contains(r.Body, "POLYCLINIC_ANALYTICS_URL") {
				t.Errorf("%s%s: got %d %s, want 503 naming the setting", path, query, r.Status, r.Body)
			}
		}
		if r := s.As(t, alma, "GET", path+"?source=local", nil); r.Status != 200 || r.JSON(t)["source"] != "local" {
			t.Errorf("%s from here: got %d %s", path, r.Status, r.Body)
		}
		if r := s.As(t, as(authapi.Nia), "GET", path+"?source=postgres", nil); r.Status != 403 {
			t.Errorf("%s: a nurse may ask no source: got %d", path, r.Status)
		}
	}
}

func TestAWarehouseAnswers(t *testing.T) {
	errDown := kernel.Fail(503, "analytics_unavailable", "The warehouse does not answer.")
	warehouse := kernel.Module{Name: "warehouse", Doc: "A warehouse of the test.", Provides: []any{
		reportsapi.Remote{Report: "patient-summary", Run: func(c *reportsapi.Call) (any, error) {
			switch {
			case c.DB != nil || c.Context == nil || c.Clinic.Currency == "":
				return nil, errors.New("the call is not what a remote gets")
			case c.From == "2026-01-01":
				return nil, errDown
			case c.From == "2026-01-02":
				return &struct{}{}, nil
			}
			return &reportsapi.PatientSummary{From: c.From, To: c.To, TotalPatients: 7, Source: reportsapi.Postgres}, nil
		}},
	}}
	s := (&kerneltest.Set{Modules: append(slices.Clone(set.Modules), warehouse)}).Start(t)
	for _, c := range []struct {
		name, query string
		status      int
		has         string
	}{
		{"its answer", "?source=postgres", 200, `"totalPatients":7`},
		{"as a table", "?source=postgres&format=csv", 200, ",7,0,"},
		{"only when it is asked", "?source=local", 200, `"totalPatients":2`},
		{"in its own words when it cannot", "?source=postgres&from=2026-01-01", 503, "analytics_unavailable"},
		{"a report of another kind is a fault", "?source=postgres&from=2026-01-02", 500, ""},
		{"a bad range is told here", "?source=postgres&from=soon", 400, "validation_invalid_day"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := s.As(t, alma, "GET", patientsPath+c.query, nil)
			if r.Status != c.status || !strings.Contains(r.Body, c.has) {
				t.Errorf("got %d %s, want %d with %s", r.Status, r.Body, c.status, c.has)
			}
		})
	}
	if r := s.As(t, alma, "GET", revenuePath+"?source=postgres", nil); r.Status != 503 {
		t.Errorf("a report that it does not have: got %d, want 503", r.Status)
	}
}

// Every route's answer says what it is in OpenAPI, embedded figures too.
func TestOpenAPIDescribesTheReports(t *testing.T) {
	s := set.Start(t)
	r := s.Do(t, "GET", "/api/openapi.json", "", nil)
	for _, field := range []string{"utilisation", "perPatient", "ageing", "usedValue", "validation_invalid_source", "POLYCLINIC_ANALYTICS_URL"} {
		if r.Status == 200 && !strings.Contains(r.Body, field) {
			t.Errorf("%s is not documented", field)
		}
	}
}
