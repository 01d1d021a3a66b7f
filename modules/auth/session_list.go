package auth

import (
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

var sessionRoutes = []kernel.Route{
	kernel.Op(kernel.Route{
		Method: "GET", Path: "/api/auth/sessions", Allow: kernel.SignedIn(), Summary: "List where the own account is signed in",
	}, ownSessions),
	kernel.Op(kernel.Route{
		Method: "DELETE", Path: "/api/auth/sessions/{id}", Allow: kernel.SignedIn(), Summary: "Sign out of one session",
	}, endOwnSession),
	kernel.Op(kernel.Route{
		Method: "GET", Path: "/api/users/{id}/sessions", Allow: kernel.Allow(authapi.Admin.Always()), Record: "users", Summary: "List where an account is signed in",
	}, func(c *kernel.Call, p kernel.Page) (kernel.Paged[SessionInfo], error) {
		return of(c.App).sessions.list(c, c.Record.Id, p)
	}),
	kernel.Op(kernel.Route{
		Method: "DELETE", Path: "/api/users/{id}/sessions", Allow: kernel.Allow(authapi.Admin.Always()), Record: "users", Summary: "Sign an account out everywhere",
	}, func(c *kernel.Call, _ kernel.Nothing) (kernel.Nothing, error) {
		return kernel.Nothing{}, endAll(c, c.Record)
	}),
	kernel.Op(kernel.Route{
		Method: "DELETE", Path: "/api/users/{id}/sessions/{session}", Allow: kernel.Allow(authapi.Admin.Always()), Record: "users", Summary: "Sign an account out of one session",
	}, func(c *kernel.Call, _ kernel.Nothing) (kernel.Nothing, error) {
		return kernel.Nothing{}, of(c.App).sessions.endOne(c.App, c.Record.Id, c.Request.PathValue("session"))
	}),
}

// SessionInfo is one sign-in as its owner sees it.
type SessionInfo struct {
	ID           string `json:"id"`
	Device       string `json:"device" doc:"browser and system, as far as they tell"`
	Address      string `json:"address" doc:"from which the sign-in came"`
	Created      string `json:"created"`
	LastSeen     string `json:"lastSeen" doc:"the last request of a person"`
	ExpiresAt    string `json:"expiresAt" doc:"whatever happens in it"`
	SecondFactor bool   `json:"secondFactor" doc:"whether it began with one; false for superusers, whom PocketBase asks for theirs"`
	Current      bool   `json:"current" doc:"the one that asks"`
}

// ownSessions lists a superuser's, too.
func ownSessions(c *kernel.Call, p kernel.Page) (kernel.Paged[SessionInfo], error) {
	kept, err := ownKept(c)
	if err != nil {
		return kernel.Paged[SessionInfo]{}, err
	}
	return kept.list(c, c.Auth.Id, p)
}

// ownKept returns where the caller's sessions are kept. A site may have accounts of its own,
// who have none.
func ownKept(c *kernel.Call) (*sessions, error) {
	if s := of(c.App).sessionsOf(c.Auth); s != nil {
		return s, nil
	}
	return nil, kernel.ErrForbidden
}

// list returns the sessions that a token can still be used in, newest first.
func (s *sessions) list(c *kernel.Call, account string, p kernel.Page) (kernel.Paged[SessionInfo], error) {
	rows, err := c.App.FindRecordsByFilter(s.collection, s.owner+" = {:user}", "-created", 0, 0, dbx.Params{"user": account})
	if err != nil {
		return kernel.Paged[SessionInfo]{}, err
	}
	now := time.Now()
	var open []SessionInfo
	for _, r := range rows {
		v, alive := s.alive(c.App, r.Id, account, now)
		if !alive {
			continue
		}
		seen, _ := types.ParseDateTime(time.UnixMilli(v.seen.Load())) // a time.Time always parses
		open = append(open, SessionInfo{
			ID: r.Id, Device: deviceOf(r.GetString("agent")), Address: r.GetString("address"), Created: r.GetString("created"), LastSeen: seen.String(),
			ExpiresAt: r.GetString("expiresAt"), SecondFactor: r.GetBool("secondFactor"), Current: r.Id == authapi.SessionID(c.RequestEvent),
		})
	}
	list := kernel.NewPaged[SessionInfo](p, len(open))
	from := min(int(list.Offset()), len(open))
	list.Items = append(list.Items, open[from:min(from+list.PerPage, len(open))]...)
	return list, nil
}

func endOwnSession(c *kernel.Call, _ kernel.Nothing) (kernel.Nothing, error) {
	kept, err := ownKept(c)
	if err != nil {
		return kernel.Nothing{}, err
	}
	return kernel.Nothing{}, kept.endOne(c.App, c.Auth.Id, c.Request.PathValue("id"))
}

// endOne answers kernel.ErrNotFound for another account's session, too.
func (s *sessions) endOne(tx core.App, account, id string) error {
	r, err := tx.FindRecordById(s.collection, id)
	if errors.Is(err, sql.ErrNoRows) || (err == nil && r.GetString(s.owner) != account) {
		return kernel.ErrNotFound
	}
	if err != nil {
		return err
	}
	return tx.Delete(r)
}

// endAll makes every token of the account void; the sessions end with them.
func endAll(c *kernel.Call, account *core.Record) error {
	account.RefreshTokenKey()
	kernel.SetActor(account, c.Auth.Id)
	return c.App.Save(account)
}

// deviceOf names browser and system of a User-Agent, or begins with what it says of itself.
// Each browser also names those that it wants to be taken for, so the order counts.
func deviceOf(agent string) string {
	first := func(names ...[2]string) string {
		for _, n := range names {
			if strings.Contains(agent, n[0]) {
				return n[1]
			}
		}
		return ""
	}
	browser := first([2]string{"Edg", "Edge"}, [2]string{"OPR/", "Opera"}, [2]string{"Firefox", "Firefox"}, [2]string{"Chrome", "Chrome"}, [2]string{"CriOS", "Chrome"}, [2]string{"Safari", "Safari"})
	system := first([2]string{"Android", "Android"}, [2]string{"iPhone", "iPhone"}, [2]string{"iPad", "iPad"}, [2]string{"Windows", "Windows"}, [2]string{"Mac OS", "macOS"}, [2]string{"Linux", "Linux"})
	switch {
	case browser != "" && system != "":
		return browser + " on " + system
	case browser+system != "":
		return browser + system
	case agent == "":
		return "unknown"
	}
	name, _, _ := strings.Cut(agent, " ")
	return firstRunes(name, 60)
}
