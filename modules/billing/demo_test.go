package billing_test

import (
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
)

var full = &kerneltest.Set{Modules: timed(modules()), Full: true}

func timed(list []kernel.Module) []kernel.Module {
	for i := range list {
		if d := list[i].Demo; d != nil {
			list[i].Demo = func(a core.App) error {
				t := time.Now()
				defer func() { println(list[i].Name, time.Since(t).String()) }()
				return d(a)
			}
		}
	}
	return list
}

func TestDemo(t *testing.T) {
	s := full.Start(t)
	var rows []struct {
		Status string `db:"status"`
		N      int    `db:"n"`
	}
	if err := s.App.DB().NewQuery("SELECT status, count(*) AS n FROM invoices GROUP BY 1").All(&rows); err != nil {
		t.Fatal(err)
	}
	t.Log(rows)
}
