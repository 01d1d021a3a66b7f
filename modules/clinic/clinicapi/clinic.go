// Package clinicapi is what siblings may know of the clinic: its settings, its money and
// its calendar.
package clinicapi

import (
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// Settings is the clinic's one row of the collection "clinic", as it is now.
type Settings struct {
	Name, Currency       string
	TimeZone             *time.Location
	Demo                 bool
	OpensAt, ClosesAt    string // HH:MM, "" when the clinic sets no hours
	SlotMinutes          int
	InvoicePrefix        string
	PasswordMinLength    int
	PasswordRefuseCommon bool
	SessionIdle          time.Duration // 0: no idle limit
	SessionLife          time.Duration
	VideoLead            time.Duration // 0: a call may start at any time ahead
	ExpiryAlertDays      int
}

const cacheKey = "polyclinic.clinic"

// Current returns the settings. It reads the row in a transaction, where it may have
// been changed, and a copy in memory otherwise; the clinic module drops the copy when
// the row changes.
func Current(app core.App) (Settings, error) {
	if !app.IsTransactional() {
		if s, ok := app.Store().Get(cacheKey).(Settings); ok {
			return s, nil
		}
	}
	r, err := app.FindFirstRecordByFilter("clinic", "id != ''")
	if err != nil {
		return Settings{}, fmt.Errorf("clinic settings: %w", err)
	}
	s, err := FromRecord(r)
	if err == nil && !app.IsTransactional() {
		app.Store().Set(cacheKey, s)
	}
	return s, err
}

// Forget drops the copy in memory.
func Forget(app core.App) { app.Store().Remove(cacheKey) }

// FromRecord reads the settings from a row; it fails on an unknown time zone.
func FromRecord(r *core.Record) (Settings, error) {
	zone, err := time.LoadLocation(r.GetString("timeZone"))
	if err != nil {
		return Settings{}, fmt.Errorf("time zone: %w", err)
	}
	return Settings{
		Name: r.GetString("name"), Currency: r.GetString("currency"), TimeZone: zone, Demo: r.GetBool("demo"),
		OpensAt: r.GetString("opensAt"), ClosesAt: r.GetString("closesAt"), SlotMinutes: r.GetInt("slotMinutes"),
		InvoicePrefix: r.GetString("invoicePrefix"), PasswordMinLength: r.GetInt("passwordMinLength"),
		PasswordRefuseCommon: r.GetBool("passwordRefuseCommon"),
		SessionIdle:          time.Duration(r.GetInt("sessionIdleMinutes")) * time.Minute,
		SessionLife:          time.Duration(r.GetInt("sessionHours")) * time.Hour,
		VideoLead:            time.Duration(r.GetInt("videoLeadMinutes")) * time.Minute,
		ExpiryAlertDays:      r.GetInt("expiryAlertDays"),
	}, nil
}

// Today returns the calendar day that now is in the clinic, as YYYY-MM-DD.
func (s Settings) Today(now time.Time) string { return now.In(s.TimeZone).Format(time.DateOnly) }
