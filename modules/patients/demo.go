package patients

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// demoPatients is how many the demo clinic has besides the cast.
const demoPatients = 240

// demo fills the register. The same people come out of every run; their ages move with today.
func demo(tx core.App) error {
	c, err := tx.FindCollectionByNameOrId("patients")
	if err != nil {
		return err
	}
	s, err := clinicapi.Current(tx)
	if err != nil {
		return err
	}
	var doctors []string
	if err := tx.DB().Select("id").From("doctors").OrderBy("id").Column(&doctors); err != nil {
		return err
	}
	dice := rand.New(rand.NewPCG(7, 1849))
	today, err := time.Parse(time.DateOnly, s.Today(time.Now()))
	if err != nil {
		return err
	}
	for i := range demoPatients {
		r := core.NewRecord(c)
		r.Id = fmt.Sprintf("patdemo%08d", i+1)
		// One every third day, for two years: numbers are given in the order of arrival.
		arrived := today.AddDate(0, 0, 3*(i-demoPatients))
		r.Load(demoPatient(dice, i, today))
		if r.GetString("dateOfBirth") > arrived.Format(time.DateOnly) {
			r.Set("dateOfBirth", arrived.Format(time.DateOnly)) // born here
		}
		created, err := types.ParseDateTime(arrived.Add(time.Duration(8*60+dice.IntN(9*60)) * time.Minute))
		if err != nil {
			return err
		}
		r.SetRaw("created", created)
		r.Set("registeredOn", s.Today(created.Time()))
		if len(doctors) > 0 && dice.IntN(10) > 0 {
			r.Set("assignedDoctorId", doctors[dice.IntN(len(doctors))])
		}
		if err := tx.Save(r); err != nil {
			return fmt.Errorf("patient %d: %w", i+1, err)
		}
	}
	return nil
}

// demoAges is drawn from: a clinic sees the very young and the old more than the others.
var demoAges = [][2]int{{0, 2}, {3, 12}, {13, 19}, {20, 39}, {20, 39}, {40, 59}, {40, 59}, {60, 74}, {60, 74}, {75, 88}, {89, 101}}

// demoGroups has every blood group about as often as it occurs, of 50.
var demoGroups = strings.Fields(strings.Repeat("O+ ", 19) + strings.Repeat("A+ ", 17) + strings.Repeat("B+ ", 4) +
	"O- O- O- A- A- A- AB+ AB+ B- AB-")

var demoAllergies = []string{
	"Penicillin", "Aspirin", "Latex", "Peanuts", "Sulfonamides", "Iodinated contrast", "Bee stings", "Eggs", "Penicillin, latex",
}

var demoStreets = []string{"Linden Street", "Harbour Road", "Mill Lane", "Station Square", "Orchard Avenue", "Church Hill", "River Walk", "Market Street"}

func demoPatient(dice *rand.Rand, i int, today time.Time) map[string]any {
	pick := func(list []string) string { return list[dice.IntN(len(list))] }
	group := townspeople[i%len(townspeople)]
	gender, first := "female", pick(group.women)
	if dice.IntN(2) == 0 {
		gender, first = "male", pick(group.men)
	}
	family := pick(group.families)
	name := first + " " + family
	if group.familyFirst {
		name = family + " " + first
	}
	ages := demoAges[dice.IntN(len(demoAges))]
	age := ages[0] + dice.IntN(ages[1]-ages[0]+1)
	born := today.AddDate(-age, 0, -dice.IntN(365)).Format(time.DateOnly)
	if dice.IntN(20) == 0 {
		born = born[:4] // told only their age
	}
	phone := fmt.Sprintf("+1 555 %04d", 1000+i*7%8999)
	fields := map[string]any{
		"name": name, "gender": gender, "dateOfBirth": born, "contact": phone,
		"address": fmt.Sprintf("%d %s", 1+dice.IntN(180), pick(demoStreets)),
	}
	if dice.IntN(4) > 0 {
		fields["bloodGroup"] = pick(demoGroups)
	}
	if dice.IntN(3) == 0 {
		fields["email"] = fmt.Sprintf("patient%03d@polyclinic.test", i+1)
	}
	if dice.IntN(6) == 0 {
		fields["allergies"] = pick(demoAllergies)
	}
	if age < 18 || dice.IntN(3) == 0 {
		fields["emergencyContact"] = fmt.Sprintf("%s %s, +1 555 %04d", pick(group.women), family, 100+dice.IntN(900))
	}
	return fields
}
