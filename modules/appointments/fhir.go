package appointments

import (
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/fhir/fhirapi"
)

// visitImport makes a past appointment of an Encounter.
var visitImport = fhirapi.Importer{
	Collection: "appointments", Types: []string{"Encounter"}, After: []string{"doctors", "patients"},
	Place: placeEncounter, Map: toVisit,
}

func placeEncounter(in fhirapi.Resource) (fhirapi.Place, error) {
	e, err := fhirapi.Decode[fhirapi.Encounter](in)
	if err != nil {
		return fhirapi.Place{}, err
	}
	if slices.Contains([]string{"planned", "entered-in-error"}, e.Status) {
		return fhirapi.Place{}, fhirapi.Skip("took no place")
	}
	patient := fhirapi.KeyOf(e.Subject, "Patient")
	if patient == "" {
		return fhirapi.Place{}, fhirapi.Refuse("subject", "is missing")
	}
	return fhirapi.Place{Patient: patient, Day: fhirapi.CivilDay(e.Period.Start)}, nil
}

func toVisit(_ core.App, in *fhirapi.Set) (map[string]any, error) {
	e, err := fhirapi.Decode[fhirapi.Encounter](in.Root)
	if err != nil {
		return nil, err
	}
	start, end, err := span(e, in.Clinic)
	if err != nil {
		return nil, err
	}
	if start.After(time.Now()) {
		return nil, fhirapi.Skip("is not past")
	}
	doctor, err := doctorOf(e, in)
	if err != nil {
		return nil, err
	}
	reason := strings.Join(fhirapi.Texts(e.ReasonCode), ", ")
	if reason == "" {
		reason = strings.Join(fhirapi.Texts(e.Type), ", ")
	}
	fields := map[string]any{
		"patientId": in.PatientID, "doctorId": doctor,
		"appointmentDate": start.Format(time.DateOnly), "timeSlot": slotOf(start, end).String(),
		"reason": fhirapi.Cut(reason, 1000), "status": appointmentsapi.StatusCancelled,
	}
	if e.Status != "cancelled" {
		fields["status"] = appointmentsapi.StatusCompleted
		fields["startedAt"], fields["completedAt"] = start.UTC(), end.UTC()
	}
	return fields, nil
}

// span returns when the visit began and ended, in the clinic's time zone. Where no end is
// known it took as long as the clinic's slots.
func span(e fhirapi.Encounter, c clinicapi.Settings) (start, end time.Time, err error) {
	from, err := e.Period.Start.Parse(c.TimeZone)
	if err != nil {
		return start, end, fhirapi.Refuse("period.start", err.Error())
	}
	start = from.Time.In(c.TimeZone)
	to, err := e.Period.End.Parse(c.TimeZone)
	if err != nil || !to.Time.After(start) {
		return start, start.Add(time.Duration(max(c.SlotMinutes, 1)) * time.Minute), nil
	}
	return start, to.Time.In(c.TimeZone), nil
}

// slotOf returns the part of a visit that lies on its first day, in whole minutes. Its end
// is the minute after the last one, so that it is a time that the clocks show.
func slotOf(start, end time.Time) slot {
	s := slot{start: start.Hour()*60 + start.Minute(), end: 24 * 60}
	last := end.Add(-time.Minute)
	if last.Format(time.DateOnly) <= start.Format(time.DateOnly) {
		s.end = last.Hour()*60 + last.Minute() + 1
	}
	s.end = max(s.end, s.start+1) // less than a minute, or over an hour that came twice
	return s
}

// doctorOf returns the doctor of the visit: whom the encounter names as performing it,
// else the first of its participants who is one.
func doctorOf(e fhirapi.Encounter, in *fhirapi.Set) (string, error) {
	const role = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
	var doctors, first []string
	missing := false
	for _, p := range e.Participant {
		key := fhirapi.KeyOf(p.Individual, "Practitioner")
		if key == "" {
			continue
		}
		found, err := in.Find(key)
		if err != nil {
			return "", err
		}
		missing = missing || !found.Known
		id := found.In("doctors")
		if id == "" {
			continue
		}
		doctors = append(doctors, id)
		if slices.ContainsFunc(p.Type, func(c fhirapi.CodeableConcept) bool {
			return slices.Contains([]string{"PPRF", "ATND"}, c.Code(role))
		}) {
			first = append(first, id)
		}
	}
	switch doctors = append(first, doctors...); {
	case len(doctors) > 0:
		return doctors[0], nil
	case missing:
		return "", fhirapi.Missing("participant", "its practitioner is in none of the files")
	}
	return "", fhirapi.Skip("names no practitioner")
}
