package appointments

import (
	"fmt"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

// An entry of a visit_packs pack: '!', the patient's number in five digits and the
// doctor's in three.
const (
	entryBytes   = 9
	patientDigit = 1
	doctorDigit  = 6
)

// visit is one appointment that was not cancelled: its patient's and doctor's numbers.
type visit struct{ patient, doctor uint32 }

// countPatients fills in who came and returns how many patients came to each doctor.
// Numbers of different patients cannot be added up from days, so each visit is looked at,
// at some nanoseconds each.
func countPatients(c *reportsapi.Call, out *reportsapi.VisitNumbers) (map[string]int, error) {
	var patients, doctors int
	err := c.DB.NewQuery("SELECT coalesce((SELECT max(no) FROM visit_patients), 0), coalesce((SELECT max(no) FROM visit_doctors), 0)").Row(&patients, &doctors)
	if err != nil {
		return nil, err
	}
	// Put together in SQL: to fetch a row a day took longer than to count what is in it.
	statement, months := c.PacksByMonth("visit_packs", false)
	rows, err := c.DB.NewQuery(statement).Bind(dbx.Params{"months": months}).Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	t := tally{visits: make([]uint32, patients+1), lastMonth: make([]uint32, patients+1), perDoctor: make([]int, doctors+2)}
	for rows.Next() {
		var month string
		var pack []byte
		if err := rows.Scan(&month, &pack); err != nil {
			return nil, err
		}
		came, err := t.month(pack)
		if err != nil {
			return nil, fmt.Errorf("pack of %s: %w", month, err)
		}
		m := out.ByMonth[month]
		m.Patients = came
		out.ByMonth[month] = m
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	out.Active, out.Frequency = frequencies(t.visits)
	return named(c.DB, t.patientsOf())
}

// tally counts visits. Its slices are by patient's or doctor's number.
type tally struct {
	visits    []uint32 // of each patient
	lastMonth []uint32 // the number of the last month each patient came in
	perDoctor []int    // visits to each doctor
	months    uint32
	all       []visit
}

// month counts the visits of one month and returns how many patients they were of.
func (t *tally) month(pack []byte) (patients int, err error) {
	if len(pack)%entryBytes != 0 {
		return 0, fmt.Errorf("%d bytes are no whole entries", len(pack))
	}
	t.months++
	for ; len(pack) > 0; pack = pack[entryBytes:] {
		v := visit{uint32(reportsapi.Digits(pack[patientDigit:doctorDigit])), uint32(reportsapi.Digits(pack[doctorDigit:entryBytes]))}
		if int(v.patient) >= len(t.visits) || int(v.doctor) >= len(t.perDoctor)-1 {
			return 0, fmt.Errorf("an entry of nobody")
		}
		t.all = append(t.all, v)
		t.perDoctor[v.doctor]++
		t.visits[v.patient]++
		if t.lastMonth[v.patient] != t.months {
			t.lastMonth[v.patient] = t.months
			patients++
		}
	}
	return patients, nil
}

// patientsOf returns by doctor's number how many patients they saw. The visits are laid
// out doctor by doctor first, so that one mark a patient is enough.
func (t *tally) patientsOf() []int {
	end := make([]int, len(t.perDoctor)) // of each doctor's part, growing as it is filled
	for d := 1; d < len(end); d++ {
		end[d] = end[d-1] + t.perDoctor[d-1]
	}
	who := make([]uint32, len(t.all))
	for _, v := range t.all {
		who[end[v.doctor]] = v.patient
		end[v.doctor]++
	}
	seenBy := t.lastMonth // by patient: the last doctor, counted from 1
	clear(seenBy)
	out, start := make([]int, len(end)), 0
	for d := range out {
		for _, patient := range who[start:end[d]] {
			if seenBy[patient] != uint32(d)+1 {
				seenBy[patient] = uint32(d) + 1
				out[d]++
			}
		}
		start = end[d]
	}
	return out
}

// named puts what is by doctor's number under the doctors' ids.
func named(db dbx.Builder, byNumber []int) (map[string]int, error) {
	rows, err := db.NewQuery("SELECT no, id FROM visit_doctors").Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]int{}
	for rows.Next() {
		var no int
		var id string
		if err := rows.Scan(&no, &id); err != nil {
			return nil, err
		}
		out[id] = byNumber[no]
	}
	return out, rows.Err()
}

// frequencies groups patients by how many visits they had.
func frequencies(visits []uint32) (active int, groups []reportsapi.FrequencyCount) {
	for _, f := range reportsapi.Frequencies {
		groups = append(groups, reportsapi.FrequencyCount{Visits: f.Visits})
	}
	for _, n := range visits {
		if n == 0 {
			continue
		}
		active++
		i := len(groups) - 1
		for int(n) < reportsapi.Frequencies[i].Fewest {
			i--
		}
		groups[i].Patients++
	}
	return active, groups
}
