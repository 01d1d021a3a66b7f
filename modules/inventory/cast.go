package inventory

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// Items of the cast.
const (
	Paracetamol = "itmparacetamol1"
	Amoxicillin = "itmamoxicillin1"
	Insulin     = "itminsulin00001"
)

// in returns the day that is so many days from today.
func in(days int) string { return time.Now().AddDate(0, 0, days).Format(time.DateOnly) }

func cast(app core.App) error {
	for _, i := range []struct {
		id     string
		fields map[string]any
	}{
		{Paracetamol, map[string]any{"itemName": "Paracetamol 500 mg", "quantity": 120, "unit": "tablet", "batch": "PC-2201", "expiryDate": in(500), "unitPrice": 0.12, "reorderLevel": 50, "supplier": "Medica Supply", "category": "Analgesics"}},
		{Amoxicillin, map[string]any{"itemName": "Amoxicillin 500 mg", "quantity": 10, "unit": "capsule", "batch": "AM-0917", "expiryDate": in(300), "unitPrice": 0.45, "reorderLevel": 40, "supplier": "Medica Supply", "category": "Antibiotics"}},
		{Insulin, map[string]any{"itemName": "Insulin glargine 100 U/mL", "quantity": 24, "unit": "pen", "batch": "IN-1140", "expiryDate": in(12), "unitPrice": 18.5, "reorderLevel": 10, "supplier": "Nordpharm", "category": "Endocrine"}},
	} {
		if err := put(app, i.id, i.fields); err != nil {
			return err
		}
	}
	return nil
}

func put(app core.App, id string, fields map[string]any) error {
	c, err := app.FindCachedCollectionByNameOrId("inventory")
	if err != nil {
		return err
	}
	r := core.NewRecord(c)
	r.Id = id
	r.Load(fields)
	return app.Save(r)
}

// shelf is what the demo clinic stocks: name, unit, price, category.
var shelf = []struct {
	name, unit string
	price      float64
	category   string
}{
	{"Ibuprofen 400 mg", "tablet", 0.15, "Analgesics"}, {"Aspirin 100 mg", "tablet", 0.05, "Cardiovascular"},
	{"Atorvastatin 20 mg", "tablet", 0.22, "Cardiovascular"}, {"Amlodipine 5 mg", "tablet", 0.09, "Cardiovascular"},
	{"Lisinopril 10 mg", "tablet", 0.11, "Cardiovascular"}, {"Metoprolol 50 mg", "tablet", 0.14, "Cardiovascular"},
	{"Metformin 850 mg", "tablet", 0.08, "Endocrine"}, {"Levothyroxine 50 mcg", "tablet", 0.1, "Endocrine"},
	{"Omeprazole 20 mg", "capsule", 0.18, "Gastrointestinal"}, {"Ondansetron 4 mg", "tablet", 0.9, "Gastrointestinal"},
	{"Azithromycin 250 mg", "tablet", 1.1, "Antibiotics"}, {"Ciprofloxacin 500 mg", "tablet", 0.6, "Antibiotics"},
	{"Doxycycline 100 mg", "capsule", 0.35, "Antibiotics"}, {"Ceftriaxone 1 g", "vial", 3.2, "Antibiotics"},
	{"Cetirizine 10 mg", "tablet", 0.07, "Allergy"}, {"Prednisolone 5 mg", "tablet", 0.06, "Allergy"},
	{"Epinephrine 1 mg/mL", "ampoule", 4.75, "Emergency"}, {"Atropine 0.5 mg/mL", "ampoule", 2.1, "Emergency"},
	{"Salbutamol inhaler 100 mcg", "inhaler", 4.2, "Respiratory"}, {"Budesonide inhaler 200 mcg", "inhaler", 9.9, "Respiratory"},
	{"Sertraline 50 mg", "tablet", 0.2, "Mental health"}, {"Diazepam 5 mg", "tablet", 0.1, "Mental health"},
	{"Lidocaine 2 %", "vial", 1.3, "Anaesthetics"}, {"Sodium chloride 0.9 % 500 mL", "bag", 1.6, "Fluids"},
	{"Ringer's lactate 500 mL", "bag", 1.8, "Fluids"}, {"Glucose 5 % 500 mL", "bag", 1.7, "Fluids"},
	{"Tetanus vaccine", "dose", 12, "Vaccines"}, {"Influenza vaccine", "dose", 14.5, "Vaccines"},
	{"Hepatitis B vaccine", "dose", 21, "Vaccines"}, {"Surgical gloves M", "pair", 0.35, "Consumables"},
	{"Surgical gloves L", "pair", 0.35, "Consumables"}, {"Syringe 5 mL", "piece", 0.12, "Consumables"},
	{"Needle 21 G", "piece", 0.04, "Consumables"}, {"Gauze swab 10 cm", "piece", 0.03, "Consumables"},
	{"Elastic bandage 8 cm", "piece", 0.8, "Consumables"}, {"Suture 3-0", "piece", 2.4, "Consumables"},
	{"Urine test strip", "strip", 0.2, "Diagnostics"}, {"Glucose test strip", "strip", 0.3, "Diagnostics"},
	{"ECG electrode", "piece", 0.25, "Diagnostics"}, {"Face mask FFP2", "piece", 0.5, "Consumables"},
}

// demo fills the shelf: one item in eight is low, one in ten expires soon, one in thirteen
// has expired.
func demo(app core.App) error {
	rnd := rand.New(rand.NewPCG(7, 11)) // the same shelf every time
	for i, s := range shelf {
		quantity, expiry := 100+rnd.IntN(900), in(120+rnd.IntN(700))
		switch {
		case i%8 == 3:
			quantity = rnd.IntN(20)
		case i%10 == 4:
			expiry = in(3 + rnd.IntN(20))
		case i%13 == 7:
			expiry = in(-5 - rnd.IntN(40))
		}
		err := put(app, fmt.Sprintf("itmdemo%08d", i), map[string]any{
			"itemName": s.name, "unit": s.unit, "unitPrice": s.price, "category": s.category, "quantity": quantity, "expiryDate": expiry,
			"batch": fmt.Sprintf("B%05d", 10000+rnd.IntN(80000)), "reorderLevel": 40, "supplier": []string{"Medica Supply", "Nordpharm", "Clinica Trade"}[rnd.IntN(3)],
		})
		if err != nil {
			return err
		}
	}
	return nil
}
