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

// came is visits that were not cancelled: the numbers of their patients, laid out doctor by doctor.
type came struct {
	who     []uint32
	doctors []doctorRun
	highest uint32 // of the patients' numbers
}

// cameIn is the visits of some days of a month: day by day, of which most stay what they are
// when a visit changes, and all together, which are quicker to count.
type cameIn struct {
	days      []*came
	all       *came
	different int // patients
}

// doctorRun is a doctor's number and where their visits end.
type doctorRun struct{ doctor, end uint32 }

// whoCame is how many patients came in a range: different ones in all, by month and by
// doctor's id, and by how often they came.
type whoCame struct {
	active            int
	frequency         []reportsapi.FrequencyCount
	byMonth, byDoctor map[string]int
}

// countPatients counts who came within the range. Numbers of different patients cannot be
// added up from days, so each visit is looked at once, at some nanoseconds, and then the
// visits of the doctors and months that changed.
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
		months := map[string]*cameIn{}
		read := func(pack []byte) (*came, int, error) { return readCame(pack, patients, last) }
		err = reportsapi.EachPack(c, "visit_packs", c.From, c.To, read, together, func(month string, v *cameIn) error {
			who.byMonth[month], months[month] = v.different, v
			return nil
		})
		if err != nil {
			return who, 0, err
		}
		like := func(kept []*tally) *tally { return tallyLike(kept, months) }
		err = reportsapi.Kept(c, "visit_packs", c.From, "tally", like, func(t *tally) error {
			t.count(months)
			who.active, who.frequency = t.frequencies()
			for number, n := range t.doctors {
				if id, known := doctors[number]; known {
					who.byDoctor[id] = n
				}
			}
			return nil
		})
		return who, 64 * (len(who.byMonth) + len(who.byDoctor)), err
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

// together puts days together. What it makes takes about as much memory as they do.
func together(days []*came) (v *cameIn, bytes int) {
	v = &cameIn{days: days, all: &came{}}
	var next []uint32 // as in readCame
	for _, day := range days {
		v.all.highest = max(v.all.highest, day.highest)
		for i, r := range day.doctors {
			if more := int(r.doctor) + 2 - len(next); more > 0 {
				next = append(next, make([]uint32, more)...)
			}
			next[r.doctor+1] += uint32(len(day.run(i)))
		}
	}
	for d := 1; d < len(next); d++ {
		if next[d] > 0 {
			v.all.doctors = append(v.all.doctors, doctorRun{uint32(d - 1), next[d-1] + next[d]})
		}
		next[d] += next[d-1]
	}
	if len(next) > 0 {
		v.all.who = make([]uint32, next[len(next)-1])
	}
	for _, day := range days {
		for i, r := range day.doctors {
			next[r.doctor] += uint32(copy(v.all.who[next[r.doctor]:], day.run(i)))
		}
	}
	var seen marks
	seen.fresh(int(v.all.highest) + 1)
	v.different = seen.mark(v.all.who)
	return v, 4*len(v.all.who) + 8*(len(v.all.doctors)+len(days)) + 128
}

// readCame decodes a pack, of patients and doctors up to these numbers.
func readCame(pack []byte, patients, doctors uint32) (v *came, bytes int, err error) {
	if len(pack)%entryBytes != 0 {
		return nil, 0, fmt.Errorf("%d bytes are no whole entries", len(pack))
	}
	v = &came{who: make([]uint32, len(pack)/entryBytes)}
	visits := make([]visit, len(v.who))
	next := make([]uint32, doctors+2) // where each doctor's next visit goes: at first, how many the one before has
	for i := range visits {
		entry := pack[i*entryBytes : (i+1)*entryBytes]
		one := visit{uint32(reportsapi.Digits(entry[patientDigit:doctorDigit])), uint32(reportsapi.Digits(entry[doctorDigit:]))}
		if one.patient > patients || one.doctor > doctors {
			return nil, 0, fmt.Errorf("an entry of nobody")
		}
		visits[i], v.highest = one, max(v.highest, one.patient)
		next[one.doctor+1]++
	}
	for d := uint32(0); d <= doctors; d++ {
		next[d+1] += next[d]
		if next[d+1] > next[d] {
			v.doctors = append(v.doctors, doctorRun{d, next[d+1]})
		}
	}
	for _, one := range visits {
		v.who[next[one.doctor]] = one.patient
		next[one.doctor]++
	}
	return v, 4*len(v.who) + 8*len(v.doctors) + 64, nil
}
