package reports

import (
	"fmt"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

// columns writes one expression a column, "#" standing for its name.
func columns(names []string, expression, between string) string {
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = strings.ReplaceAll(expression, "#", n)
	}
	return strings.Join(parts, between)
}

// compareSQL returns the query of every row in which the summary and the recount differ, of one
// part of the days where the summary has such. A
// row that one of them lacks counts as zeros: sums that fell to zero stay as rows.
func compareSQL(s reportsapi.Summary) string {
	keys := columns(s.Keys, "#", ", ")
	from := s.Table
	if s.Kept != "" {
		from = "(" + s.Kept + ")"
	}
	kept := "SELECT " + keys + ", " + columns(s.Sums, "# AS kept_#, 0 AS counted_#", ", ") + " FROM " + from
	if s.Along != "" && s.Kept == "" {
		kept += " WHERE " + reportsapi.Part(s.Along)
	}
	counted := "SELECT " + keys + ", " + columns(s.Sums, "0, #", ", ") + " FROM (" + s.Recount + ")"
	return fmt.Sprintf("SELECT %s AS key, %s AS kept, %s AS counted FROM (%s UNION ALL %s) GROUP BY %s HAVING %s ORDER BY 1",
		columns(s.Keys, "#", " || ' ' || "), columns(s.Sums, "sum(kept_#)", " || ' ' || "), columns(s.Sums, "sum(counted_#)", " || ' ' || "),
		kept, counted, keys, columns(s.Sums, "sum(kept_#) != sum(counted_#)", " OR "))
}

// Repair makes every summary equal to the rows, in one transaction. It does not bring back
// a missing trigger.
func Repair(app core.App) error {
	return app.RunInTransaction(func(tx core.App) error {
		for _, s := range kernel.All[reportsapi.Summary](kernel.Of(app)) {
			if err := repair(tx.NonconcurrentDB(), s); err != nil {
				return fmt.Errorf("repair %s: %w", s.Table, err)
			}
		}
		return nil
	})
}

func repair(db dbx.Builder, s reportsapi.Summary) error {
	parts, err := s.Parts(db)
	if err != nil {
		return err
	}
	for _, statement := range repairSQL(s) {
		if !reportsapi.InParts(statement) {
			if _, err := db.NewQuery(statement).Execute(); err != nil {
				return err
			}
			continue
		}
		for _, p := range parts {
			if _, err := db.NewQuery(statement).Bind(p).Execute(); err != nil {
				return err
			}
		}
	}
	return nil
}

func repairSQL(s reportsapi.Summary) []string {
	if s.Kept != "" {
		return s.Rebuild
	}
	names := columns(s.Keys, "#", ", ") + ", " + columns(s.Sums, "#", ", ")
	return []string{
		"DELETE FROM " + s.Table,
		"INSERT INTO " + s.Table + " (" + names + ") SELECT " + names + " FROM (" + s.Recount + ")",
	}
}
