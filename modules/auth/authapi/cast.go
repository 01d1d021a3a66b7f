package authapi

// Account is one member of the cast: the same people in the demo, tests and docs.
type Account struct {
	ID, Name, Email, Password, Role string
	Duty                            []string
}

// The five documented accounts of the demo, and the other people of the cast.
// Their passwords are public: they exist only in a demo and in tests.
var (
	Alma  = Account{"useradmin000001", "Alma Reyes", "admin@gmail.com", "admin123$#", "admin", nil}
	Ada   = Account{"userpatient0001", "Ada Novak", "user@gmail.com", "user123$#", "patient", nil}
	Grace = Account{"userdoctor00001", "Dr Grace Okafor", "doctor@gmail.com", "doctor123$#", "doctor", nil}
	Rosa  = Account{"userstaff000001", "Rosa Lindt", "staff@gmail.com", "staff123$#", "staff", Duties}
	Nia   = Account{"usernurse000001", "Nia Castell", "nurse@gmail.com", "nurse123$#", "nurse", nil}

	Bob   = Account{"userpatient0002", "Bob Tanaka", "bob@polyclinic.test", "patient123$#", "patient", nil}
	Omar  = Account{"userdoctor00002", "Dr Omar Haddad", "omar@polyclinic.test", "doctor123$#", "doctor", nil}
	Dana  = Account{"userstaff000002", "Dana Weiss", "desk@polyclinic.test", "staff123$#", "staff", []string{"reception"}}
	Carl  = Account{"userstaff000003", "Carl Iversen", "cashier@polyclinic.test", "staff123$#", "staff", []string{"cashier"}}
	Petra = Account{"userstaff000004", "Petra Sousa", "pharmacy@polyclinic.test", "staff123$#", "staff", []string{"pharmacy"}}
)

// Cast is everyone above.
var Cast = []Account{Alma, Ada, Grace, Rosa, Nia, Bob, Omar, Dana, Carl, Petra}
