package auth

import (
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// sessions keeps the rows of the collection in memory that requests came by, so that a
// request costs no query for its session. Only this process writes the collection.
type sessions struct {
	mu         sync.RWMutex
	known      map[string]*session
	generation int // keeps a reader that began before an end from putting back what it read
}

// session is one sign-in.
type session struct {
	id, account, role string
	twoFactors        bool
	began, ends       time.Time
	seen              atomic.Int64 // last request, in Unix milliseconds
	stored            atomic.Int64 // seen as the row has it
}

func newSessions() *sessions { return &sessions{known: map[string]*session{}} }

// openSession writes the row of a new session.
func openSession(e *core.RequestEvent, account *core.Record, twoFactors bool) (*core.Record, error) {
	c, err := e.App.FindCachedCollectionByNameOrId("sessions")
	if err != nil {
		return nil, err
	}
	clinic, err := clinicapi.Current(e.App)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	_, life := clinic.Sessions(account.GetString("role"))
	r := core.NewRecord(c)
	r.Load(map[string]any{
		"userId": account.Id, "lastSeen": now, "expiresAt": now.Add(life), "secondFactor": twoFactors,
		"address": e.RealIP(), "agent": firstRunes(e.Request.UserAgent(), 300),
	})
	if err := knowAddress(e.App, account.Id, e.RealIP(), now); err != nil {
		return nil, err
	}
	return r, e.App.Save(r)
}

func firstRunes(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

// alive returns the session if a token of the account may still be used in it at now.
func (s *sessions) alive(app core.App, id, account string, now time.Time) (*session, bool) {
	if id == "" {
		return nil, false
	}
	clinic, err := clinicapi.Current(app)
	if err != nil {
		app.Logger().Error("session not checked", "error", err)
		return nil, false
	}
	v, err := s.find(app, id)
	if err != nil {
		if !errors.Is(err, sql.ErrNoRows) {
			app.Logger().Error("session not readable", "session", id, "error", err)
		}
		return nil, false
	}
	// Shorter limits count for sessions that have begun, too.
	idleLimit, life := clinic.Sessions(v.role)
	over := v.account != account || !now.Before(v.ends) || now.Sub(v.began) >= life
	idle := idleLimit > 0 && now.Sub(time.UnixMilli(v.seen.Load())) > idleLimit
	return v, !over && !idle
}

func (s *sessions) find(app core.App, id string) (*session, error) {
	s.mu.RLock()
	v, generation := s.known[id], s.generation
	s.mu.RUnlock()
	if v != nil {
		return v, nil
	}
	r, err := app.FindRecordById("sessions", id)
	if err != nil {
		return nil, err
	}
	account, err := app.FindRecordById(kernel.AccountsCollection, r.GetString("userId"))
	if err != nil {
		return nil, err
	}
	v = &session{id: id, account: account.Id, role: account.GetString("role"), twoFactors: r.GetBool("secondFactor"), began: r.GetDateTime("created").Time(), ends: r.GetDateTime("expiresAt").Time()}
	v.stored.Store(r.GetDateTime("lastSeen").Time().UnixMilli())
	v.seen.Store(v.stored.Load())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.generation != generation {
		return v, nil
	}
	if first := s.known[id]; first != nil {
		return first, nil
	}
	s.known[id] = v
	return v, nil
}

// forget drops the sessions that over selects; the next request looks at their rows.
func (s *sessions) forget(over func(*session) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generation++
	for id, v := range s.known {
		if over(v) {
			delete(s.known, id)
		}
	}
}

// endSessions ends an account's sessions but keep, in the caller's transaction.
func endSessions(tx core.App, account, keep string) error {
	_, err := tx.NonconcurrentDB().Delete("sessions", dbx.And(dbx.HashExp{"userId": account}, dbx.Not(dbx.HashExp{"id": keep}))).Execute()
	if err != nil {
		return fmt.Errorf("end sessions of %s: %w", account, err)
	}
	s := of(tx).sessions
	kernel.AfterCommit(tx, func() {
		s.forget(func(v *session) bool { return v.account == account && v.id != keep })
		signOutStreams(tx, func(session, user string) bool { return user == account && session != keep })
	})
	return nil
}

var sessionRules = []kernel.Hook{
	kernel.After(kernel.Update, "sessions", "a change of a session counts at once", func(tx core.App, r *core.Record) error {
		kernel.AfterCommit(tx, func() { of(tx).sessions.forget(func(v *session) bool { return v.id == r.Id }) })
		return nil
	}),
	kernel.After(kernel.Delete, "sessions", "the token of a deleted session is dead at once, realtime included", func(tx core.App, r *core.Record) error {
		kernel.AfterCommit(tx, func() {
			of(tx).sessions.forget(func(v *session) bool { return v.id == r.Id })
			signOutStreams(tx, func(session, _ string) bool { return session == r.Id })
		})
		return nil
	}),
}

var sessionJobs = []kernel.Job{
	{Name: "seen", Spec: "* * * * *", Doc: "notes when each session was used last", Run: noteSeen},
	{Name: "expired", Spec: "23 * * * *", Doc: "deletes sessions that are over", Run: deleteExpired},
}

// noteSeen writes what requests only note in memory: a write per request would make every
// read wait for the one writer.
func noteSeen(app core.App) error {
	s := of(app).sessions
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
		if _, err := app.NonconcurrentDB().Update("sessions", dbx.Params{"lastSeen": at.String()}, dbx.HashExp{"id": v.id}).Execute(); err != nil {
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
	_, err = app.NonconcurrentDB().Delete("sessions", dbx.NewExp("expiresAt <= {:now} OR created <= {:oldest}",
		dbx.Params{"now": nowText.String(), "oldest": oldest.String()})).Execute()
	if err != nil {
		return err
	}
	if err := forgetAddresses(app, now); err != nil {
		return err
	}
	of(app).sessions.forget(func(v *session) bool { return !now.Before(v.ends) || now.Sub(v.began) >= clinic.LongestSession() })
	return nil
}
