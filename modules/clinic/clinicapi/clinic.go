// Package clinicapi is what siblings may know of the clinic: its settings, its money and
// its calendar.
package clinicapi

import (
	"fmt"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// Settings is the clinic's one row of the collection "clinic", as it is now.
type Settings struct {
	Name, Currency       string
	TimeZone             *time.Location
	Languages            []string // BCP 47, the first is the default
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
	StrictCare           bool          // doctors see the patients under their care only
	BreakGlass           time.Duration // how long a patient stays open to who broke the glass
	Access
}

// CurrencyGuard is contributed by modules that store money. CurrencyInUse reports whether
// amounts are stored, 0 aside, that would be others in another currency.
type CurrencyGuard interface {
	CurrencyInUse(tx core.App) (bool, error)
}

// RecordID is the id of the one row.
const RecordID = "clinic000000001"

// copyInMemory is the settings as the last request saw them. generation keeps a reader that
// began before a change from putting back what it read.
type copyInMemory struct {
	mu         sync.RWMutex
	settings   Settings
	known      bool
	generation int
}

const cacheKey = "polyclinic.clinic"

func cacheOf(app core.App) *copyInMemory {
	return app.Store().GetOrSet(cacheKey, func() any { return &copyInMemory{} }).(*copyInMemory)
}

// Current returns the settings. It reads the row in a transaction, where it may have
// been changed, and a copy in memory otherwise; the clinic module drops the copy when
// the row changes.
func Current(app core.App) (Settings, error) {
	if app.IsTransactional() {
		return read(app)
	}
	c := cacheOf(app)
	c.mu.RLock()
	s, known, generation := c.settings, c.known, c.generation
	c.mu.RUnlock()
	if known {
		return s, nil
	}
	s, err := read(app)
	if err != nil {
		return Settings{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation == generation {
		c.settings, c.known = s, true
	}
	return s, nil
}

func read(app core.App) (Settings, error) {
	r, err := app.FindRecordById("clinic", RecordID)
	if err != nil {
		return Settings{}, fmt.Errorf("clinic settings: %w", err)
	}
	return FromRecord(r)
}

// Forget drops the copy in memory.
func Forget(app core.App) {
	c := cacheOf(app)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = false
	c.generation++
}

// Change writes the given fields of the clinic's row and returns it. Values that do not
// hold are answered as kernel.Invalid, naming each field.
func Change(tx core.App, fields map[string]any) (*core.Record, error) {
	r, err := tx.FindRecordById("clinic", RecordID)
	if err != nil {
		return nil, fmt.Errorf("clinic settings: %w", err)
	}
	r.Load(fields)
	return r, tx.Save(r)
}

// FromRecord reads the settings from a row; it fails on an unknown time zone.
func FromRecord(r *core.Record) (Settings, error) {
	zone, err := time.LoadLocation(r.GetString("timeZone"))
	if err != nil {
		return Settings{}, fmt.Errorf("time zone: %w", err)
	}
	var languages []string
	if err := r.UnmarshalJSONField("languages", &languages); err != nil {
		return Settings{}, fmt.Errorf("languages: %w", err)
	}
	access, bad := AccessFromRecord(r)
	for _, err := range bad {
		return Settings{}, err
	}
	return Settings{
		Access: access,
		Name:   r.GetString("name"), Currency: r.GetString("currency"), TimeZone: zone, Demo: r.GetBool("demo"), Languages: languages,
		OpensAt: r.GetString("opensAt"), ClosesAt: r.GetString("closesAt"), SlotMinutes: r.GetInt("slotMinutes"),
		InvoicePrefix: r.GetString("invoicePrefix"), PasswordMinLength: r.GetInt("passwordMinLength"),
		PasswordRefuseCommon: r.GetBool("passwordRefuseCommon"),
		SessionIdle:          time.Duration(r.GetInt("sessionIdleMinutes")) * time.Minute,
		SessionLife:          time.Duration(r.GetInt("sessionHours")) * time.Hour,
		VideoLead:            time.Duration(r.GetInt("videoLeadMinutes")) * time.Minute,
		ExpiryAlertDays:      r.GetInt("expiryAlertDays"),
		StrictCare:           r.GetBool("strictCare"),
		BreakGlass:           time.Duration(r.GetInt("breakGlassMinutes")) * time.Minute,
	}, nil
}

// Today returns the calendar day that now is in the clinic, as YYYY-MM-DD.
func (s Settings) Today(now time.Time) string { return now.In(s.TimeZone).Format(time.DateOnly) }
