package notices

import (
	"time"

	"github.com/pocketbase/pocketbase/core"
)

func demo(tx core.App) error {
	c, err := tx.FindCollectionByNameOrId("notices")
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	in := func(days int) time.Time { return now.AddDate(0, 0, days) }
	for _, n := range []map[string]any{
		{"title": "Influenza vaccination has begun", "body": "No appointment needed: weekdays from 8 to 10 in room 4. Please bring your vaccination card.", "publishAt": in(-3), "pinned": true},
		{"title": "New opening hours of the pharmacy counter", "body": "The counter is now open until 19:00 on Tuesdays and Thursdays.", "publishAt": in(-6)},
		{"title": "Ward round moves to 7:30", "body": "From Monday the morning round starts at 7:30. Handover notes by 7:15, please.", "audience": []string{"doctor", "nurse"}, "publishAt": in(-1), "pinned": true},
		{"title": "Cash count at the end of each shift", "body": "Both signatures are needed on the count sheet. The float is in the safe.", "audience": []string{"staff", "admin"}, "publishAt": in(-9)},
		{"title": "Hand hygiene audit", "body": "The infection control nurse visits all wards this week.", "audience": []string{"doctor", "nurse", "staff"}, "publishAt": in(-2), "expiresAt": in(5)},
		{"title": "Planned power test", "body": "The emergency generator is tested on Sunday between 6:00 and 6:30. Lifts stand still.", "publishAt": in(4), "expiresAt": in(12)},
		{"title": "Car park closed for repairs", "body": "Please use the entrance on Mill Lane.", "publishAt": in(-20), "expiresAt": in(-10)},
		{"title": "Your results are online", "body": "Laboratory results now appear in your medical records as soon as your doctor has signed them.", "audience": []string{"patient"}, "publishAt": in(-14)},
	} {
		r := core.NewRecord(c)
		r.Load(n)
		if err := tx.Save(r); err != nil {
			return err
		}
	}
	return nil
}
