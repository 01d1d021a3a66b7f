package fhirapi

// Refusal is why a resource does not go in. Its words name fields and places and never
// what they hold: they are printed, and kept in logs.
type Refusal struct {
	Field  string // the element at fault: "subject", "period.start"; may be ""
	Reason string
	Kind   Kind
}

// Kind is what is to become of a resource that does not go in.
type Kind int

// The kinds of refusal.
const (
	Refused Kind = iota // told to the user, and forgotten
	Waiting             // told to the user, and tried again on the next import
	Skipped             // not meant for a clinic's records; counted, no failure
)

func (r *Refusal) Error() string {
	if r.Field == "" {
		return r.Reason
	}
	return r.Field + ": " + r.Reason
}

// Refuse says what is wrong with a resource.
func Refuse(field, reason string) error { return &Refusal{field, reason, Refused} }

// Missing says that a resource refers to one that was not read yet.
func Missing(field, reason string) error { return &Refusal{field, reason, Waiting} }

// Skip says that a resource is none that a clinic would want among its records, such as
// one that was entered in error.
func Skip(reason string) error { return &Refusal{"", reason, Skipped} }
