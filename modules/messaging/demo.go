package messaging

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// cast is Grace's question, which Ada has read, and Ada's answer, which waits for Grace.
func cast(app core.App) error {
	question, err := Send(app, authapi.Grace.ID, authapi.Ada.ID, "Your blood test is back. How have you been feeling since you started the iron tablets?")
	if err != nil {
		return err
	}
	if _, err := MarkRead(app, question.GetString("conversationId"), authapi.Ada.ID); err != nil {
		return err
	}
	_, err = Send(app, authapi.Ada.ID, authapi.Grace.ID, "Much better, thank you. Should I go on with them?")
	return err
}

// threads are what people of two roles write to each other, in turns, the first first.
var threads = map[[2]string][][]string{
	{"doctor", "patient"}: {
		{"Your results are fine. No need to come in before the next check.", "That is a relief, thank you!", "You are welcome. Keep up the walking."},
		{"Please bring your home blood pressure readings on your next visit.", "I will. Is once a day enough?", "Twice would be better: morning and evening."},
	},
	{"patient", "staff"}: {
		{"Could my appointment be moved to the afternoon?", "Yes, there is a free slot after three. Shall I move it?", "Please do.", "Done. You will find it in your appointments."},
		{"I need a copy of my last invoice for the insurance.", "You can download it as a PDF under Billing.", "Found it, thanks."},
		{"Where do I park when I come in the morning?", "Behind the building, free for two hours."},
	},
	{"patient", "nurse"}: {
		{"Do I have to come with an empty stomach for the blood test?", "Yes, nothing but water for eight hours before.", "Understood."},
		{"The plaster came off. Is that a problem?", "If the wound is dry it can stay open to the air. Call us if it reddens."},
	},
	{"doctor", "nurse"}: {
		{"Could you take a second blood pressure on the patient in room 3?", "Done: 132/84.", "Thank you, noted."},
		{"I will be ten minutes late for the ward round.", "No problem, I will start with the dressings."},
	},
	{"doctor", "doctor"}: {
		{"Would you look at an ECG for me before lunch?", "Send them over, I have a gap at half past eleven.", "Perfect.", "Looks fine to me. No need for a referral."},
	},
	{"doctor", "staff"}: {
		{"Please keep the first slot on Monday free for an emergency visit.", "It is blocked.", "Thank you."},
		{"Are we low on vaccines?", "Two boxes left, the order arrives on Thursday."},
	},
	{"nurse", "staff"}: {
		{"We are running out of gloves in size M.", "I will put them on today's order.", "Great, thanks."},
	},
	{"staff", "staff"}: {
		{"Can you cover the desk from one to two?", "Sure. I owe you one from last week.", "Thanks!"},
		{"The card reader at the desk is offline again.", "Restarted it, works now."},
	},
	{"admin", "doctor"}:  {{"Please hand in your holiday wishes by Friday.", "Will do."}},
	{"admin", "nurse"}:   {{"The new duty roster is on the notice board.", "Seen, thank you. Could I swap the 14th?", "Talk to the ward, then tell me."}},
	{"admin", "staff"}:   {{"We close the month on the last working day, as always.", "Everything is booked so far."}},
	{"admin", "patient"}: {{"Thank you for your kind words about our team. We passed them on.", "They deserve it!"}},
}

// demo lets the people of the cast write to each other over the last three weeks.
func demo(app core.App) error {
	dice := rand.New(rand.NewPCG(5, 1876))
	now := time.Now()
	for i, a := range authapi.Cast {
		for _, b := range authapi.Cast[i+1:] {
			first, second, scripts := inOrder(a, b)
			if scripts == nil || (first.ID == authapi.Grace.ID && second.ID == authapi.Ada.ID) {
				continue // patients do not write to each other; the cast's own thread is as tests know it
			}
			start := now.Add(-time.Duration(1+dice.IntN(21*24)) * time.Hour)
			if err := talk(app, dice, first.ID, second.ID, scripts[dice.IntN(len(scripts))], start, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// inOrder returns who begins, who answers, and what there is to say.
func inOrder(a, b authapi.Account) (first, second authapi.Account, scripts [][]string) {
	if s := threads[[2]string{a.Role, b.Role}]; s != nil {
		return a, b, s
	}
	return b, a, threads[[2]string{b.Role, a.Role}]
}

// talk writes a thread. Every message is read, but of the newest ones a third are not.
func talk(app core.App, dice *rand.Rand, first, second string, lines []string, at, now time.Time) error {
	c, err := app.FindCollectionByNameOrId("messages")
	if err != nil {
		return err
	}
	people := []string{first, second}
	for i, line := range lines {
		r := core.NewRecord(c)
		r.Load(map[string]any{"senderId": people[0], "receiverId": people[1], "messageText": line})
		sent, err := types.ParseDateTime(at)
		if err != nil {
			return err
		}
		r.SetRaw("created", sent)
		at = earlier(at.Add(time.Duration(2+dice.IntN(90))*time.Minute), now)
		if i < len(lines)-1 || dice.IntN(3) > 0 {
			r.Set("readAt", at)
		}
		if err := app.Save(r); err != nil {
			return err
		}
		slices.Reverse(people)
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
