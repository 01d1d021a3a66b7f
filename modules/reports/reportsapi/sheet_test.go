package reportsapi_test

import (
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

func TestSheetIsHarmlessCSV(t *testing.T) {
	s := reportsapi.Sheet{Range: reportsapi.Range{From: "2026-01-01", To: "2026-01-31"}, Figures: []string{"visits", "billed"}}
	s.Total(3, "-1.50")
	s.Add("byDoctor", "=1+1", "@Zoë, \"MD\"", 2)
	s.Add("byDoctor", "-x", "＝1", "", 1)
	got, err := s.CSV()
	want := "section,key,name,visits,billed\r\ntotal,2026-01-01/2026-01-31,,3,-1.50\r\n" +
		"byDoctor,'=1+1,\"'@Zoë, \"\"MD\"\"\",2,\r\nbyDoctor,'-x,'＝1,,1\r\n"
	if err != nil || string(got) != want {
		t.Errorf("got %q %v, want %q", got, err, want)
	}
}
