package exchange

import (
	"encoding/csv"
	"fmt"
	"io"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/auditapi"
	"github.com/polyclinic-os/polyclinic/modules/exchange/exchangeapi"
)

// exportBatch is how many records are in memory at once.
const exportBatch = 500

// Export writes a table as CSV, oldest record first, without the deleted ones, and
// returns how many rows there are. It begins with a byte order mark, without which Excel
// takes UTF-8 for something else and spoils the names.
func Export(app core.App, t exchangeapi.Table, out io.Writer) (rows int, err error) {
	c, err := app.FindCollectionByNameOrId(t.Collection)
	if err != nil {
		return 0, fmt.Errorf("collection %s: %w", t.Collection, err)
	}
	if _, err := io.WriteString(out, bom); err != nil {
		return 0, err
	}
	w := csv.NewWriter(out)
	if err := w.Write(append([]string{"id"}, t.Columns...)); err != nil {
		return 0, err
	}
	a, _ := kernel.Of(app).AccessOf(t.Collection)
	for last := ""; ; {
		batch, err := nextBatch(app, c, a.SoftDelete, t.Where, last)
		if err != nil {
			return rows, fmt.Errorf("export %s: %w", t.Name, err)
		}
		if err := record(app, t, batch); err != nil {
			return rows, fmt.Errorf("export %s: %w", t.Name, err)
		}
		for _, r := range batch {
			line := []string{r.Id}
			for _, name := range t.Columns {
				line = append(line, cell(r, c.Fields.GetByName(name)))
			}
			if err := w.Write(line); err != nil {
				return rows, err
			}
			rows, last = rows+1, r.Id
		}
		w.Flush()
		if err := w.Error(); err != nil || len(batch) < exportBatch {
			return rows, err
		}
	}
}

// record says in the audit trail which records leave, ahead of the first byte of them.
func record(app core.App, t exchangeapi.Table, batch []*core.Record) error {
	e := auditapi.Entry{Action: "export", Target: "csv " + t.Name}
	for _, r := range batch {
		e.Items = append(e.Items, t.Collection+"/"+r.Id)
	}
	return auditapi.Record(app, e)
}

// nextBatch returns the records stored after last, in the order they were made.
func nextBatch(app core.App, c *core.Collection, soft, where, last string) (list []*core.Record, err error) {
	q := app.RecordQuery(c).OrderBy("_rowid_").Limit(exportBatch)
	if soft != "" {
		q.AndWhere(dbx.HashExp{soft: ""})
	}
	if where != "" {
		q.AndWhere(dbx.NewExp("(" + where + ")"))
	}
	if last != "" {
		q.AndWhere(dbx.NewExp("_rowid_ > (SELECT _rowid_ FROM {{"+c.Name+"}} WHERE id = {:last})", dbx.Params{"last": last}))
	}
	return list, q.All(&list)
}
