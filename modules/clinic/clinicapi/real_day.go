package clinicapi

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// ErrNoDay is what the triggers of OnlyDays raise.
var ErrNoDay = kernel.Bad("day", "validation_invalid_day", "Must be a day that exists, YYYY-MM-DD.")

// OnlyDays refuses whatever would write into a field what is neither empty nor a calendar day that
// exists, plain SQL too: sums add days up by their texts, and the warehouse, which keeps dates,
// would count such a row elsewhere. A row that has one from before may be changed otherwise. It
// may be done again.
//
// Without the modifier, date('2026-02-30') is that very text to SQLite 3.40, and whoever writes
// plain SQL brings an SQLite of their own.
func OnlyDays(tx core.App, table string, fields ...string) error {
	for _, f := range fields {
		none := fmt.Sprintf("NEW.%[1]s != '' AND date(NEW.%[1]s, '+0 days') IS NOT NEW.%[1]s BEGIN SELECT %[2]s; END", f, ErrNoDay.At(f).RaiseSQL())
		for _, sql := range []string{
			fmt.Sprintf("DROP TRIGGER IF EXISTS %s_%s_day_insert", table, f),
			fmt.Sprintf("DROP TRIGGER IF EXISTS %s_%s_day_update", table, f),
			fmt.Sprintf("CREATE TRIGGER %s_%s_day_insert BEFORE INSERT ON %s WHEN %s", table, f, table, none),
			fmt.Sprintf("CREATE TRIGGER %s_%s_day_update BEFORE UPDATE OF %s ON %s WHEN NEW.%s IS NOT OLD.%s AND %s", table, f, f, table, f, f, none),
		} {
			if _, err := tx.NonconcurrentDB().NewQuery(sql).Execute(); err != nil {
				return fmt.Errorf("days of %s: %w", table, err)
			}
		}
	}
	return nil
}
