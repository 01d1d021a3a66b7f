// Package crash kills the real program while clients write to it, and looks whether everything
// that it had acknowledged is there, and nothing by half.
package crash

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"
)

var polyclinic program.Program

func TestMain(m *testing.M) {
	os.Exit(program.Test(m, "../..", func(p program.Program) { polyclinic = p }))
}

// rounds is how often the server is killed: `make soak` says 100.
func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("POLYCLINIC_CRASHES")
	if text == "" {
		return 4
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// acks is what the server has acknowledged, in all rounds.
type acks struct {
	mu           sync.Mutex
	appointments map[string]string // slot by id
	records      map[string]int    // version by id
	paid         map[string]int    // payments by invoice
	moved        map[string]int    // movements by item
	all          atomic.Int64
}

func newAcks() *acks {
	return &acks{appointments: map[string]string{}, records: map[string]int{}, paid: map[string]int{}, moved: map[string]int{}}
}

func (a *acks) note(fn func()) {
	a.mu.Lock()
	fn()
	a.mu.Unlock()
	a.all.Add(1)
}

// copyTo notes in other what is acknowledged by now.
func (a *acks) copyTo(other *acks) {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.Copy(other.appointments, a.appointments)
	maps.Copy(other.records, a.records)
	maps.Copy(other.paid, a.paid)
	maps.Copy(other.moved, a.moved)
	other.all.Store(a.all.Load())
}

// clinic is the running server and who is signed in; sessions outlive the server.
type clinic struct {
	url           string
	admin, doctor string
	patient       string
	doctorID      string
	item          string
}

func TestKilledWhileClientsWrite(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	s := polyclinic.Serve(t, dir, "--demo")
	c := enter(t, s)
	done := newAcks()
	n := rounds(t)
	for round := range n {
		c.url = s.URL
		load(t, s, c, done, round, chance.Int64N(60)+8)
		s.Ended(t)
		s = polyclinic.Serve(t, dir, "--demo")
		look(t, dir, done)
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	if status := s.Stop(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
	sound(t, dir)
	t.Logf("killed %d times; %d acknowledged writes are there: %d appointments, %d records, %d invoices paid, %d items moved",
		n, done.all.Load(), len(done.appointments), len(done.records), len(done.paid), len(done.moved))
}

// sound runs the program's own checks.
func sound(t *testing.T, dir string) {
	t.Helper()
	commands := [][]string{{"doctor"}}
	if list, _ := polyclinic.Run(t, "modules"); strings.Contains(list, "\naudit ") {
		commands = append(commands, []string{"audit", "verify"})
	}
	for _, args := range commands {
		if said, status := polyclinic.Run(t, append(args, "--dir", dir)...); status != 0 {
			t.Errorf("%v: %s", args, said)
		}
	}
}

// enter signs in and prepares what is written to.
func enter(t *testing.T, s *program.Server) *clinic {
	t.Helper()
	signIn := func(email, password string) string {
		status, answer := s.Do(t, "POST", "/api/collections/users/auth-with-password", "", fmt.Sprintf(`{"identity":%q,"password":%q}`, email, password))
		if status != 200 {
			t.Fatalf("sign in: %d %s", status, answer)
		}
		return field(answer, "token")
	}
	c := &clinic{url: s.URL, admin: signIn("admin@gmail.com", "admin123$#"), doctor: signIn("doctor@gmail.com", "doctor123$#")}
	first := func(path string) string {
		status, answer := s.Do(t, "GET", path, c.admin, "")
		var v struct{ Items []struct{ ID string } }
		if err := json.Unmarshal([]byte(answer), &v); err != nil || status != 200 || len(v.Items) == 0 {
			t.Fatalf("%s: %d %s", path, status, answer)
		}
		return v.Items[0].ID
	}
	c.patient, c.doctorID = first("/api/patients"), first("/api/doctors")
	status, answer := s.Do(t, "POST", "/api/inventory", c.admin, `{"itemName":"Gauze","quantity":100000}`)
	if status != 201 {
		t.Fatalf("%d %s", status, answer)
	}
	c.item = field(answer, "id")
	return c
}

// load lets clients write until so many writes of this round are acknowledged, then kills.
func load(t *testing.T, s *program.Server, c *clinic, done *acks, round int, writes int64) {
	t.Helper()
	until := done.all.Load() + writes
	var wg sync.WaitGroup
	var kill sync.Once
	for w, write := range []func(n int) bool{c.book(done, round), c.pay(done), c.move(done), c.chart(done)} {
		wg.Go(func() {
			for n := 0; write(n); n++ {
				if done.all.Load() >= until {
					kill.Do(func() { // the others are in the middle of something
						if err := s.Process.Kill(); err != nil {
							t.Error(err)
						}
					})
				}
				if n > 20000 {
					t.Errorf("writer %d: nothing is acknowledged any more", w)
					return
				}
			}
		})
	}
	wg.Wait()
}

// ask sends one request. alive is false when the server has gone.
func (c *clinic) ask(method, path, token, body string) (status int, answer string, alive bool) {
	req, err := http.NewRequest(method, c.url+path, strings.NewReader(body))
	if err != nil {
		return 0, "", false
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", false
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	// Once the status is there the write is acknowledged, even when the rest is cut off.
	return res.StatusCode, string(raw), err == nil
}

// field returns a text field of a JSON object.
func field(answer, name string) string {
	var v map[string]any
	if err := json.Unmarshal([]byte(answer), &v); err != nil {
		return ""
	}
	text, _ := v[name].(string)
	return text
}
