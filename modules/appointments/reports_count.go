package appointments

import (
	"slices"

	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

// count fills in who came. Numbers of different patients cannot be added up from days, so
// each visit is looked at, at a few nanoseconds each.
func (s *census) count(stamps []reportsapi.Stamp, days [][]visit, out *reportsapi.VisitNumbers) {
	visits := make([]uint32, len(s.patients.ids))    // by patient
	lastMonth := make([]uint32, len(s.patients.ids)) // by patient: the number of the last month they came in
	toDoctor := make([]int, len(s.doctors.ids))      // by doctor, cancelled ones too
	month, number := "", uint32(0)
	for i, day := range days {
		if m := reportsapi.Month(stamps[i].Period); m != month || i == 0 {
			month = m
			number++
		}
		patients := 0
		for _, v := range day {
			toDoctor[v.doctor&^cancelledBit]++
			if v.doctor&cancelledBit != 0 {
				continue
			}
			visits[v.patient]++
			if lastMonth[v.patient] != number {
				lastMonth[v.patient] = number
				patients++
			}
		}
		m := out.ByMonth[month]
		m.Patients += patients
		out.ByMonth[month] = m
	}
	out.Active, out.Frequency = frequencies(visits)
	for doctor, patients := range s.patientsOf(days, toDoctor) {
		if toDoctor[doctor] > 0 {
			out.ByDoctor = append(out.ByDoctor, reportsapi.DoctorVisits{DoctorID: s.doctors.ids[doctor], Visits: toDoctor[doctor], Patients: patients})
		}
	}
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

// patientsOf returns by doctor how many patients they saw. The visits are laid out doctor
// by doctor first, so that one mark a patient is enough.
func (s *census) patientsOf(days [][]visit, toDoctor []int) []int {
	end := make([]int, len(toDoctor)) // of each doctor's part, growing as it is filled
	for d := 1; d < len(toDoctor); d++ {
		end[d] = end[d-1] + toDoctor[d-1]
	}
	start := slices.Clone(end)
	all := 0
	for _, n := range toDoctor {
		all += n
	}
	who := make([]uint32, all)
	for _, day := range days {
		for _, v := range day {
			if v.doctor&cancelledBit == 0 {
				who[end[v.doctor]] = v.patient
				end[v.doctor]++
			}
		}
	}
	seenBy := make([]uint32, len(s.patients.ids)) // by patient: the last doctor, counted from 1
	out := make([]int, len(toDoctor))
	for d := range out {
		for _, patient := range who[start[d]:end[d]] {
			if seenBy[patient] != uint32(d)+1 {
				seenBy[patient] = uint32(d) + 1
				out[d]++
			}
		}
	}
	return out
}
