package privacy

import (
	"fmt"
	"net/http"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/notices/noticesapi"
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

var errYears = kernel.Fail(http.StatusBadRequest, "validation_out_of_range", "Must be a whole number from 1 to 100.")

func checkYears(_ core.App, r *core.Record) error {
	if n := r.GetInt("years"); n < 1 || n > 100 {
		return errYears.At("years")
	}
	return nil
}

// yearsOf returns for how many years each kind of record is kept.
func yearsOf(app core.App) (map[string]int, error) {
	var rows []struct {
		Type  string `db:"recordType"`
		Years int    `db:"years"`
	}
	if err := app.DB().Select("recordType", "years").From("retention_rules").All(&rows); err != nil {
		return nil, fmt.Errorf("retention: %w", err)
	}
	out := map[string]int{}
	for _, r := range rows {
		out[r.Type] = r.Years
	}
	return out, nil
}

// Due is what the law does not ask for any more, of one kind of record.
type Due struct {
	RecordType string `json:"recordType"`
	Years      int    `json:"years" doc:"for how long it is kept"`
	Before     string `json:"before" doc:"the day up to which the years are over, YYYY-MM-DD"`
	Rows       int    `json:"rows" doc:"how many are older"`
	Oldest     string `json:"oldest" doc:"the day of the oldest record, YYYY-MM-DD; empty when there is none"`
}

// Overdue counts what is older than its years. It removes nothing: a person decides, and
// erases patient by patient.
func Overdue(app core.App, now time.Time) ([]Due, error) {
	s, err := clinicapi.Current(app)
	if err != nil {
		return nil, err
	}
	years, err := yearsOf(app)
	if err != nil {
		return nil, err
	}
	out := []Due{}
	for _, p := range kernel.All[privacyapi.Part](kernel.Of(app)) {
		n, kept := years[p.Collection]
		if p.Since == "" || !kept {
			continue
		}
		d := Due{RecordType: p.Collection, Years: n, Before: s.Today(now.AddDate(-n, 0, 0))}
		err := app.DB().NewQuery("SELECT count(CASE WHEN day < {:before} THEN 1 END) AS n, COALESCE(min(day), '') AS oldest FROM (SELECT substr("+p.Since+", 1, 10) AS day FROM ["+p.Collection+"]) WHERE day != ''").
			Bind(dbx.Params{"before": d.Before}).Row(&d.Rows, &d.Oldest)
		if err != nil {
			return nil, fmt.Errorf("retention of %s: %w", p.Collection, err)
		}
		out = append(out, d)
	}
	return out, nil
}

// nothingKept returns errKept, naming what must be kept and until when, while the law asks
// for something of the patient's.
func nothingKept(tx core.App, patient *core.Record, now time.Time) error {
	years, err := yearsOf(tx)
	if err != nil {
		return err
	}
	params, err := paramsOf(tx, patient)
	if err != nil {
		return err
	}
	for _, p := range kernel.All[privacyapi.Part](kernel.Of(tx)) {
		n, kept := years[p.Collection]
		if p.Since == "" || !kept {
			continue
		}
		var last string
		err := tx.DB().NewQuery("SELECT COALESCE(max(substr(" + p.Since + ", 1, 10)), '') FROM [" + p.Collection + "] WHERE " + p.Where).Bind(params).Row(&last)
		if err != nil {
			return fmt.Errorf("retention of %s: %w", p.Collection, err)
		}
		day, err := time.Parse(time.DateOnly, last)
		if err != nil {
			continue // there is none
		}
		if until := day.AddDate(n, 0, 0); until.After(now) {
			return errKept.Saying(fmt.Sprintf("The law asks for %s until %s. Erase the identity alone, or wait.", p.Collection, until.Format(time.DateOnly)))
		}
	}
	return nil
}

type dueOutput struct {
	Items []Due `json:"items"`
}

var retentionRoute = kernel.Op(kernel.Route{
	Method: http.MethodGet, Path: "/api/privacy/retention", Allow: admins,
	Summary: "Count what is older than the years that it is kept for; nothing is removed",
}, func(c *kernel.Call, _ kernel.Nothing) (dueOutput, error) {
	list, err := Overdue(c.App, time.Now())
	return dueOutput{list}, err
})

// reportOverdue tells the admins once a month, where there is something to tell.
func reportOverdue(app core.App) error {
	list, err := Overdue(app, time.Now())
	if err != nil {
		return err
	}
	text := ""
	for _, d := range list {
		if d.Rows > 0 {
			text += fmt.Sprintf("%s: %d older than %d years, the oldest of %s.\n", d.RecordType, d.Rows, d.Years, d.Oldest)
		}
	}
	if text == "" {
		return nil
	}
	return app.RunInTransaction(func(tx core.App) error {
		return noticesapi.Post(tx, noticesapi.Notice{Title: "Records that need not be kept any more", Body: text + "Nothing was removed.", Audience: []string{"admin"}})
	})
}
