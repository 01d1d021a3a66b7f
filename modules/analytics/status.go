package analytics

import (
	"net/http"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/analytics/ship"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// Status is the answer of GET /api/analytics/status.
type Status struct {
	State      string     `json:"state" doc:"starting; copying: tables are read in full; live: every change is shipped; waiting: tries again, see error; refused: somebody must act, see error; stopped"`
	Site       string     `json:"site" doc:"what the clinic is called in the warehouse"`
	Position   int64      `json:"position" doc:"the last change of the log that the warehouse has"`
	LagRows    int64      `json:"lagRows" doc:"changes that wait"`
	LagSeconds int64      `json:"lagSeconds" doc:"how long ago nothing was waiting, 0 when nothing is"`
	ShippedAt  string     `json:"shippedAt" doc:"the last transaction in the warehouse since the server started, or empty"`
	Error      string     `json:"error" doc:"what keeps it from shipping, empty when nothing does"`
	ErrorAt    string     `json:"errorAt" doc:"when that was last seen, or empty"`
	Rejects    int64      `json:"rejects" doc:"values and rows that are set aside, see polyclinic.sync_reject in the warehouse"`
	OtherNames []string   `json:"otherNames" doc:"names under which this data folder was shipped before and whose rows are still there"`
	Remade     []string   `json:"remade" doc:"tables that are written anew, as a column was made again in the warehouse and is empty there; until then reports from PostgreSQL are refused"`
	Overflows  int64      `json:"overflows" doc:"how often too many changes waited, so that every table was read in full"`
	Dropped    bool       `json:"dropped" doc:"so many changes waited that their list was dropped; every table is read in full once the warehouse is back"`
	Tables     []Progress `json:"tables"`
}

// Progress is how far a table's reading is.
type Progress struct {
	Table string `json:"table"`
	State string `json:"state" doc:"waiting or copying: it is being read in full; done"`
	Rows  int64  `json:"rows" doc:"read so far, of the last reading since the server started"`
	Of    int64  `json:"of" doc:"rows that there are to read, 0 while it is not known"`
}

var statusRoute = kernel.Op(kernel.Route{
	Method: http.MethodGet, Path: "/api/analytics/status", Allow: kernel.Allow(authapi.Admin.Always()),
	Summary: "Tell how far the analytics warehouse is behind", Errors: []*kernel.Error{errNotConfigured},
}, func(c *kernel.Call, _ kernel.Nothing) (Status, error) { return status(c.App, time.Now()) })

// status returns the state of the server's shipper.
func status(app core.App, now time.Time) (Status, error) {
	s := serviceOf(app)
	s.mu.Lock()
	shipper, site, wrong, began := s.shipper, s.site, s.wrong, s.began
	s.mu.Unlock()
	switch {
	case wrong != nil:
		return Status{State: ship.Refused, Site: site, Error: wrong.Error(), ErrorAt: stamp(began), OtherNames: []string{}, Remade: []string{}, Tables: []Progress{}}, nil
	case shipper == nil:
		return Status{}, errNotConfigured.At(urlSetting.Name)
	}
	is := shipper.Status()
	out := Status{
		State: is.State, Site: site, Position: is.Seq, ShippedAt: stamp(is.ShippedAt),
		Error: is.Error, ErrorAt: stamp(is.ErrorAt), Rejects: is.Rejects, OtherNames: append([]string{}, is.OtherNames...), Remade: append([]string{}, is.Remade...), Tables: []Progress{},
	}
	for _, t := range is.Tables {
		out.Tables = append(out.Tables, Progress(t))
	}
	kept, err := capture.ReadState(app)
	if err != nil {
		return out, err
	}
	out.Overflows, out.Dropped = kept.Overflows, kept.Dropped
	from := is.Seq
	if from == 0 {
		if from, err = capture.Floor(app); err != nil {
			return out, err
		}
	}
	if out.LagRows, err = waiting(app, from); err != nil {
		return out, err
	}
	since := began
	switch {
	case !is.DrainedAt.IsZero():
		since = is.DrainedAt
	case kept.DrainedAt > 0:
		since = time.Unix(kept.DrainedAt, 0)
	}
	if out.LagRows > 0 || is.State != ship.Live {
		out.LagSeconds = max(0, int64(now.Sub(since).Seconds()))
	}
	return out, nil
}

func waiting(app core.App, after int64) (n int64, err error) {
	err = app.ConcurrentDB().NewQuery(`SELECT count(*) FROM _analytics_log WHERE seq > {:seq}`).Bind(dbx.Params{"seq": after}).Row(&n)
	return n, err
}

// stamp writes an instant as the API does, "" for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	d, _ := types.ParseDateTime(t) // a time.Time always parses
	return d.String()
}
