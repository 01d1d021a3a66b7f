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

// came is the visits of some days that were not cancelled: the numbers of their patients,
// laid out doctor by doctor.
type came struct {
	who       []uint32
	doctors   []doctorRun
	different int // patients
}

// doctorRun is a doctor's number and where their visits end.
type doctorRun struct {
	doctor uint32
	end    int
}

// whoCame is how many patients came in a range: different ones in all, by month and by
// doctor's id, and by how often they came.
type whoCame struct {
	active            int
	frequency         []reportsapi.FrequencyCount
	byMonth, byDoctor map[string]int
}

// countPatients counts who came within the range. Numbers of different patients cannot be
// added up from days, so each visit is looked at, at some nanoseconds each.
func countPatients(c *reportsapi.Call) (who whoCame, err error) {
	return reportsapi.Once(c, "visit_packs", c.From, c.To, "who came", func() (who whoCame, bytes int, err error) {
		patients, doctors, err := numbers(c.DB)
		if err != nil {
			return who, 0, err
		}
		last := uint32(0)
		for number := range doctors {
			last = max(last, number)
		}
		who.byMonth, who.byDoctor = map[string]int{}, map[string]int{}
		t := tally{visits: make([]uint32, patients+1)}
		read := func(packs []byte) (*came, int, error) { return readCame(packs, patients, last) }
		err = reportsapi.EachPack(c, "visit_packs", c.From, c.To, read, func(month string, v *came) error {
			who.byMonth[month] = v.different
			t.add(v)
			return nil
		})
		if err != nil {
			return who, 0, err
		}
		who.active, who.frequency = frequencies(t.visits)
		for number, n := range t.patientsOf() {
			if id, known := doctors[number]; known {
				who.byDoctor[id] = n
			}
		}
		return who, 64 * (len(who.byMonth) + len(who.byDoctor)), nil
	})
}

// numbers returns the highest number of a patient, and the doctors' ids by number.
func numbers(db dbx.Builder) (patients uint32, doctors map[uint32]string, err error) {
	rows, err := db.NewQuery("SELECT '', coalesce(max(no), 0) FROM visit_patients UNION ALL SELECT id, no FROM visit_doctors").Rows()
	if err != nil {
		return 0, nil, err
	}
	defer rows.Close()
	doctors = map[uint32]string{}
	for first := true; rows.Next(); first = false {
		var id string
		var no uint32
		if err := rows.Scan(&id, &no); err != nil {
			return 0, nil, err
		}
		if first {
			patients = no
		} else {
			doctors[no] = id
		}
	}
	return patients, doctors, rows.Err()
}

// readCame decodes packs, of patients and doctors up to these numbers. What it makes is about
// as large in memory as they are.
func readCame(packs []byte, patients, doctors uint32) (v *came, bytes int, err error) {
	if len(packs)%entryBytes != 0 {
		return nil, 0, fmt.Errorf("%d bytes are no whole entries", len(packs))
	}
	v = &came{who: make([]uint32, len(packs)/entryBytes)}
	visits, highest := make([]visit, len(v.who)), uint32(0)
	for i := range visits {
		entry := packs[i*entryBytes : (i+1)*entryBytes]
		one := visit{uint32(reportsapi.Digits(entry[patientDigit:doctorDigit])), uint32(reportsapi.Digits(entry[doctorDigit:]))}
		if one.patient > patients || one.doctor > doctors {
			return nil, 0, fmt.Errorf("an entry of nobody")
		}
		visits[i], highest = one, max(highest, one.patient)
	}
	next := make([]int, doctors+2) // where each doctor's next visit goes: at first, how many the one before has
	for _, one := range visits {
		next[one.doctor+1]++
	}
	for d := uint32(0); d <= doctors; d++ {
		next[d+1] += next[d]
		if next[d+1] > next[d] {
			v.doctors = append(v.doctors, doctorRun{d, next[d+1]})
		}
	}
	seen := make([]bool, highest+1)
	for _, one := range visits {
		v.who[next[one.doctor]] = one.patient
		next[one.doctor]++
		if !seen[one.patient] {
			seen[one.patient] = true
			v.different++
		}
	}
	return v, 4*len(v.who) + 16*len(v.doctors), nil
}

// tally counts visits of several months.
type tally struct {
	visits []uint32 // of each patient, by number
	all    []*came
}

func (t *tally) add(v *came) {
	t.all = append(t.all, v)
	for _, p := range v.who {
		t.visits[p]++
	}
}

// patientsOf returns by doctor's number how many patients they saw. It goes doctor by
// doctor, so that one mark a patient is enough.
func (t *tally) patientsOf() map[uint32]int {
	runs := map[uint32][][]uint32{}
	for _, v := range t.all {
		start := 0
		for _, r := range v.doctors {
			runs[r.doctor] = append(runs[r.doctor], v.who[start:r.end])
			start = r.end
		}
	}
	out := make(map[uint32]int, len(runs))
	seenBy, mark := make([]uint32, len(t.visits)), uint32(0) // by patient: the last doctor's mark
	for doctor, list := range runs {
		mark++
		n := 0
		for _, who := range list {
			for _, p := range who {
				if seenBy[p] != mark {
					seenBy[p] = mark
					n++
				}
			}
		}
		out[doctor] = n
	}
	return out
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
