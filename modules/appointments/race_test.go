package appointments_test

import (
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/appointments/appointmentsapi"
	"github.com/polyclinic-os/polyclinic/modules/patients/patientsapi"
	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

// together sends n requests at once and counts the statuses.
func together(n int, send func(i int) int) map[int]int {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		got   = map[int]int{}
		ready = make(chan struct{})
	)
	for i := range n {
		wg.Go(func() {
			<-ready
			status := send(i)
			mu.Lock()
			defer mu.Unlock()
			got[status]++
		})
	}
	close(ready)
	wg.Wait()
	return got
}

func want(t *testing.T, got, want map[int]int) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func liveOn(t *testing.T, s *kerneltest.Server, n int) int {
	t.Helper()
	list, err := s.App.FindRecordsByFilter("appointments", "appointmentDate = {:d} && status = 'scheduled'", "", 0, 0, map[string]any{"d": day(n)})
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestOneHundredClientsOnOneSlot(t *testing.T) {
	const clients = 100
	s := set.Start(t)
	patients := register(t, s, clients)
	token := s.Token(t, rosa)
	batch := func(b map[string]any) map[string]any {
		return map[string]any{"requests": []map[string]any{{"method": "POST", "url": records, "body": b}}}
	}
	// Slots of different lengths and beginnings, of which every two overlap.
	odd := func(i int) string { return fmt.Sprintf("09:%02d-10:%02d", i%50, 1+i%59) }
	for n, test := range []struct {
		name string
		send func(i, day int) int
		want map[int]int
	}{
		{"by the documented path", func(i, day int) int {
			return s.Do(t, "POST", path, token, booking(patients[i], staffapi.Grace, day, "09:00-10:00")).Status
		}, map[int]int{201: 1, 409: clients - 1}},
		{"by the collection", func(i, day int) int {
			return s.Do(t, "POST", records, token, booking(patients[i], staffapi.Grace, day, "09:00-10:00")).Status
		}, map[int]int{200: 1, 409: clients - 1}},
		{"by batch", func(i, day int) int {
			return s.Do(t, "POST", "/api/batch", token, batch(booking(patients[i], staffapi.Grace, day, "09:00-10:00"))).Status
		}, map[int]int{200: 1, 409: clients - 1}},
		{"on slots that overlap", func(i, day int) int {
			return s.Do(t, "POST", path, token, booking(patients[i], staffapi.Grace, day, odd(i))).Status
		}, map[int]int{201: 1, 409: clients - 1}},
		{"for one patient, with two doctors", func(i, day int) int {
			return s.Do(t, "POST", path, token, booking(patientsapi.Ada, []string{staffapi.Grace, staffapi.Omar}[i%2], day, odd(i))).Status
		}, map[int]int{201: 1, 409: clients - 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			day := 20 + n
			want(t, together(clients, func(i int) int { return test.send(i, day) }), test.want)
			if live := liveOn(t, s, day); live != 1 {
				t.Errorf("%d appointments are live", live)
			}
		})
	}
}

func TestManyAreMovedIntoOneSlot(t *testing.T) {
	s := set.Start(t)
	var ids []string
	for i, p := range register(t, s, 16) {
		ids = append(ids, book(t, s, p, staffapi.Grace, 20, fmt.Sprintf("%02d:00-%02d:30", 6+i, 6+i)))
	}
	token := s.Token(t, rosa)
	want(t, together(len(ids), func(i int) int {
		return s.Do(t, "PUT", path+"/"+ids[i], token, `{"timeSlot":"05:00-05:30"}`).Status
	}), map[int]int{200: 1, 409: len(ids) - 1})
	if live := liveOn(t, s, 20); live != len(ids) {
		t.Errorf("%d of %d are live", live, len(ids))
	}
}

// However a cancel and bookings of its slot meet, one appointment is live at the end or
// none, never two.
func TestCancelAndBookAtOnce(t *testing.T) {
	s := set.Start(t)
	patients := register(t, s, 12)
	token := s.Token(t, rosa)
	got := together(len(patients)+2, func(i int) int {
		if i >= len(patients) {
			return s.Do(t, "DELETE", path+"/"+appointmentsapi.CastTomorrow, token, nil).Status
		}
		return s.Do(t, "POST", path, token, booking(patients[i], staffapi.Grace, 1, "10:00-10:30")).Status
	})
	if got[204] != 1 || got[201] > 1 || got[204]+got[201]+got[409] != len(patients)+2 {
		t.Errorf("got %v", got)
	}
	if live := liveOn(t, s, 1); live != got[201] {
		t.Errorf("%d are live, %d were booked", live, got[201])
	}
}

// A move that meets a completion either came first or is refused.
func TestMoveAndStartAtOnce(t *testing.T) {
	s := set.Start(t)
	token := s.Token(t, rosa)
	booked := bookOn(t, s, noon(t, s), "15:00-15:30")
	id := path + "/" + booked
	got := together(2, func(i int) int {
		if i == 0 {
			return s.Do(t, "POST", id+"/start", token, nil).Status
		}
		return s.Do(t, "PUT", id, token, `{"timeSlot":"16:00-17:00"}`).Status
	})
	a, err := s.App.FindRecordById("appointments", booked)
	if err != nil || a.GetString("status") != "in-progress" || (got[409] == 1) != (a.GetString("timeSlot") == "15:00-15:30") {
		t.Errorf("got %v, then %s %s, %v", got, a.GetString("status"), a.GetString("timeSlot"), err)
	}
}
