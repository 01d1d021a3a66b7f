package reportsapi

// PatientFacts is what the patient register contributes to the patient summary. One
// module provides it.
type PatientFacts interface {
	Patients(c *Call) (PatientNumbers, error)
}

// PatientNumbers counts patients on the register: those that were registered up to the
// range's last day and are not deleted now.
type PatientNumbers struct {
	Total       int
	New         int            // registered within the range
	NewByMonth  map[string]int // the same by month, YYYY-MM
	ByGender    []GenderCount
	ByAgeGroups []AgeGroupCount
}

// GenderCount is how many patients are of a gender; where none is noted it is "unknown".
type GenderCount struct {
	Gender   string `json:"gender"`
	Patients int    `json:"patients"`
}

// AgeGroupCount is how many patients are of an age group on the range's last day.
type AgeGroupCount struct {
	Group    string `json:"group" doc:"completed years, such as 18-39, or unknown"`
	Patients int    `json:"patients"`
}

// AgeGroups are the groups in order, each with the youngest age in it.
var AgeGroups = []struct {
	Group    string
	Youngest int
}{{"0-4", 0}, {"5-17", 5}, {"18-39", 18}, {"40-64", 40}, {"65-79", 65}, {"80+", 80}}

// Unknown is the gender or age group of those of whom it is not noted.
const Unknown = "unknown"

// VisitFacts is what the diary contributes to the patient summary. One module provides it.
type VisitFacts interface {
	Visits(c *Call) (VisitNumbers, error)
}

// VisitNumbers counts the appointments dated within the range. Visits count every
// appointment whatever its status, so that parts add up to the total; patients count
// those with at least one that was not cancelled.
type VisitNumbers struct {
	Total, Completed, Cancelled, NoShow int
	Active                              int                    // patients, of the whole range
	ByMonth                             map[string]MonthVisits // by month, YYYY-MM
	ByDoctor                            []DoctorVisits
	Frequency                           []FrequencyCount // always the four groups
}

// MonthVisits is the visits of one month and how many patients had them.
type MonthVisits struct{ Visits, Cancelled, Patients int }

// DoctorVisits is the visits to one doctor and how many patients had them.
type DoctorVisits struct {
	DoctorID  string `json:"doctorId"`
	Name      string `json:"name"`
	Visits    int    `json:"visits" doc:"all of them, whatever their status"`
	Cancelled int    `json:"cancelled"`
	Patients  int    `json:"patients" doc:"with at least one that was not cancelled"`
}

// FrequencyCount is how many patients had so many visits that were not cancelled.
type FrequencyCount struct {
	Visits   string `json:"visits" doc:"1, 2-3, 4-6 or 7+"`
	Patients int    `json:"patients"`
}

// Frequencies are the groups of FrequencyCount in order, each with its fewest visits.
var Frequencies = []struct {
	Visits string
	Fewest int
}{{"1", 1}, {"2-3", 2}, {"4-6", 4}, {"7+", 7}}
