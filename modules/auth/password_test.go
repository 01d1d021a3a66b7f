package auth

import "testing"

func TestCommonPasswords(t *testing.T) {
	for _, p := range []string{
		"password123", "Password2026!", "P@ssw0rd!!", "passwordpassword", "Welcome2026!", "letmein1234", "qwertyuiop", "QWERTY12345",
		"1234567890", "0987654321", "1q2w3e4r5t", "qazwsxedc1", "abcdefghij", "aaaaaaaaaa", "abcabcabcabc", "1212121212", "iloveyou12",
		"Admin12345", "adminadmin", "1ovely2026", "sunshine!!1", "hospital2026", "Doctor1234", "Monday2026!", "michael1990", "purpledragon",
		"clinic-admin", "superman!!", "111222333444",
	} {
		if !common(p) {
			t.Errorf("%q passes as uncommon", p)
		}
	}
	for _, p := range []string{
		"correct horse battery staple", "Tr0ub4dor&3x", "gK7#pQ2!vLz9", "mein-fahrrad-ist-blau", "dragon-plays-the-tuba", "kettle4711bridge",
		"Wartezimmer-Palme-9", "xylophone-under-water", "北京的秋天很美丽很凉爽", "doctor$#91827364",
	} {
		if common(p) {
			t.Errorf("%q counts as common", p)
		}
	}
}

func TestOwnNamesAreNoPasswords(t *testing.T) {
	for _, p := range []string{"g.okafor@stmary.example", "G.Okafor@StMary.example1!", "dr grace okafor 7", "Okafor2026", "grace.okafor", "graceokafor1", "Okafor!!!!", "stmary2026!"} {
		if !common(p, "Dr Grace Okafor", "g.okafor@stmary.example") {
			t.Errorf("%q passes though it is the owner's name", p)
		}
	}
	if common("violins-over-okafor-hill", "Dr Grace Okafor", "g.okafor@stmary.example") {
		t.Error("a passphrase with the name in it counts as common")
	}
}
