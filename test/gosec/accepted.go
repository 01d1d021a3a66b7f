package main

// exception says why findings are none. A file that ends in / is a folder; "" is everywhere.
type exception struct{ rules, file, why string }

// accepted was looked at finding by finding. Where it names no file the rule does not know
// what it looks at here.
var accepted = []exception{
	{"G104", "", "what is not looked at is a terminal that is printed to, or a file that is closed after reading it or after another error"},
	{"G115", "", "bits of hashes and of formats on the wire that are one type or the other, and sizes and times that the system says"},
	{"G304 G703", "", "files are named by who has the machine: in settings, on the command line and in the data folder. No request names one: API1 and API7 of test/abuse"},

	{"G101", "modules/analytics/settings.go", "the form of an address, in a text for people"},
	{"G101", "modules/analytics/warehouse/warehouse.go", "the form of an address, in a text for people"},
	{"G101", "modules/staff/access.go", "what the field password is for"},
	{"G110", "modules/backup/unpack.go", "it is read to nowhere, for its checksum"},
	{"G112 G122 G204 G302", "kernel/kerneltest/", "servers, folders and programs of tests"},
	{"G204", "modules/analytics/postgrestest/", "a PostgreSQL for tests"},
	{"G202", "modules/analytics/capture/", "names of columns and tables that modules declare; values are bound"},
	{"G202", "modules/audit/index.go", "conditions of our own; values are bound"},
	{"G203", "modules/auth/setup_page.go", "a style sheet of our own"},
	{"G407", "modules/auth/keyring.go", "NewGCMWithRandomNonce draws the nonce itself, and is given none"},
	{"G404", "demo.go", "made up people are the same each time"},
	{"G404", "modules/inventory/cast.go", "made up stock is the same each time"},
	{"G404", "modules/analytics/ship/shipper.go", "how long to wait"},
	{"G404", "modules/video/agora/kick.go", "how long to wait"},
	{"G404", "modules/video/number.go", "a number that is shown to the others in a call, and opens nothing"},
}
