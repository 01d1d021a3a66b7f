package bundle

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/modules/fhir/fhirapi"
)

// FuzzRead holds of any input: nothing panics, what is found is JSON with a
// type, and each index is told of once, in order.
func FuzzRead(f *testing.F) {
	seeds, err := filepath.Glob("testdata/seeds/*")
	if err != nil || len(seeds) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, seed := range seeds {
		data, err := os.ReadFile(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, strings.HasSuffix(seed, ".ndjson"))
	}
	f.Fuzz(func(t *testing.T, data []byte, lines bool) {
		name := "x.json"
		if lines {
			name = "x.ndjson"
		}
		next := 0
		r := Reader{Limit: 4 << 10, Problem: func(p *Problem) {
			if p.Reason == "" || p.Index >= 0 && p.Index != next {
				t.Errorf("problem %+v, want index %d", p, next)
			}
			if p.Index >= 0 {
				next++
			}
		}}
		err := r.Stream(t.Context(), name, bytes.NewReader(data), func(e Entry) error {
			if e.Index != next || e.Type == "" || !json.Valid(e.Raw) || len(e.Raw) > r.Limit {
				t.Errorf("entry %+v, want index %d", e, next)
			}
			next++
			use(e)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// use calls what an importer calls, for its panics.
func use(e Entry) {
	for _, key := range Keys(e) {
		e.Resource().Contained(key)
	}
	e.Resource().Contained("#" + e.ID)
	fhirapi.Key(e.ID)
	// Whether they decode is of no matter.
	var p fhirapi.Patient
	_ = e.Resource().Decode(&p)
	fhirapi.Name(p.Name).Text()
	_, _ = p.BirthDate.Parse(time.UTC)
	for _, a := range p.Address {
		a.Line()
	}
	var m fhirapi.MedicationRequest
	_ = e.Resource().Decode(&m)
	for _, d := range m.DosageInstruction {
		d.Text()
	}
	var o fhirapi.Observation
	_ = e.Resource().Decode(&o)
	o.Text()
	var b fhirapi.ExplanationOfBenefit
	_ = e.Resource().Decode(&b)
	for _, item := range b.Item {
		if item.Net != nil {
			_, _ = item.Net.Minor(2)
		}
	}
}
