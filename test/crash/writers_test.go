package crash

import (
	"fmt"
	"time"
)

// Each writer returns one write; false ends it: the server has gone.

// book makes appointments, each in a slot of its own.
func (c *clinic) book(done *acks, round int) func(int) bool {
	return func(n int) bool {
		day := time.Now().AddDate(0, 0, 60+round%400).Format(time.DateOnly)
		at := 8*60 + (n*5)%(9*60)
		slot := fmt.Sprintf("%02d:%02d-%02d:%02d", at/60, at%60, (at+5)/60, (at+5)%60)
		status, answer, alive := c.ask("POST", "/api/appointments", c.admin,
			fmt.Sprintf(`{"patientId":%q,"doctorId":%q,"appointmentDate":%q,"timeSlot":%q}`, c.patient, c.doctorID, day, slot))
		if status == 201 && alive {
			done.note(func() { done.appointments[field(answer, "id")] = slot })
		}
		return alive
	}
}

// pay makes an invoice and pays it in two parts.
func (c *clinic) pay(done *acks) func(int) bool {
	var invoice string
	return func(n int) bool {
		if n%3 == 0 || invoice == "" {
			status, answer, alive := c.ask("POST", "/api/billing", c.admin, fmt.Sprintf(`{"patientId":%q,"amount":100,"details":"Visit"}`, c.patient))
			if invoice = ""; status == 201 && alive {
				invoice = field(answer, "id")
				done.note(func() { done.paid[invoice] += 0 })
			}
			return alive
		}
		status, _, alive := c.ask("POST", "/api/billing/"+invoice+"/payments", c.admin, `{"amount":50,"method":"cash"}`)
		if status == 200 || status == 201 {
			done.note(func() { done.paid[invoice]++ })
		}
		return alive
	}
}

// move takes from the stock and puts back.
func (c *clinic) move(done *acks) func(int) bool {
	return func(n int) bool {
		delta := -3
		if n%2 == 1 {
			delta = 2
		}
		status, _, alive := c.ask("POST", "/api/inventory/"+c.item+"/adjust", c.admin, fmt.Sprintf(`{"delta":%d,"reason":"used"}`, delta))
		if status == 200 || status == 201 {
			done.note(func() { done.moved[c.item]++ })
		}
		return alive
	}
}

// chart writes a record and changes it.
func (c *clinic) chart(done *acks) func(int) bool {
	var id string
	return func(n int) bool {
		if n%2 == 0 || id == "" {
			status, answer, alive := c.ask("POST", "/api/medical-records", c.doctor, fmt.Sprintf(`{"patientId":%q,"diagnosis":"Cough","notes":"first"}`, c.patient))
			if id = ""; status == 201 && alive {
				id = field(answer, "id")
				done.note(func() { done.records[id] = 1 })
			}
			return alive
		}
		status, _, alive := c.ask("PUT", "/api/medical-records/"+id, c.doctor, `{"notes":"second"}`)
		if status == 200 {
			done.note(func() { done.records[id] = 2 })
		}
		return alive
	}
}
