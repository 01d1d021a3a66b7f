package records

import (
	"slices"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/fhir/fhirapi"
)

// findings are the types that go into a record, in the order in which it tells them.
var findings = []string{"Condition", "MedicationRequest", "Procedure", "Immunization", "Observation"}

// recordImport makes one medical record of whatever was found, prescribed and done at an
// encounter. What names no encounter, or one that was not read, makes one of its day.
var recordImport = fhirapi.Importer{
	Collection: "medical_records",
	Types:      findings,
	After:      []string{"doctors", "patients", "appointments"},
	Reads:      []string{"Medication"},
	Place:      placeFinding, Map: toRecord,
}

// finding is what the types of recordImport have in common.
type finding struct {
	patient, encounter *fhirapi.Reference
	when               fhirapi.DateTime
	skip               string // why it does not belong into a record, or ""
}

func placeFinding(in fhirapi.Resource) (fhirapi.Place, error) {
	f, err := readFinding(in)
	if err != nil {
		return fhirapi.Place{}, err
	}
	if f.skip != "" {
		return fhirapi.Place{}, fhirapi.Skip(f.skip)
	}
	patient := fhirapi.KeyOf(f.patient, "Patient")
	if patient == "" {
		return fhirapi.Place{}, fhirapi.Refuse("subject", "is missing")
	}
	return fhirapi.Place{
		Of: fhirapi.KeyOf(f.encounter, "Encounter"), Patient: patient, Day: fhirapi.CivilDay(f.when), ByDay: true,
	}, nil
}

func readFinding(in fhirapi.Resource) (finding, error) {
	switch in.Type {
	case "Condition":
		c, err := fhirapi.Decode[fhirapi.Condition](in)
		f := finding{c.Subject, c.Encounter, fhirapi.First(c.RecordedDate, c.Onset()), ""}
		if c.VerificationStatus != nil {
			f.skip = oneOf(c.VerificationStatus.Code(), "refuted", "entered-in-error")
		}
		return f, err
	case "MedicationRequest":
		m, err := fhirapi.Decode[fhirapi.MedicationRequest](in)
		f := finding{m.Subject, m.Encounter, m.AuthoredOn, oneOf(m.Status, "draft", "cancelled", "entered-in-error")}
		if m.DoNotPerform {
			f.skip = "not to be given"
		}
		return f, err
	case "Observation":
		o, err := fhirapi.Decode[fhirapi.Observation](in)
		return finding{o.Subject, o.Encounter, o.When(), oneOf(o.Status, "cancelled", "entered-in-error")}, err
	case "Procedure":
		p, err := fhirapi.Decode[fhirapi.Procedure](in)
		return finding{p.Subject, p.Encounter, p.When(), oneOf(p.Status, "preparation", "not-done", "entered-in-error")}, err
	}
	i, err := fhirapi.Decode[fhirapi.Immunization](in)
	return finding{i.Patient, i.Encounter, fhirapi.First(i.OccurrenceDateTime, i.Recorded), oneOf(i.Status, "not-done", "entered-in-error")}, err
}

// oneOf returns status if it is one of the others, else "".
func oneOf(status string, others ...string) string {
	for _, other := range others {
		if status == other {
			return status
		}
	}
	return ""
}

func toRecord(tx core.App, in *fhirapi.Set) (map[string]any, error) {
	var s sheet
	parts := slices.Clone(in.Parts)
	slices.SortStableFunc(parts, func(a, b fhirapi.Resource) int {
		return slices.Index(findings, a.Type) - slices.Index(findings, b.Type)
	})
	for _, part := range parts {
		if err := s.add(part, in.Read); err != nil {
			return nil, err
		}
	}
	at, err := occasionOf(tx, in)
	if err != nil {
		return nil, err
	}
	fields := map[string]any{
		"patientId": in.PatientID, "appointmentId": at.appointment, "doctorId": at.doctor,
		"diagnosis": s.diagnosis(at.about), "treatment": s.treatment(), "notes": s.notes(),
		"prescriptions": s.prescriptions, "codes": s.codes,
	}
	if len(s.prescriptions) == 0 {
		fields["prescriptions"] = []any{}
	}
	if when := recordedAt(in, at.began); !when.IsZero() {
		fields["recordedAt"] = when.UTC()
	}
	return fields, nil
}

// occasion is the encounter that a record is of.
type occasion struct {
	appointment, doctor string // ids, "" where it did not become an appointment
	began               fhirapi.DateTime
	about               string // what it was for
}

func occasionOf(tx core.App, in *fhirapi.Set) (occasion, error) {
	var o occasion
	if in.Root.Type == "Encounter" {
		e, err := fhirapi.Decode[fhirapi.Encounter](in.Root)
		if err != nil {
			return o, err
		}
		o.began = e.Period.Start
		for _, text := range append(fhirapi.Texts(e.ReasonCode), fhirapi.Texts(e.Type)...) {
			o.about = text
			break
		}
	}
	o.appointment = in.RootIn.In("appointments")
	if o.appointment == "" {
		return o, nil
	}
	appointment, err := tx.FindRecordById("appointments", o.appointment)
	if err != nil {
		return o, err
	}
	o.doctor = appointment.GetString("doctorId")
	return o, nil
}

// recordedAt returns when the visit began, else when the earliest finding was made; the
// zero time where nothing says so.
func recordedAt(in *fhirapi.Set, began fhirapi.DateTime) time.Time {
	if m, err := began.Parse(in.Clinic.TimeZone); err == nil {
		return m.Time
	}
	var earliest time.Time
	for _, part := range in.Parts {
		f, err := readFinding(part)
		if err != nil {
			continue // it was read when it was placed
		}
		m, err := f.when.Parse(in.Clinic.TimeZone)
		if err == nil && (earliest.IsZero() || m.Time.Before(earliest)) {
			earliest = m.Time
		}
	}
	return earliest
}
