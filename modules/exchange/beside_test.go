package exchange_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
	"github.com/polyclinic-os/polyclinic/modules/exchange"
)

var alma = kerneltest.Account{Email: authapi.Alma.Email, Password: authapi.Alma.Password}

// people is a file of n patients.
func people(n int) string {
	var b strings.Builder
	b.WriteString("name\n")
	for i := range n {
		fmt.Fprintf(&b, "Row %d\n", i+1)
	}
	return b.String()
}

// onRow calls fn with the number of each row of people that is about to be saved; checked and
// written rows count on.
func onRow(s *kerneltest.Server, fn func(n int) error) {
	n := 0
	s.App.OnRecordCreate("patients").BindFunc(func(e *core.RecordEvent) error {
		if strings.HasPrefix(e.Record.GetString("name"), "Row ") {
			n++
			if err := fn(n); err != nil {
				return err
			}
		}
		return e.Next()
	})
}

func TestAFileThatComesInHoldsNobodyUp(t *testing.T) {
	s := set.Start(t)
	s.Token(t, alma)
	const rows = 200
	answers := make(chan int, 1)
	onRow(s, func(n int) error {
		switch n % rows {
		case 10:
			go func() {
				answers <- s.As(t, alma, "POST", "/api/patients", map[string]any{"name": fmt.Sprintf("At The Desk %d", n)}).Status
			}()
		case 150:
			select {
			case status := <-answers:
				if status != http.StatusCreated {
					t.Errorf("row %d: the desk was answered %d", n, status)
				}
			case <-time.After(20 * time.Second):
				t.Errorf("row %d: the desk waits for the file's end", n)
			}
		}
		return nil
	})
	if sum, bad, err := load(t, s, "patients", people(rows), exchange.Options{}); err != nil || sum.New != rows || len(bad) > 0 {
		t.Fatalf("%v %v %v", sum, bad, err)
	}
}

func TestAnInterruptedImportGoesOn(t *testing.T) {
	s := set.Start(t)
	before := count(t, s, "patients")
	const rows = 200
	cut := true
	onRow(s, func(n int) error {
		if cut && n == rows+120 {
			return errors.New("the power goes")
		}
		return nil
	})
	sum, _, err := load(t, s, "patients", people(rows), exchange.Options{})
	if err == nil || !sum.Written || sum.New != 100 || !strings.Contains(err.Error(), "100 rows are in") {
		t.Fatalf("cut off: %v %v", sum, err)
	}
	if n := count(t, s, "patients") - before; n != sum.New {
		t.Errorf("%d rows are in, want %d", n, sum.New)
	}
	cut = false
	sum, _, err = load(t, s, "patients", people(rows), exchange.Options{})
	if want := (exchange.Summary{Rows: rows, New: 100, Unchanged: 100, Written: true}); err != nil || sum != want {
		t.Errorf("again: %v %v", sum, err)
	}
	if n := count(t, s, "patients") - before; n != rows {
		t.Errorf("%d rows are in, want %d", n, rows)
	}
}

func TestABadRowFarDownKeepsTheFirstOut(t *testing.T) {
	s := set.Start(t)
	before := count(t, s, "patients")
	sum, bad, err := load(t, s, "patients", people(120)+"Row 7\n", exchange.Options{})
	if err != nil || sum.Written || sum.Bad != 1 || len(bad) != 1 || !strings.HasPrefix(bad[0], "line 122: name: ") {
		t.Errorf("%v %v %v", sum, bad, err)
	}
	if n := count(t, s, "patients"); n != before {
		t.Errorf("%d rows are in", n-before)
	}
}

// Two rows far apart that want the same number are each good by themselves.
func TestARowThatTurnsBadIsTold(t *testing.T) {
	s := set.Start(t)
	var b strings.Builder
	b.WriteString("id,mrn,name\n")
	for i := range 120 {
		fmt.Fprintf(&b, "patient%08d,OLD/%d,Row %d\n", i, i%119, i)
	}
	sum, bad, err := load(t, s, "patients", b.String(), exchange.Options{})
	if err == nil || sum.New != 100 || len(bad) != 1 || !strings.HasPrefix(bad[0], "line 121: mrn: ") || !strings.Contains(err.Error(), "100 rows are in") {
		t.Errorf("%v %v %v", sum, bad, err)
	}
}
