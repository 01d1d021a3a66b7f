package auth

import (
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

var sessionJobs = []kernel.Job{
	{Name: "seen", Spec: "* * * * *", Doc: "notes when each session was used last", Run: noteSeen},
	{Name: "expired", Spec: "23 * * * *", Doc: "deletes sessions that are over", Run: deleteExpired},
}

// noteSeen writes what requests only note in memory: a write per request would make every
// read wait for the one writer.
func noteSeen(app core.App) error {
	for _, s := range of(app).allSessions() {
		if err := s.noteSeen(app); err != nil {
			return err
		}
	}
	return nil
}

func (s *sessions) noteSeen(app core.App) error {
	s.mu.RLock()
	var due []*session
	for _, v := range s.known {
		if v.seen.Load() != v.stored.Load() {
			due = append(due, v)
		}
	}
	s.mu.RUnlock()
	for _, v := range due {
		seen := v.seen.Load()
		at, _ := types.ParseDateTime(time.UnixMilli(seen)) // a time.Time always parses
		if _, err := app.NonconcurrentDB().Update(s.collection, dbx.Params{"lastSeen": at.String()}, dbx.HashExp{"id": v.id}).Execute(); err != nil {
			return fmt.Errorf("note use of session %s: %w", v.id, err)
		}
		v.stored.Store(seen)
	}
	return nil
}

// deleteExpired deletes what no token can use any more. Sessions that idled out stay until
// they expire: what requests noted since may not be in the row yet.
func deleteExpired(app core.App) error {
	clinic, err := clinicapi.Current(app)
	if err != nil {
		return err
	}
	now := time.Now()
	nowText, _ := types.ParseDateTime(now)                              // a time.Time always parses
	oldest, _ := types.ParseDateTime(now.Add(-clinic.LongestSession())) // likewise
	for _, s := range of(app).allSessions() {
		_, err = app.NonconcurrentDB().Delete(s.collection, dbx.NewExp("expiresAt <= {:now} OR created <= {:oldest}",
			dbx.Params{"now": nowText.String(), "oldest": oldest.String()})).Execute()
		if err != nil {
			return err
		}
		s.forget(func(v *session) bool { return !now.Before(v.ends) || now.Sub(v.began) >= clinic.LongestSession() })
	}
	return forgetAddresses(app, now)
}
