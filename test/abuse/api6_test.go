package abuse

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// atOnce sends n requests side by side and counts the answers by status.
func atOnce(n int, try func(i int) answer) map[int]int {
	var mu sync.Mutex
	var wg sync.WaitGroup
	got := map[int]int{}
	for i := range n {
		wg.Go(func() {
			a := try(i)
			mu.Lock()
			defer mu.Unlock()
			got[a.status]++
		})
	}
	wg.Wait()
	return got
}

var flows = []attack{
	{"twenty who book one slot at once get it once, by three paths", func(t *testing.T, c *clinic) {
		token := c.token(t, desk)
		rows := c.as(t, desk, "GET", "/api/patients?perPage=40&sort=created", nil).items()
		got := atOnce(20, func(i int) answer {
			b := booking(rows[i]["id"].(string), omarID, "11:00-11:30")
			switch i % 3 {
			case 0:
				return c.do(t, token, "POST", "/api/appointments", b)
			case 1:
				return c.do(t, token, "POST", "/api/collections/appointments/records", b)
			}
			return c.do(t, token, "POST", "/api/batch", batch("POST", "/api/collections/appointments/records", b))
		})
		if got[200]+got[201] != 1 || got[409] != 19 {
			t.Errorf("%v", got)
		}
	}},
	{"nothing is booked in the past, backwards or over midnight", func(t *testing.T, c *clinic) {
		for _, slot := range []string{"10:00-09:00", "09:00-09:00", "23:30-24:30", "25:00-26:00", "9-10", "-", "09:00-10:00-11:00", "09:00–10:00", " 09:00-10:00 ;", "٠٩:٠٠-١٠:٠٠"} {
			held(t, c.as(t, desk, "POST", "/api/appointments", booking(adaPatient, omarID, slot)), 400)
		}
		b := booking(adaPatient, omarID, "09:00-09:30")
		b["appointmentDate"] = "2020-01-01"
		held(t, c.as(t, desk, "POST", "/api/appointments", b), 400)
	}},
	{"no more is paid than is owed, however many pay at once", func(t *testing.T, c *clinic) {
		token := c.token(t, cashier)
		id := c.must(t, 201, c.as(t, cashier, "POST", "/api/billing", map[string]any{"patientId": adaPatient, "amount": 100})).id(t)
		got := atOnce(12, func(int) answer {
			return c.do(t, token, "POST", "/api/billing/"+id+"/payments", `{"amount":40,"method":"cash"}`)
		})
		if row := c.as(t, cashier, "GET", "/api/billing/"+id, nil).object(t); row["paid"] != 80.0 || got[409] != 10 {
			t.Errorf("%v %v", got, row["paid"])
		}
		held(t, c.as(t, cashier, "POST", "/api/billing/"+id+"/refunds", `{"amount":81,"method":"cash","reason":"as a gift"}`), 409)
		held(t, c.as(t, cashier, "PUT", "/api/billing/"+id, `{"amount":1}`), 409)
		for _, amount := range []string{"0", "-1", "0.001", "1e400", `"1"`} {
			held(t, c.as(t, cashier, "POST", "/api/billing/"+id+"/payments", `{"amount":`+amount+`,"method":"cash"}`), 400)
		}
	}},
	{"stock never falls below nought, however many take at once", func(t *testing.T, c *clinic) {
		token := c.token(t, pharmacy)
		id := c.must(t, 201, c.as(t, pharmacy, "POST", "/api/inventory", `{"itemName":"Test stock","quantity":5}`)).id(t)
		got := atOnce(15, func(int) answer {
			return c.do(t, token, "POST", "/api/inventory/"+id+"/adjust", `{"delta":-1,"reason":"given out"}`)
		})
		if left := c.as(t, pharmacy, "GET", "/api/inventory/"+id, nil).object(t)["quantity"]; left != 0.0 || got[409] != 10 {
			t.Errorf("%v, %v left", got, left)
		}
	}},
	{"a request that is sent ten times at once with one key is done once", func(t *testing.T, c *clinic) {
		token := c.token(t, cashier)
		id := c.must(t, 201, c.as(t, cashier, "POST", "/api/billing", map[string]any{"patientId": adaPatient, "amount": 100})).id(t)
		atOnce(10, func(int) answer {
			return c.do(t, token, "POST", "/api/billing/"+id+"/payments", `{"amount":5,"method":"cash"}`, "Idempotency-Key: abuse-pay")
		})
		if row := c.as(t, cashier, "GET", "/api/billing/"+id, nil).object(t); row["paid"] != 5.0 {
			t.Errorf("paid %v", row["paid"])
		}
		held(t, c.as(t, cashier, "POST", "/api/billing/"+id+"/payments", `{"amount":6,"method":"cash"}`, "Idempotency-Key: abuse-pay"), 409)
		held(t, c.as(t, cashier, "POST", "/api/billing/"+id+"/payments", `{"amount":6,"method":"cash"}`, "Idempotency-Key: "+strings.Repeat("k", 201)), 400)
	}},
	{"patients write to no patient", func(t *testing.T, c *clinic) {
		for _, to := range []string{bobAccount, bobPatient} {
			held(t, c.as(t, ada, "POST", "/api/messages", map[string]any{"receiverId": to, "messageText": "Hello?"}), 403)
			held(t, c.as(t, ada, "POST", "/api/collections/messages/records", map[string]any{"receiverId": to, "messageText": "Hello?"}), 400, 403)
		}
	}},
	{"under strict care a patient who is not the doctor's is 404 on every path", func(t *testing.T, c *clinic) {
		c.must(t, 200, c.as(t, admin, "PUT", "/api/clinic", `{"strictCare":true}`))
		for _, path := range []string{"/api/patients/", "/api/collections/patients/records/", "/api/medical-records/"} {
			held(t, c.as(t, omar, "GET", path+c.canary, nil), 404)
		}
		for _, path := range []string{"/api/patients?q=Canarelli", "/api/patients?perPage=200", "/api/collections/patients/records?perPage=500", "/api/collections/medical_records/records?perPage=500&expand=patientId", "/api/billing?perPage=200&expand=patientId"} {
			if a := c.as(t, omar, "GET", path, nil); strings.Contains(a.body, c.canary) || strings.Contains(a.body, canaryName) {
				t.Errorf("%s tells of them", path)
			}
		}
		held(t, c.as(t, omar, "POST", "/api/medical-records", map[string]any{"patientId": c.canary, "diagnosis": "x"}), 403, 404)
		held(t, c.as(t, omar, "POST", "/api/appointments", booking(c.canary, omarID, "16:00-16:30")), 403, 404)
		held(t, c.as(t, omar, "POST", "/api/billing", map[string]any{"patientId": c.canary, "amount": 1}), 403, 404)
		st := c.connect(t)
		c.subscribe(t, st, c.token(t, omar), "patients/*", "patients/"+c.canary, "medical_records/*")
		c.must(t, 200, c.as(t, desk, "PUT", "/api/patients/"+c.canary, `{"notes":"called back"}`))
		if strings.Contains(quiet(st), c.canary) {
			t.Error("a live message tells of them")
		}
	}},
	{"the glass is broken with a reason, by doctors, for one patient, and is seen", func(t *testing.T, c *clinic) {
		glass := "/api/patients/" + c.canary + "/break-glass"
		for _, reason := range []string{``, `{}`, `{"reason":""}`, `{"reason":"short"}`, `{"reason":"          "}`, `{"reason":"` + strings.Repeat("x", 501) + `"}`, `{"reason":1}`} {
			held(t, c.as(t, omar, "POST", glass, reason), 400)
		}
		for _, who := range []caller{ada, nurse, desk, cashier} {
			held(t, c.as(t, who, "POST", glass, `{"reason":"out of curiosity"}`), 403, 404)
		}
		held(t, c.as(t, omar, "POST", "/api/collections/break_glass/records", map[string]any{"patientId": c.canary, "reason": "out of curiosity", "expiresAt": "2099-01-01 00:00:00Z"}), 400, 403)
		held(t, c.as(t, omar, "POST", "/api/collections/care/records", map[string]any{"patientId": c.canary, "accountId": "userdoctor00002"}), 400, 403)
		c.must(t, 404, c.as(t, omar, "GET", "/api/patients/"+c.canary, nil))
		broken := c.must(t, 200, c.as(t, omar, "POST", glass, `{"reason":"unconscious in the emergency room"}`)).id(t)
		c.must(t, 200, c.as(t, omar, "GET", "/api/patients/"+c.canary, nil))
		held(t, c.as(t, omar, "POST", "/api/break-glass/"+broken+"/review", `{"note":"all fine"}`), 403, 404)
		held(t, c.as(t, omar, "PATCH", "/api/collections/break_glass/records/"+broken, `{"expiresAt":"2099-01-01 00:00:00Z"}`), 400, 403, 404)
		if a := c.as(t, admin, "GET", "/api/audit?mark=break-glass", nil); len(a.items()) == 0 {
			t.Errorf("the trail does not show it: %.300s", a.body)
		}
		if a := c.as(t, admin, "GET", "/api/notices", nil); !strings.Contains(strings.ToLower(a.body), "glass") || strings.Contains(a.body, canaryName) {
			t.Errorf("the admins' notice: %.500s", a.body)
		}
	}},
	{"the glass is broken ten times an hour, then no more", func(t *testing.T, c *clinic) {
		refused := 0
		for i := 100; i < 190 && refused == 0; i++ {
			if a := c.as(t, omar, "POST", fmt.Sprintf("/api/patients/patdemo%08d/break-glass", i), `{"reason":"going through the register"}`); a.status == 429 {
				refused++
			}
		}
		if refused == 0 {
			t.Error("a doctor went through ninety patients")
		}
		c.must(t, 200, c.as(t, admin, "PUT", "/api/clinic", `{"strictCare":false}`))
	}},
	{"a stale change is refused to whoever says what they read", func(t *testing.T, c *clinic) {
		row := c.must(t, 200, c.as(t, desk, "GET", "/api/patients/"+bobPatient, nil))
		c.must(t, 200, c.as(t, desk, "PUT", "/api/patients/"+bobPatient, `{"contact":"+1 555 0950"}`))
		held(t, c.as(t, desk, "PUT", "/api/patients/"+bobPatient, `{"contact":"+1 555 0951"}`, "If-Match: "+row.text(t, "updated")), 409)
		held(t, c.as(t, desk, "PUT", "/api/patients/"+bobPatient, map[string]any{"contact": "+1 555 0951", "updated": row.text(t, "updated")}), 409)
	}},
	{"of changes to different fields at once none is lost", func(t *testing.T, c *clinic) {
		token := c.token(t, desk)
		for round := range 10 {
			want := map[string]string{"contact": fmt.Sprintf("+1 555 1%03d", round), "address": fmt.Sprintf("%d Elm Street", round), "emergencyContact": fmt.Sprintf("Max %d", round), "notes": fmt.Sprintf("note %d", round)}
			var wg sync.WaitGroup
			for field, value := range want {
				wg.Go(func() { c.do(t, token, "PUT", "/api/patients/"+bobPatient, map[string]any{field: value}) })
			}
			wg.Wait()
			row := c.as(t, desk, "GET", "/api/patients/"+bobPatient, nil)
			for field, value := range want {
				if row.text(t, field) != value {
					t.Errorf("round %d: %s is %q, not %q", round, field, row.text(t, field), value)
				}
			}
		}
	}},
	{"a change of what is gone is no success, and a second delete neither", func(t *testing.T, c *clinic) {
		id := c.must(t, 201, c.as(t, admin, "POST", "/api/notices", `{"title":"Test","body":"Test"}`)).id(t)
		c.must(t, 204, c.as(t, admin, "DELETE", "/api/notices/"+id, nil))
		held(t, c.as(t, admin, "DELETE", "/api/notices/"+id, nil), 404)
		held(t, c.as(t, admin, "PUT", "/api/notices/"+id, `{"title":"back"}`), 404)
	}},
	{"what is clinical is neither overwritten nor removed", func(t *testing.T, c *clinic) {
		id := c.must(t, 201, c.as(t, grace, "POST", "/api/medical-records", map[string]any{"patientId": adaPatient, "diagnosis": "first words"})).id(t)
		c.must(t, 200, c.as(t, grace, "PUT", "/api/medical-records/"+id, `{"diagnosis":"second words"}`))
		c.must(t, 204, c.as(t, grace, "DELETE", "/api/medical-records/"+id, nil))
		if a := c.must(t, 200, c.as(t, admin, "GET", "/api/medical-records/"+id+"/history", nil)); !strings.Contains(a.body, "first words") || !strings.Contains(a.body, "second words") {
			t.Errorf("%.400s", a.body)
		}
		held(t, c.as(t, root, "DELETE", "/api/collections/medical_record_versions/records/"+c.version(t), nil), 400, 403, 409)
		held(t, c.as(t, root, "PATCH", "/api/collections/medical_record_versions/records/"+c.version(t), `{"content":{}}`), 400, 403, 409)
	}},
	{"a patient with open invoices or an erasure without a reason is not erased by a slip", func(t *testing.T, c *clinic) {
		for _, b := range []string{``, `{}`, `{"reason":""}`, `{"scope":"everything"}`} {
			held(t, c.as(t, admin, "POST", "/api/patients/"+bobPatient+"/erase", b), 400)
		}
	}},
}

func (c *clinic) version(t *testing.T) string {
	t.Helper()
	return c.as(t, root, "GET", "/api/collections/medical_record_versions/records?perPage=1", nil).items()[0]["id"].(string)
}
