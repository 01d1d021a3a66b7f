package bundle

import (
	"maps"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/modules/fhir/fhirapi"
)

// load reads the test data and fails on any problem.
func load(t *testing.T) []Entry {
	t.Helper()
	files, _, err := Files([]string{"testdata/synthea"})
	if err != nil {
		t.Fatal(err)
	}
	var entries []Entry
	for _, f := range files {
		err := Reader{}.Read(t.Context(), f, func(e Entry) error {
			entries = append(entries, e)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return entries
}

func TestSyntheaCounts(t *testing.T) {
	entries := load(t)
	if entries[0].Type != "Organization" {
		t.Errorf("the first entry is a %s, want an Organization", entries[0].Type)
	}
	got := map[string]int{}
	for _, e := range entries {
		got[e.Type]++
	}
	want := map[string]int{
		"Organization": 104, "Practitioner": 104, // 102 of them in the bundles of their own
		"Patient": 1, "Encounter": 19, "Observation": 77, "Procedure": 8, "Immunization": 25,
		"DiagnosticReport": 1, "Claim": 27, "ExplanationOfBenefit": 19, "Condition": 5,
		"MedicationRequest": 8, "CarePlan": 3, "ImagingStudy": 1, "AllergyIntolerance": 10,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSyntheaReferencesResolve(t *testing.T) {
	entries := load(t)
	known := map[string]string{}
	for _, e := range entries {
		for _, key := range Keys(e) {
			known[key] = e.Type
		}
	}
	for _, e := range entries {
		for likely, ref := range references(t, e) {
			if e, local := e.Resource().Contained(ref.Reference); local {
				if e.Type != likely {
					t.Errorf("%s is a %s, want a %s", ref.Reference, e.Type, likely)
				}
				continue
			}
			if got := known[ref.Key(likely)]; got != likely {
				t.Errorf("%s/%s: %q is a %q, want a %s", e.Type, e.ID, ref.Reference, got, likely)
			}
		}
	}
}

// references returns some references of an entry by the type they point to.
func references(t *testing.T, e Entry) map[string]fhirapi.Reference {
	t.Helper()
	switch e.Type {
	case "Encounter":
		v := decode[fhirapi.Encounter](t, e)
		return map[string]fhirapi.Reference{"Patient": *v.Subject, "Practitioner": *v.Participant[0].Individual, "Organization": *v.ServiceProvider}
	case "Condition":
		v := decode[fhirapi.Condition](t, e)
		return map[string]fhirapi.Reference{"Patient": *v.Subject, "Encounter": *v.Encounter}
	case "Observation":
		v := decode[fhirapi.Observation](t, e)
		return map[string]fhirapi.Reference{"Patient": *v.Subject, "Encounter": *v.Encounter}
	case "Procedure":
		v := decode[fhirapi.Procedure](t, e)
		return map[string]fhirapi.Reference{"Patient": *v.Subject, "Encounter": *v.Encounter}
	case "MedicationRequest":
		v := decode[fhirapi.MedicationRequest](t, e)
		return map[string]fhirapi.Reference{"Patient": *v.Subject, "Encounter": *v.Encounter, "Practitioner": *v.Requester}
	case "AllergyIntolerance":
		return map[string]fhirapi.Reference{"Patient": *decode[fhirapi.AllergyIntolerance](t, e).Patient}
	case "Immunization":
		v := decode[fhirapi.Immunization](t, e)
		return map[string]fhirapi.Reference{"Patient": *v.Patient, "Encounter": *v.Encounter}
	case "Claim":
		v := decode[fhirapi.Claim](t, e)
		return map[string]fhirapi.Reference{"Patient": *v.Patient, "Organization": *v.Provider, "Encounter": v.Item[0].Encounter[0]}
	case "ExplanationOfBenefit":
		v := decode[fhirapi.ExplanationOfBenefit](t, e)
		return map[string]fhirapi.Reference{"Patient": *v.Patient, "Practitioner": *v.Provider, "Claim": *v.Claim, "Coverage": v.Insurance[0].Coverage}
	}
	return nil
}

func decode[T any](t *testing.T, e Entry) T {
	t.Helper()
	var v T
	if err := e.Resource().Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSyntheaResources(t *testing.T) {
	var submitted, paid int64
	for _, e := range load(t) {
		switch e.Type {
		case "Patient":
			v := decode[fhirapi.Patient](t, e)
			if v.ID != e.ID || fhirapi.Name(v.Name).Family != "Botsford" || v.Address[0].Line() == "" || fhirapi.Contact(v.Telecom, "phone") == "" {
				t.Errorf("patient %+v", v)
			}
			checkDate(t, v.BirthDate, fhirapi.Day)
		case "Practitioner":
			if v := decode[fhirapi.Practitioner](t, e); fhirapi.Name(v.Name).Text() == "" {
				t.Errorf("practitioner %s has no name", e.ID)
			}
		case "Organization":
			if v := decode[fhirapi.Organization](t, e); v.Name == "" {
				t.Errorf("organization %s has no name", e.ID)
			}
		case "Encounter":
			checkDate(t, decode[fhirapi.Encounter](t, e).Period.Start, fhirapi.Second)
		case "Condition":
			checkDate(t, decode[fhirapi.Condition](t, e).Onset(), fhirapi.Second)
		case "Procedure":
			checkDate(t, decode[fhirapi.Procedure](t, e).When(), fhirapi.Second)
		case "MedicationRequest":
			if v := decode[fhirapi.MedicationRequest](t, e); v.MedicationCodeableConcept.Code("http://www.nlm.nih.gov/research/umls/rxnorm") == "" {
				t.Errorf("medication %s has no RxNorm code", e.ID)
			}
		case "Observation":
			v := decode[fhirapi.Observation](t, e)
			checkDate(t, v.When(), fhirapi.Second)
			if v.Text() == "" {
				t.Errorf("observation %s has no value", e.ID)
			}
		case "ExplanationOfBenefit":
			v := decode[fhirapi.ExplanationOfBenefit](t, e)
			submitted += minor(t, &v.Total[0].Amount)
			paid += minor(t, v.Payment.Amount)
		}
	}
	// Summed with Python's decimal from the same file, each amount in cents.
	if submitted != wantSubmitted || paid != wantPaid {
		t.Errorf("submitted %d, paid %d, want %d and %d", submitted, paid, wantSubmitted, wantPaid)
	}
}

const (
	wantSubmitted = 1889323
	wantPaid      = 1321460
)

func minor(t *testing.T, m *fhirapi.Money) int64 {
	t.Helper()
	n, err := m.Minor(2)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func checkDate(t *testing.T, d fhirapi.DateTime, want fhirapi.Precision) {
	t.Helper()
	m, err := d.Parse(time.UTC)
	if err != nil || m.Precision != want {
		t.Errorf("date %q: precision %v, %v", d, m.Precision, err)
	}
}
