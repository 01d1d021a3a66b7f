package analytics

import (
	"slices"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel"
)

func TestFindings(t *testing.T) {
	for _, c := range []struct {
		name string
		is   Status
		want []string
	}{
		{"all is well", Status{State: "live"}, nil},
		{"away for a moment", Status{State: "waiting", LagSeconds: 60, Error: "it is away"}, nil},
		{"away for long", Status{State: "waiting", LagSeconds: 1000, Error: "it is away"}, []string{"analytics_behind"}},
		{"live and too slow", Status{State: "live", LagSeconds: 1000, LagRows: 5}, []string{"analytics_behind"}},
		{"a first reading takes its time", Status{State: "copying", LagSeconds: 5000}, nil},
		{"somebody must act", Status{State: "refused", Error: "no rights"}, []string{"analytics_refused"}},
		{"the list was dropped", Status{State: "waiting", Dropped: true}, []string{"analytics_log_dropped"}},
		{"values are set aside", Status{State: "live", Rejects: 3}, []string{"analytics_rejects"}},
		{"a column was made again", Status{State: "copying", Remade: []string{"invoices"}}, []string{"analytics_remade"}},
		{"it is there twice", Status{State: "live", OtherNames: []string{"north"}}, []string{"analytics_other_name"}},
	} {
		var got []string
		for _, f := range findings(c.is) {
			got = append(got, f.Code)
			if f.Text == "" || f.Code != "analytics_rejects" && f.Level != kernel.Alarm {
				t.Errorf("%s: %+v", c.name, f)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}
