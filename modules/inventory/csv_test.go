package inventory_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/kerneltest"
	"github.com/polyclinic-os/polyclinic/modules/exchange"
	"github.com/polyclinic-os/polyclinic/modules/exchange/exchangeapi"
	"github.com/polyclinic-os/polyclinic/modules/inventory"
)

func TestStockAsCSV(t *testing.T) {
	s := full.Start(t)
	table := stockTable(t, s)
	moves := func() int64 {
		t.Helper()
		n, err := s.App.CountRecords("inventory_movements")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := moves()
	var out bytes.Buffer
	if _, err := exchange.Export(s.App, table, &out); err != nil {
		t.Fatal(err)
	}
	if _, err := exchange.Import(s.App, table, bytes.NewReader(out.Bytes()), exchange.Options{}); err != nil {
		t.Fatal(err)
	}
	if now := moves(); now != before {
		t.Errorf("an import of the stock as it is made %d movements", now-before)
	}
	const file = "itemName,quantity,batch,expiryDate,unitPrice\nZinc 20 mg,15,Z1,2031-01-31,0.05\n"
	for range 2 {
		if _, err := exchange.Import(s.App, table, strings.NewReader(file), exchange.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	changed := strings.Replace(file, ",15,", ",12,", 1)
	if _, err := exchange.Import(s.App, table, strings.NewReader(changed), exchange.Options{}); err != nil {
		t.Fatal(err)
	}
	item, err := s.App.FindFirstRecordByData("inventory", "itemName", "Zinc 20 mg")
	if err != nil {
		t.Fatal(err)
	}
	agrees(t, s, item.Id)
	if n, err := s.App.CountRecords("inventory_movements", dbx.HashExp{"itemId": item.Id}); err != nil || n != 2 || item.GetInt("quantity") != 12 {
		t.Errorf("%d in stock after %d movements (%v), want 12 after 2", item.GetInt("quantity"), n, err)
	}
	bad := "id,itemName,quantity,expiryDate,unitPrice\n" + inventory.Insulin + ",Insulin,-1,2031-02-30,0.001\n"
	sum, err := exchange.Import(s.App, table, strings.NewReader(bad), exchange.Options{})
	if err != nil || sum.Bad != 1 || sum.Written {
		t.Errorf("a bad row went in: %+v (%v)", sum, err)
	}
	agrees(t, s, inventory.Insulin)
}

func TestABadRowNamesEveryBadCell(t *testing.T) {
	s := full.Start(t)
	var bad []string
	_, err := exchange.Import(s.App, stockTable(t, s), strings.NewReader("itemName,quantity,expiryDate,reorderLevel\n,abc,2027-13-01,-1\n"),
		exchange.Options{DryRun: true, Bad: func(b exchange.BadRow) {
			for _, e := range b.Errors {
				bad = append(bad, e.Field)
			}
		}})
	slices.Sort(bad)
	if want := "expiryDate itemName quantity reorderLevel"; err != nil || strings.Join(bad, " ") != want {
		t.Errorf("named %q (%v), want %q", bad, err, want)
	}
}

func stockTable(t *testing.T, s *kerneltest.Server) exchangeapi.Table {
	t.Helper()
	for _, table := range kernel.All[exchangeapi.Table](s.Kernel) {
		if table.Name == "inventory" {
			return table
		}
	}
	t.Fatal("no table inventory")
	return exchangeapi.Table{}
}
