package records

import (
	"cmp"
	"slices"
	"strings"

	"github.com/polyclinic-os/polyclinic/modules/fhir/fhirapi"
)

// sheet collects what a medical record says.
type sheet struct {
	conditions, done, found []string // a line each
	prescriptions           []any
	codes                   []any
	codeBytes, medBytes     int
	seen                    map[fhirapi.Coding]bool
}

// add writes one resource into the sheet. read follows its references.
func (s *sheet) add(in fhirapi.Resource, read func(key string) (fhirapi.Resource, error)) error {
	switch in.Type {
	case "Condition":
		c, err := fhirapi.Decode[fhirapi.Condition](in)
		if err != nil {
			return err
		}
		s.conditions = appendLine(s.conditions, conditionLine(c))
		s.note(c.Note)
		return s.code(c.Code)
	case "MedicationRequest":
		m, err := fhirapi.Decode[fhirapi.MedicationRequest](in)
		if err != nil {
			return err
		}
		return s.prescribe(in, m, read)
	case "Observation":
		o, err := fhirapi.Decode[fhirapi.Observation](in)
		if err != nil {
			return err
		}
		s.found = appendLine(s.found, observationLine(o))
		s.note(o.Note)
		return s.code(o.Code)
	case "Procedure":
		p, err := fhirapi.Decode[fhirapi.Procedure](in)
		if err != nil {
			return err
		}
		s.done = appendLine(s.done, named(p.Code))
		s.note(p.Note)
		return s.code(p.Code)
	}
	i, err := fhirapi.Decode[fhirapi.Immunization](in)
	if err != nil {
		return err
	}
	line := named(i.VaccineCode)
	if line != "" {
		line = "Immunization: " + line
		if i.LotNumber != "" {
			line += ", lot " + i.LotNumber
		}
	}
	s.done = appendLine(s.done, line)
	s.note(i.Note)
	return s.code(i.VaccineCode)
}

// Sizes in bytes up to which codes and prescriptions are filled: the fields take 50 000 and
// 100 000 with the JSON around them.
const (
	maxCodeBytes         = 40_000
	maxPrescriptionBytes = 80_000
)

// code keeps the codes of a concept, each once.
func (s *sheet) code(c *fhirapi.CodeableConcept) error {
	if c == nil {
		return nil
	}
	if s.seen == nil {
		s.seen = map[fhirapi.Coding]bool{}
	}
	for _, coding := range c.Coding {
		key := fhirapi.Coding{System: coding.System, Code: coding.Code}
		display := fhirapi.Cut(cmp.Or(coding.Display, c.FreeText), 200)
		size := len(coding.System) + len(coding.Code) + len(display) + 40
		if strings.TrimSpace(coding.Code) == "" || s.seen[key] || len(s.codes) == maxEntries || s.codeBytes+size > maxCodeBytes {
			continue
		}
		s.seen[key] = true
		s.codeBytes += size
		s.codes = append(s.codes, map[string]any{"system": fhirapi.Cut(coding.System, 300), "code": fhirapi.Cut(coding.Code, 100), "display": display})
	}
	return nil
}

// prescribe adds a prescription in the words of the request.
func (s *sheet) prescribe(in fhirapi.Resource, m fhirapi.MedicationRequest, read func(string) (fhirapi.Resource, error)) error {
	medicine, err := medicineOf(in, m, read)
	if err != nil {
		return err
	}
	if medicine == nil {
		return nil
	}
	entry, size := map[string]any{}, 0
	put := func(name, text string) {
		if text = fhirapi.Cut(text, 300); text != "" {
			entry[name] = text
			size += len(name) + len(text) + 10
		}
	}
	put("medicine", cmp.Or(named(medicine), "not named"))
	var doses, often []string
	for _, d := range m.DosageInstruction {
		doses = appendLine(doses, d.Text())
		if d.Timing != nil {
			often = appendLine(often, d.Timing.Text())
		}
	}
	put("dose", strings.Join(doses, "; "))
	put("frequency", strings.Join(often, "; "))
	if d := m.DispenseRequest; d != nil && d.ExpectedSupplyDuration != nil {
		put("duration", d.ExpectedSupplyDuration.String())
	}
	put("status", m.Status)
	s.note(m.Note)
	if len(s.prescriptions) == maxEntries || s.medBytes+size > maxPrescriptionBytes {
		s.found = appendLine(s.found, "Also prescribed: "+entry["medicine"].(string))
		return s.code(medicine)
	}
	s.prescriptions, s.medBytes = append(s.prescriptions, entry), s.medBytes+size
	return s.code(medicine)
}

// medicineOf returns what is prescribed: named in the request, in a Medication within it,
// or in one of its own.
func medicineOf(in fhirapi.Resource, m fhirapi.MedicationRequest, read func(string) (fhirapi.Resource, error)) (*fhirapi.CodeableConcept, error) {
	if m.MedicationCodeableConcept != nil || m.MedicationReference == nil {
		return m.MedicationCodeableConcept, nil
	}
	ref := m.MedicationReference
	drug, local := in.Contained(ref.Reference)
	if !local {
		var err error
		if drug, err = read(ref.Key("Medication")); err != nil {
			return nil, err
		}
	}
	if drug.Type == "Medication" {
		found, err := fhirapi.Decode[fhirapi.Medication](drug)
		if err != nil {
			return nil, err
		}
		if found.Code != nil {
			return found.Code, nil
		}
	}
	return &fhirapi.CodeableConcept{FreeText: ref.Display}, nil
}

func (s *sheet) note(notes []fhirapi.Annotation) {
	for _, n := range notes {
		s.found = appendLine(s.found, strings.TrimSpace(n.Text))
	}
}

// diagnosis returns the conditions, else what the visit was for, else what was seen. It is
// never empty.
func (s *sheet) diagnosis(about string) string {
	text := strings.Join(s.conditions, "\n")
	for _, next := range []string{about, strings.Join(s.done, ", "), "Findings"} {
		text = cmp.Or(text, next)
	}
	return fhirapi.Cut(text, 5000)
}

func (s *sheet) treatment() string { return fhirapi.Cut(strings.Join(s.done, "\n"), 20000) }

func (s *sheet) notes() string { return fhirapi.Cut(strings.Join(s.found, "\n"), 50000) }

// conditionLine returns "Otitis media (resolved)".
func conditionLine(c fhirapi.Condition) string {
	line := named(c.Code)
	if c.ClinicalStatus == nil || line == "" {
		return line
	}
	if status := c.ClinicalStatus.Code(); slices.Contains([]string{"recurrence", "relapse", "inactive", "remission", "resolved"}, status) {
		line += " (" + status + ")"
	}
	return line
}

// observationLine returns "Body height: 117.3 cm (high)".
func observationLine(o fhirapi.Observation) string {
	line, value := named(o.Code), o.Text()
	switch {
	case line == "":
		line = value
	case value != "":
		line += ": " + value
	}
	if how := fhirapi.Texts(o.Interpretation); len(how) > 0 && line != "" {
		line += " (" + strings.Join(how, ", ") + ")"
	}
	return line
}

func named(c *fhirapi.CodeableConcept) string {
	if c == nil {
		return ""
	}
	return c.Text()
}

// appendLine adds what is neither empty nor there.
func appendLine(lines []string, line string) []string {
	if line == "" || slices.Contains(lines, line) {
		return lines
	}
	return append(lines, line)
}
