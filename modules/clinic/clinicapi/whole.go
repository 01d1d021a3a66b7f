package clinicapi

import (
	"fmt"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// ErrNotWhole is what the triggers of OnlyWhole raise.
var ErrNotWhole = kernel.Bad("number", "validation_not_whole", "Must be a whole number, at most 10 to the power of 15 either way.")

// OnlyWhole refuses whatever would write into a field what is no whole number, or one so large that
// sums of it are not exact, plain SQL too: SQLite's NUMERIC takes fractions, texts and infinity,
// which no report reads and which stay in the sums when the row is mended. A row that has
// one from before may be changed otherwise.
func OnlyWhole(tx core.App, table string, fields ...string) error {
	var wrong, changed, refuse []string
	for _, f := range fields {
		not := fmt.Sprintf("(NEW.%[1]s NOT BETWEEN -1000000000000000 AND 1000000000000000 OR NEW.%[1]s IS NOT CAST(NEW.%[1]s AS INTEGER))", f)
		wrong = append(wrong, not)
		changed = append(changed, fmt.Sprintf("NEW.%[1]s IS NOT OLD.%[1]s AND %[2]s", f, not))
		refuse = append(refuse, fmt.Sprintf("WHEN %s THEN %s", not, ErrNotWhole.At(f).RaiseSQL()))
	}
	body := " BEGIN SELECT CASE " + strings.Join(refuse, " ") + " END; END"
	for _, sql := range []string{
		fmt.Sprintf("CREATE TRIGGER %s_whole_insert BEFORE INSERT ON %s WHEN %s", table, table, strings.Join(wrong, " OR ")) + body,
		fmt.Sprintf("CREATE TRIGGER %s_whole_update BEFORE UPDATE OF %s ON %s WHEN %s", table, strings.Join(fields, ", "), table, strings.Join(changed, " OR ")) + body,
	} {
		if _, err := tx.NonconcurrentDB().NewQuery(sql).Execute(); err != nil {
			return fmt.Errorf("whole numbers of %s: %w", table, err)
		}
	}
	return nil
}
