package clinic

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

var (
	errOneClinic     = kernel.Fail(http.StatusConflict, "one_clinic", "The clinic has exactly one row of settings.")
	errDemo          = kernel.Fail(http.StatusConflict, "demo_is_fixed", "Whether this is a demo is decided when the data folder is made.").At("demo")
	errCurrencyInUse = kernel.Fail(http.StatusConflict, "currency_in_use", "There are invoices, doctors' fees or prices of the stock in the present currency: they would be wrong in another. Fees and prices that were entered too early can be set to 0 and entered anew.").At("currency")
)

var rules = []kernel.Hook{
	kernel.Before(kernel.Create, "clinic", "there is exactly one clinic", onlyOne),
	kernel.Before(kernel.Create, "clinic", "its settings hold", settingsHold),
	kernel.Before(kernel.Update, "clinic", "its settings hold", settingsHold),
	kernel.Before(kernel.Update, "clinic", "a demo stays a demo, and only an empty clinic becomes one", demoFixed),
	kernel.Before(kernel.Update, "clinic", "the currency stays once there are amounts", currencyKept),
	kernel.After(kernel.Create, "clinic", "a change counts at once", forget),
	kernel.After(kernel.Update, "clinic", "a change counts at once", forget),
	kernel.After(kernel.Update, "clinic", "strict care changes the access rules at once", strictCare),
	kernel.Before(kernel.Delete, "clinic", "there is exactly one clinic", func(core.App, *core.Record) error { return errOneClinic }),
}

func onlyOne(tx core.App, r *core.Record) error {
	n, err := tx.CountRecords("clinic")
	if err == nil && (n > 0 || r.Id != clinicapi.RecordID) {
		return errOneClinic
	}
	return err
}

func forget(tx core.App, _ *core.Record) error {
	kernel.AfterCommit(tx, func() { clinicapi.Forget(tx) })
	return nil
}

func demoFixed(tx core.App, r *core.Record) error {
	now, before := r.GetBool("demo"), r.Original().GetBool("demo")
	if now == before {
		return nil
	}
	people, err := tx.CountRecords(kernel.AccountsCollection)
	if err != nil {
		return err
	}
	if before || people > 0 {
		return errDemo
	}
	return nil
}

func currencyKept(tx core.App, r *core.Record) error {
	if r.GetString("currency") == r.Original().GetString("currency") {
		return nil
	}
	for _, guard := range kernel.All[clinicapi.CurrencyGuard](kernel.Of(tx)) {
		used, err := guard.CurrencyInUse(tx)
		if err != nil {
			return err
		}
		if used {
			return errCurrencyInUse
		}
	}
	return nil
}

var (
	reLanguage = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)
	reHour     = regexp.MustCompile(`^(([01]\d|2[0-3]):[0-5]\d|24:00)$`)
	rePrefix   = regexp.MustCompile(`^[A-Za-z0-9/_-]{0,20}$`)
)

// ranges of the numbers, in the unit that their names say. 8 is PocketBase's own least
// length of a password, 71 its greatest.
var ranges = []struct {
	field     string
	low, high int
}{
	{"slotMinutes", 5, 480},
	{"passwordMinLength", 8, 64},
	{"sessionIdleMinutes", 0, 1440},
	{"sessionHours", 1, 720},
	{"videoLeadMinutes", 0, 1440},
	{"expiryAlertDays", 1, 730},
	{"breakGlassMinutes", 5, 1440},
}

// settingsHold names every field that does not hold, in one answer.
func settingsHold(_ core.App, r *core.Record) error {
	var bad kernel.Invalid
	refuse := func(field, code, text string) { bad = append(bad, kernel.Bad(field, code, text)) }
	r.Set("name", strings.TrimSpace(r.GetString("name")))
	if name := r.GetString("name"); name == "" {
		bad = append(bad, kernel.Required("name"))
	} else if len([]rune(name)) > 200 {
		refuse("name", "validation_length_too_long", "At most 200 characters.")
	}
	// One that was abolished since stays that of the amounts that a clinic has in it.
	if c := r.GetString("currency"); !clinicapi.KnownCurrency(c) && (r.IsNew() || c != r.Original().GetString("currency")) {
		refuse("currency", "validation_invalid_currency", "Must be the ISO 4217 code of a currency in use, three capital letters such as USD.")
	}
	if !knownZone(r.GetString("timeZone")) {
		refuse("timeZone", "validation_unknown_time_zone", "Must be a time zone of the IANA database, such as Europe/Berlin.")
	}
	if !languagesHold(r.GetString("languages")) {
		refuse("languages", "validation_invalid_languages", "Must be a list of 1 to 20 language codes, such as en or pt-BR, each once.")
	}
	bad = append(bad, hoursHold(r.GetString("opensAt"), r.GetString("closesAt"))...)
	if !rePrefix.MatchString(r.GetString("invoicePrefix")) {
		refuse("invoicePrefix", "validation_invalid_format", "At most 20 letters, digits, /, _ and -.")
	}
	for _, n := range ranges {
		if r.Collection().Fields.GetByName(n.field) == nil {
			continue // the step that makes the row is ahead of the one that makes the field
		}
		if v := r.GetFloat(n.field); v != float64(int(v)) || int(v) < n.low || int(v) > n.high {
			refuse(n.field, "validation_out_of_range", fmt.Sprintf("Must be a whole number from %d to %d.", n.low, n.high))
		}
	}
	return append(bad, accessHolds(r)...).OrNil()
}

// knownZone refuses "Local" too: it means another zone on another machine.
func knownZone(name string) bool {
	if name == "" || name == "Local" {
		return false
	}
	_, err := time.LoadLocation(name)
	return err == nil
}

func languagesHold(raw string) bool {
	var list []string
	if json.Unmarshal([]byte(raw), &list) != nil || len(list) == 0 || len(list) > 20 {
		return false
	}
	seen := map[string]bool{}
	for _, l := range list {
		if !reLanguage.MatchString(l) || seen[l] {
			return false
		}
		seen[l] = true
	}
	return true
}

func hoursHold(opens, closes string) (bad kernel.Invalid) {
	for field, v := range map[string]string{"opensAt": opens, "closesAt": closes} {
		switch {
		case v == "" && opens+closes != "":
			bad = append(bad, kernel.Bad(field, "validation_required", "Opening and closing time go together."))
		case v != "" && !reHour.MatchString(v):
			bad = append(bad, kernel.Bad(field, "validation_invalid_time", "Must be a time of day, HH:MM."))
		}
	}
	// Two valid times compare as text.
	if len(bad) == 0 && opens != "" && opens >= closes {
		bad = append(bad, kernel.Bad("closesAt", "validation_out_of_order", "The clinic closes after it opens."))
	}
	return bad
}
