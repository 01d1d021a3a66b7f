package auth

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// sessions keeps the rows of a collection in memory that requests came by, so that a request
// costs no query for its session. Only this process writes the accounts' rows.
type sessions struct {
	kind
	mu         sync.RWMutex
	known      map[string]*session
	generation int // keeps a reader that began before an end from putting back what it read
}

// kind is whose sessions a collection has.
type kind struct {
	collection string
	owner      string // the field that holds whose session it is
	owners     string // the collection that it points at
	shared     bool   // a command beside the server ends them, too: their rows are looked for each time
}

var (
	ofAccounts   = kind{collection: "sessions", owner: "userId", owners: kernel.AccountsCollection}
	ofSuperusers = kind{collection: "superuser_sessions", owner: "superuserId", owners: core.CollectionNameSuperusers, shared: true}
)

// role returns the name under which the clinic sets limits for the owner's sessions.
func (k kind) role(owner *core.Record) string {
	if k.owners == core.CollectionNameSuperusers {
		return clinicapi.Superuser
	}
	return owner.GetString("role")
}

// session is one sign-in.
type session struct {
	id, account, role string
	twoFactors        bool
	began, ends       time.Time
	seen              atomic.Int64 // last request, in Unix milliseconds
	stored            atomic.Int64 // seen as the row has it
}

func newSessions(k kind) *sessions { return &sessions{kind: k, known: map[string]*session{}} }

// sessionsOf returns where the sessions of an account are kept, nil when it is none that
// can be signed in to.
func (s *state) sessionsOf(account *core.Record) *sessions {
	switch account.Collection().Name {
	case ofAccounts.owners:
		return s.sessions
	case ofSuperusers.owners:
		return s.superusers
	}
	return nil
}

// aliveIn returns the session if the account's tokens may still be used in it at now.
func (s *state) aliveIn(app core.App, id string, account *core.Record, now time.Time) (*session, bool) {
	kept := s.sessionsOf(account)
	if kept == nil {
		return nil, false
	}
	return kept.alive(app, id, account.Id, now)
}

// open writes the row of a new session.
func (s *sessions) open(e *core.RequestEvent, account *core.Record, twoFactors bool) (*core.Record, error) {
	c, err := e.App.FindCachedCollectionByNameOrId(s.collection)
	if err != nil {
		return nil, err
	}
	clinic, err := clinicapi.Current(e.App)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	_, life := clinic.Sessions(s.role(account))
	r := core.NewRecord(c)
	r.Load(map[string]any{
		s.owner: account.Id, "lastSeen": now, "expiresAt": now.Add(life), "secondFactor": twoFactors,
		"address": e.RealIP(), "agent": firstRunes(e.Request.UserAgent(), 300),
	})
	if s.owners != kernel.AccountsCollection {
		return r, e.App.Save(r)
	}
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
		return v, s.stillThere(app, id)
	}
	r, err := app.FindRecordById(s.collection, id)
	if err != nil {
		return nil, err
	}
	account, err := app.FindRecordById(s.owners, r.GetString(s.owner))
	if err != nil {
		return nil, err
	}
	v = &session{id: id, account: account.Id, role: s.role(account), twoFactors: r.GetBool("secondFactor"), began: r.GetDateTime("created").Time(), ends: r.GetDateTime("expiresAt").Time()}
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

// stillThere returns sql.ErrNoRows when a command has ended the session meanwhile.
func (s *sessions) stillThere(app core.App, id string) error {
	if !s.shared {
		return nil
	}
	var one int
	return app.DB().Select("(1)").From(s.collection).Where(dbx.HashExp{"id": id}).Row(&one)
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

// end ends an account's sessions but keep, in the caller's transaction.
func (s *sessions) end(tx core.App, account, keep string) error {
	_, err := tx.NonconcurrentDB().Delete(s.collection, dbx.And(dbx.HashExp{s.owner: account}, dbx.Not(dbx.HashExp{"id": keep}))).Execute()
	if err != nil {
		return fmt.Errorf("end sessions of %s: %w", account, err)
	}
	kernel.AfterCommit(tx, func() {
		s.forget(func(v *session) bool { return v.account == account && v.id != keep })
		closeStreams(tx, func(session, user string) bool { return user == account && session != keep })
	})
	return nil
}

// sessionRules are those of both collections.
var sessionRules = slices.Concat(
	rulesOf(ofAccounts, func(s *state) *sessions { return s.sessions }),
	rulesOf(ofSuperusers, func(s *state) *sessions { return s.superusers }),
)

func rulesOf(k kind, kept func(*state) *sessions) []kernel.Hook {
	return []kernel.Hook{
		kernel.After(kernel.Update, k.collection, "a change of a session counts at once", func(tx core.App, r *core.Record) error {
			kernel.AfterCommit(tx, func() { kept(of(tx)).forget(func(v *session) bool { return v.id == r.Id }) })
			return nil
		}),
		kernel.After(kernel.Delete, k.collection, "the token of a deleted session is dead at once, realtime included", func(tx core.App, r *core.Record) error {
			kernel.AfterCommit(tx, func() {
				kept(of(tx)).forget(func(v *session) bool { return v.id == r.Id })
				closeStreams(tx, func(session, _ string) bool { return session == r.Id })
			})
			return nil
		}),
	}
}
