// Package abuse attacks the real program over HTTP, as somebody would who is let in with a
// lower role than they would like, or not at all. Each attack is one sentence that says what
// must not work, under the class of the OWASP API Security Top 10 (2023) that it belongs to.
package abuse

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
)

var polyclinic program.Program

func TestMain(m *testing.M) {
	os.Exit(program.Test(m, "../..", func(p program.Program) { polyclinic = p }))
}

// attack is one thing that must not work.
type attack struct {
	says string
	try  func(t *testing.T, c *clinic)
}

// classes are the ten of OWASP, and what can only be seen once the attacks are over.
var classes = []struct {
	name    string
	attacks *[]attack
}{
	{"API1 object level authorization", &objects},
	{"API2 authentication", &authentication},
	{"API3 property level authorization", &properties},
	{"API4 resource consumption", &resources},
	{"API5 function level authorization", &functions},
	{"API6 sensitive business flows", &flows},
	{"API7 server side request forgery", &requests},
	{"API8 misconfiguration", &configuration},
	{"API9 inventory", &inventory},
	{"API10 what comes from elsewhere", &elsewhere},
	{"traces that are left", &traces},
}

// TestAttacks plays every attack on one demo clinic, one after the other.
func TestAttacks(t *testing.T) {
	c := open(t)
	all := 0
	for _, class := range classes {
		held, before := 0, c.asked.Load()
		t.Run(class.name, func(t *testing.T) {
			for _, a := range *class.attacks {
				if t.Run(a.says, func(t *testing.T) { a.try(t, c) }) {
					held++
				}
			}
		})
		t.Logf("%s: %d tried, %d held, %d requests", class.name, len(*class.attacks), held, c.asked.Load()-before)
		all += len(*class.attacks)
	}
	t.Logf("%d attacks, %d requests", all, c.asked.Load())
}

// caller is the e-mail of who sends a request, "" for a guest.
type caller string

// The demo's people, and a superuser.
const (
	guest    caller = ""
	admin    caller = "admin@gmail.com"
	grace    caller = "doctor@gmail.com"
	omar     caller = "omar@polyclinic.test"
	nurse    caller = "nurse@gmail.com"
	desk     caller = "desk@polyclinic.test"
	cashier  caller = "cashier@polyclinic.test"
	pharmacy caller = "pharmacy@polyclinic.test"
	ada      caller = "user@gmail.com"
	bob      caller = "bob@polyclinic.test"
	root     caller = "root@example.org"
)

var passwords = map[caller]string{
	admin: "admin123$#", grace: "doctor123$#", omar: "doctor123$#", nurse: "nurse123$#", desk: "staff123$#", cashier: "staff123$#",
	pharmacy: "staff123$#", ada: "user123$#", bob: "patient123$#", root: "a superuser's own words",
}

// Rows of the demo.
const (
	adaAccount = "userpatient0001"
	adaPatient = "patada000000001"
	bobAccount = "userpatient0002"
	bobPatient = "patbob000000002"
	graceID    = "docgrace0000001"
	omarID     = "docomar00000002"
	bobInvoice = "invbob000000002"
)

// What must turn up in no log, address or error: a patient made for this.
const (
	canaryName   = "Zyxwina Canarelli"
	canaryPhone  = "+49 15550 771 993"
	canaryReason = "kumquatitis acuta"
)

// clinic is the server under attack.
type clinic struct {
	*program.Server
	dir    string
	mu     sync.Mutex
	tokens map[caller]string
	asked  atomic.Int64
	canary string     // id of the patient
	slow   chan error // what became of a client that never ends its request

}

// ownRoutes is a script such as a clinic puts beside its data.
const ownRoutes = `
routerAdd("GET", "/api/ward", (e) => e.json(200, {who: e.auth.id}), $apis.requireAuth())
routerAdd("GET", "/api/ward/one/{id}", (e) => e.json(200, $app.findRecordById("patients", e.request.pathValue("id"))), $apis.requireAuth())
routerAdd("GET", "/api/ward/raw", (e) => e.json(200, $app.findAllRecords("patients")))
routerAdd("GET", "/ward/page", (e) => e.html(200, $app.findAllRecords("patients").map((p) => p.getString("name")).join()))
routerAdd("GET", "/ward/enriched", (e) => {
  const list = $app.findAllRecords("patients")
  $apis.enrichRecords(e, list)
  return e.json(200, list)
}, $apis.requireAuth())
routerAdd("GET", "/ward/said", (e) => {
  e.get("polyclinic.audit").saw("patients/patada000000001", "patients/patbob000000002")
  return e.json(200, ["Ada", "Bob"])
}, $apis.requireAuth())
`

// open starts a demo clinic with a superuser and the canary.
func open(t *testing.T) *clinic {
	t.Helper()
	c := &clinic{dir: filepath.Join(t.TempDir(), "data"), tokens: map[caller]string{}, slow: make(chan error, 1)}
	script := filepath.Join(filepath.Dir(c.dir), "pb_hooks", "ward.pb.js")
	if err := errors.Join(os.MkdirAll(filepath.Dir(script), 0o755), os.WriteFile(script, []byte(ownRoutes), 0o644)); err != nil {
		t.Fatal(err)
	}
	c.Server = polyclinic.Serve(t, c.dir, "--demo")
	go func() { c.slow <- c.dawdle() }()
	if said, status := polyclinic.Run(t, "superuser", "upsert", string(root), passwords[root], "--dir", c.dir); status != 0 {
		t.Fatal(said)
	}
	// The suite signs in more often than a clinic does.
	c.must(t, 200, c.as(t, admin, "PUT", "/api/clinic", `{"rateLimits":{"signIn":6000}}`))
	c.canary = c.must(t, 201, c.as(t, desk, "POST", "/api/patients", map[string]any{"name": canaryName, "contact": canaryPhone, "age": 50})).id(t)
	c.must(t, 201, c.as(t, grace, "POST", "/api/medical-records", map[string]any{"patientId": c.canary, "diagnosis": canaryReason}))
	return c
}

type answer struct {
	status int
	body   string
	header http.Header
}

func (a answer) object(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%d is no JSON object: %.300s", a.status, a.body)
	}
	return v
}

func (a answer) text(t *testing.T, name string) string {
	t.Helper()
	s, _ := a.object(t)[name].(string)
	return s
}

func (a answer) id(t *testing.T) string {
	t.Helper()
	id := a.text(t, "id")
	if id == "" {
		t.Fatalf("%d has no id: %.300s", a.status, a.body)
	}
	return id
}

// items returns the rows of a list, none of a refusal.
func (a answer) items() []map[string]any {
	var v struct{ Items []map[string]any }
	_ = json.Unmarshal([]byte(a.body), &v) // what is no list has no rows
	return v.Items
}

// code returns data.<field>.code of a refusal.
func (a answer) code(field string) string {
	var v struct {
		Data map[string]struct{ Code string }
	}
	_ = json.Unmarshal([]byte(a.body), &v) // what is no JSON has none
	return v.Data[field].Code
}
