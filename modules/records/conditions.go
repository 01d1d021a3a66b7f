package records

// condition is what a demo doctor finds: realistic, and nobody's.
type condition struct {
	specialty        string // part of the doctor's specialty in lower case, "" for every doctor
	diagnosis, icd10 string // Source of the codes: WHO ICD-10, version 2019
	treatment, notes string
	prescriptions    []any
	female, child    bool     // only for them
	notWith          []string // allergies, in lower case, that speak against it
}

func rx(medicine, dose, frequency, duration string) map[string]any {
	return map[string]any{"medicine": medicine, "dose": dose, "frequency": frequency, "duration": duration}
}

var (
	penicillin = []string{"penicillin", "amoxicillin"}
	nsaids     = []string{"nsaid", "ibuprofen", "aspirin", "diclofenac"}
)

// conditions is a slice of what comes to a clinic on an ordinary day.
func conditions() []condition {
	return []condition{
		{diagnosis: "Acute upper respiratory infection", icd10: "J06.9", treatment: "Rest, fluids. Return if fever lasts longer than three days.", prescriptions: []any{rx("Paracetamol 500 mg", "1-2 tablets", "up to four times a day", "5 days")}},
		{diagnosis: "Acute pharyngitis", icd10: "J02.9", treatment: "Swab taken. Warm salt water gargles.", prescriptions: []any{rx("Phenoxymethylpenicillin 500 mg", "1 tablet", "four times a day", "5 days")}, notWith: penicillin},
		{diagnosis: "Essential (primary) hypertension", icd10: "I10", treatment: "Home readings twice a day for a week, less salt.", notes: "148/94 mmHg, seated, left arm.", prescriptions: []any{rx("Amlodipine 5 mg", "1 tablet", "once a day", "30 days")}},
		{diagnosis: "Type 2 diabetes mellitus without complications", icd10: "E11.9", treatment: "Diet and exercise plan, HbA1c again in three months.", notes: "HbA1c 7.4 %. Feet examined, no ulcers.", prescriptions: []any{rx("Metformin 500 mg", "1 tablet", "twice a day with meals", "90 days")}},
		{diagnosis: "Urinary tract infection", icd10: "N39.0", treatment: "Urine culture sent. Plenty of fluids.", prescriptions: []any{rx("Nitrofurantoin 100 mg", "1 capsule", "twice a day", "3 days")}, female: true},
		{diagnosis: "Low back pain", icd10: "M54.5", treatment: "Keep moving, physiotherapy arranged. No red flags.", prescriptions: []any{rx("Ibuprofen 400 mg", "1 tablet", "three times a day with food", "7 days")}, notWith: nsaids},
		{diagnosis: "Iron deficiency anaemia", icd10: "D50.9", treatment: "Iron-rich diet. Blood count again in four weeks.", notes: "Haemoglobin 104 g/L, ferritin 8 µg/L.", prescriptions: []any{rx("Ferrous sulfate 200 mg", "1 tablet", "once a day", "90 days")}},
		{diagnosis: "Hypothyroidism", icd10: "E03.9", treatment: "TSH again in six weeks.", notes: "TSH 9.8 mU/L.", prescriptions: []any{rx("Levothyroxine 50 micrograms", "1 tablet", "once a day before breakfast", "60 days")}},
		{diagnosis: "Vitamin D deficiency", icd10: "E55.9", treatment: "Daylight, oily fish.", prescriptions: []any{rx("Colecalciferol 800 IU", "1 capsule", "once a day", "90 days")}},
		{diagnosis: "Gastroenteritis", icd10: "A09.9", treatment: "Small sips often, light meals when hungry.", prescriptions: []any{"Oral rehydration salts, one sachet after each loose stool"}},
		{diagnosis: "Influenza", icd10: "J11.1", treatment: "At home until a day without fever.", prescriptions: []any{rx("Paracetamol 500 mg", "2 tablets", "up to four times a day", "5 days")}},
		{diagnosis: "Acute bronchitis", icd10: "J20.9", treatment: "No antibiotic needed. Return if short of breath.", notes: "Chest clear, saturation 98 %."},
		{diagnosis: "Routine medical examination", icd10: "Z00.0", treatment: "Nothing found. Next check in a year.", notes: "Vaccinations up to date."},
		{diagnosis: "Gastro-oesophageal reflux disease", icd10: "K21.9", treatment: "No late meals, raise the head of the bed.", prescriptions: []any{rx("Omeprazole 20 mg", "1 capsule", "once a day before breakfast", "28 days")}},

		{specialty: "cardio", diagnosis: "Atrial fibrillation", icd10: "I48.9", treatment: "Rate control, anticoagulation. Echocardiogram booked.", notes: "Irregular pulse 104/min, CHA2DS2-VASc 3.", prescriptions: []any{rx("Apixaban 5 mg", "1 tablet", "twice a day", "90 days"), rx("Bisoprolol 2.5 mg", "1 tablet", "once a day", "90 days")}},
		{specialty: "cardio", diagnosis: "Stable angina pectoris", icd10: "I20.9", treatment: "Exercise test booked. Stop smoking.", prescriptions: []any{rx("Glyceryl trinitrate spray 400 micrograms", "1-2 puffs", "when needed", "as required"), rx("Aspirin 75 mg", "1 tablet", "once a day", "90 days")}, notWith: nsaids},
		{specialty: "cardio", diagnosis: "Heart failure", icd10: "I50.9", treatment: "Daily weight, fluids at most 1.5 L.", notes: "NT-proBNP 1450 ng/L, ankle oedema.", prescriptions: []any{rx("Ramipril 2.5 mg", "1 capsule", "once a day", "30 days"), rx("Furosemide 40 mg", "1 tablet", "every morning", "30 days")}},
		{specialty: "cardio", diagnosis: "Mixed hyperlipidaemia", icd10: "E78.2", treatment: "Mediterranean diet, lipids again in three months.", notes: "LDL 4.6 mmol/L.", prescriptions: []any{rx("Atorvastatin 20 mg", "1 tablet", "every evening", "90 days")}},

		{specialty: "paed", child: true, diagnosis: "Acute otitis media", icd10: "H66.9", treatment: "Review in two days.", prescriptions: []any{rx("Amoxicillin 250 mg/5 mL", "by weight", "three times a day", "5 days")}, notWith: penicillin},
		{specialty: "ped", child: true, diagnosis: "Atopic dermatitis", icd10: "L20.9", treatment: "Emollient several times a day.", prescriptions: []any{rx("Hydrocortisone 1 % cream", "thinly", "twice a day", "7 days")}},
		{specialty: "pulm", diagnosis: "Asthma", icd10: "J45.9", treatment: "Inhaler technique shown, written plan given.", notes: "Peak flow 82 % of the best.", prescriptions: []any{rx("Salbutamol 100 micrograms inhaler", "2 puffs", "when needed", "as required"), rx("Beclometasone 100 micrograms inhaler", "2 puffs", "twice a day", "60 days")}},

		{specialty: "derm", diagnosis: "Psoriasis vulgaris", icd10: "L40.0", treatment: "Emollient, review in four weeks.", prescriptions: []any{rx("Calcipotriol/betamethasone ointment", "thinly", "once a day", "28 days")}},
		{specialty: "derm", diagnosis: "Acne vulgaris", icd10: "L70.0", treatment: "Results take eight weeks; sun protection.", prescriptions: []any{rx("Adapalene 0.1 % gel", "thinly", "every night", "84 days")}},

		{specialty: "ortho", diagnosis: "Osteoarthritis of the knee", icd10: "M17.9", treatment: "Strengthening exercises, weight loss.", notes: "X-ray: narrowed joint space.", prescriptions: []any{rx("Diclofenac 1 % gel", "4 g", "three times a day", "21 days")}, notWith: nsaids},
		{specialty: "ortho", diagnosis: "Sprain of the ankle", icd10: "S93.4", treatment: "Rest, ice, compression, elevation. No fracture on X-ray.", prescriptions: []any{rx("Paracetamol 500 mg", "2 tablets", "up to four times a day", "5 days")}},

		{specialty: "neuro", diagnosis: "Migraine without aura", icd10: "G43.0", treatment: "Headache diary.", notes: "Neurological examination normal.", prescriptions: []any{rx("Sumatriptan 50 mg", "1 tablet", "at onset, once more after 2 hours", "as required")}},
		{specialty: "neuro", diagnosis: "Tension-type headache", icd10: "G44.2", treatment: "Regular breaks, relaxation exercises.", prescriptions: []any{rx("Paracetamol 500 mg", "2 tablets", "when needed", "at most 10 days a month")}},
		{specialty: "neuro", diagnosis: "Epilepsy", icd10: "G40.9", treatment: "No driving until reviewed.", prescriptions: []any{rx("Levetiracetam 500 mg", "1 tablet", "twice a day", "90 days")}},

		{specialty: "gyn", female: true, diagnosis: "Dysmenorrhoea", icd10: "N94.6", treatment: "Warmth, exercise.", prescriptions: []any{rx("Mefenamic acid 500 mg", "1 tablet", "three times a day from day 1", "3 days")}, notWith: nsaids},
		{specialty: "gyn", female: true, diagnosis: "Supervision of normal pregnancy", icd10: "Z34.9", treatment: "Next scan at 20 weeks.", notes: "Fetal heart heard.", prescriptions: []any{rx("Folic acid 400 micrograms", "1 tablet", "once a day", "60 days")}},

		{specialty: "psych", diagnosis: "Moderate depressive episode", icd10: "F32.1", treatment: "Talking therapy arranged, review in two weeks.", notes: "PHQ-9: 16. No thoughts of self-harm.", prescriptions: []any{rx("Sertraline 50 mg", "1 tablet", "once a day", "28 days")}},
		{specialty: "psych", diagnosis: "Generalised anxiety disorder", icd10: "F41.1", treatment: "Guided self-help, review in four weeks.", notes: "GAD-7: 13."},

		{specialty: "ent", diagnosis: "Allergic rhinitis", icd10: "J30.4", treatment: "Keep windows shut on dry days.", prescriptions: []any{rx("Cetirizine 10 mg", "1 tablet", "once a day", "30 days")}},
		{specialty: "ophthal", diagnosis: "Primary open-angle glaucoma", icd10: "H40.1", treatment: "Pressure again in six weeks.", notes: "Pressure 26/25 mmHg.", prescriptions: []any{rx("Latanoprost 0.005 % eye drops", "1 drop each eye", "every night", "60 days")}},
		{specialty: "ophthal", diagnosis: "Conjunctivitis", icd10: "H10.9", treatment: "No contact lenses until it is gone.", prescriptions: []any{rx("Chloramphenicol 0.5 % eye drops", "1 drop", "every 2 hours, then four times a day", "5 days")}},
		{specialty: "gastro", diagnosis: "Gastritis", icd10: "K29.7", treatment: "Breath test for Helicobacter, no painkillers of the ibuprofen kind.", prescriptions: []any{rx("Omeprazole 20 mg", "1 capsule", "once a day", "28 days")}},
	}
}
