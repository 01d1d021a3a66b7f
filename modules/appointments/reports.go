package appointments

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

// facts counts the diary for the patient summary.
type facts struct{}

var _ reportsapi.VisitFacts = facts{}

// visit is what is counted of one appointment: the places of its patient and doctor in
// census, the doctor's with
// cancelledBit where it was.
type visit struct{ patient, doctor uint32 }

const cancelledBit = 1 << 31

// census is the diary in memory, by day: 8 bytes an appointment.
type census struct {
	sync.Mutex
	shelf             reportsapi.Shelf[visit]
	patients, doctors people
}

// people numbers ids in the order in which they came.
type people struct {
	place map[string]uint32
	ids   []string
}

func (p *people) of(id string) uint32 {
	n, ok := p.place[id]
	if !ok {
		n = uint32(len(p.ids))
		p.place[id] = n
		p.ids = append(p.ids, id)
	}
	return n
}

func newCensus() any {
	return &census{patients: people{place: map[string]uint32{}}, doctors: people{place: map[string]uint32{}}}
}

// Visits counts the appointments dated within the range.
func (facts) Visits(c *reportsapi.Call) (out reportsapi.VisitNumbers, err error) {
	kept := newCensus() // a transaction sees what may never be committed
	if !c.App.IsTransactional() {
		kept = c.App.Store().GetOrSet("polyclinic.appointments.census", newCensus)
	}
	s := kept.(*census)
	s.Lock()
	defer s.Unlock()
	out.ByMonth = map[string]reportsapi.MonthVisits{}
	stamps, err := sums(c, &out)
	if err != nil {
		return out, fmt.Errorf("days of the diary: %w", err)
	}
	days, err := s.shelf.Get(stamps, s.load(c.DB))
	if err != nil {
		return out, fmt.Errorf("read the diary: %w", err)
	}
	s.count(stamps, days, &out)
	return out, nameDoctors(c.DB, out.ByDoctor)
}

// sums adds up the days and returns their stamps.
func sums(c *reportsapi.Call, out *reportsapi.VisitNumbers) (stamps []reportsapi.Stamp, err error) {
	rows, err := c.DB.NewQuery("SELECT day, stamp, total, completed, cancelled, noShow FROM visit_days WHERE day BETWEEN {:from} AND {:to} ORDER BY day").
		Bind(dbx.Params{"from": c.From, "to": c.To}).Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var s reportsapi.Stamp
		var total, completed, cancelled, noShow int
		if err := rows.Scan(&s.Period, &s.Stamp, &total, &completed, &cancelled, &noShow); err != nil {
			return nil, err
		}
		stamps = append(stamps, s)
		out.Total += total
		out.Completed += completed
		out.Cancelled += cancelled
		out.NoShow += noShow
		m := out.ByMonth[reportsapi.Month(s.Period)]
		m.Visits += total
		out.ByMonth[reportsapi.Month(s.Period)] = m
	}
	return stamps, rows.Err()
}

func (s *census) load(db dbx.Builder) reportsapi.Load[visit] {
	return func(first, last string, add func(string, visit)) error {
		rows, err := db.NewQuery("SELECT appointmentDate, patientId, doctorId, status = 'cancelled' FROM appointments WHERE appointmentDate BETWEEN {:first} AND {:last}").
			Bind(dbx.Params{"first": first, "last": last}).Rows()
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var day, patient, doctor string
			var off bool
			if err := rows.Scan(&day, &patient, &doctor, &off); err != nil {
				return err
			}
			v := visit{s.patients.of(patient), s.doctors.of(doctor)}
			if off {
				v.doctor |= cancelledBit
			}
			add(day, v)
		}
		return rows.Err()
	}
}

// nameDoctors adds the doctors' names and puts the busiest first.
func nameDoctors(db dbx.Builder, doctors []reportsapi.DoctorVisits) error {
	ids := make([]string, len(doctors))
	for i, d := range doctors {
		ids[i] = d.DoctorID
	}
	names, err := staffapi.DoctorNames(db, ids)
	if err != nil {
		return err
	}
	for i := range doctors {
		doctors[i].Name = names[doctors[i].DoctorID]
	}
	slices.SortFunc(doctors, func(a, b reportsapi.DoctorVisits) int {
		return cmp.Or(cmp.Compare(b.Visits, a.Visits), cmp.Compare(a.Name, b.Name), cmp.Compare(a.DoctorID, b.DoctorID))
	})
	return nil
}
