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
		Method: "GET", Path: "/api/auth/sessions", Allow: kernel.SignedIn(), Summary: "List where the own account is signed in", Errors: []*kernel.Error{errSuperuser},
	}, ownSessions),
	kernel.Op(kernel.Route{
		Method: "DELETE", Path: "/api/auth/sessions/{id}", Allow: kernel.SignedIn(), Summary: "Sign out of one session", Errors: []*kernel.Error{errSuperuser},
	}, endOwnSession),
	kernel.Op(kernel.Route{
		Method: "GET", Path: "/api/users/{id}/sessions", Allow: kernel.Allow(authapi.Admin.Always()), Record: "users", Summary: "List where an account is signed in",
	}, func(c *kernel.Call, p kernel.Page) (kernel.Paged[SessionInfo], error) {
		return sessionsOf(c, c.Record.Id, p)
	}),
	kernel.Op(kernel.Route{
		Method: "DELETE", Path: "/api/users/{id}/sessions", Allow: kernel.Allow(authapi.Admin.Always()), Record: "users", Summary: "Sign an account out everywhere",
	}, func(c *kernel.Call, _ kernel.Nothing) (kernel.Nothing, error) {
		return kernel.Nothing{}, endAll(c, c.Record)
	}),
	kernel.Op(kernel.Route{
		Method: "DELETE", Path: "/api/users/{id}/sessions/{session}", Allow: kernel.Allow(authapi.Admin.Always()), Record: "users", Summary: "Sign an account out of one session",
	}, func(c *kernel.Call, _ kernel.Nothing) (kernel.Nothing, error) {
		return kernel.Nothing{}, endOne(c.App, c.Record.Id, c.Request.PathValue("session"))
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
	SecondFactor bool   `json:"secondFactor"`
	Current      bool   `json:"current" doc:"the one that asks"`
}

func ownSessions(c *kernel.Call, p kernel.Page) (kernel.Paged[SessionInfo], error) {
	if c.Auth.IsSuperuser() {
		return kernel.Paged[SessionInfo]{}, errSuperuser
	}
	return sessionsOf(c, c.Auth.Id, p)
}

// sessionsOf lists the sessions that a token can still be used in, newest first.
func sessionsOf(c *kernel.Call, account string, p kernel.Page) (kernel.Paged[SessionInfo], error) {
	rows, err := c.App.FindRecordsByFilter("sessions", "userId = {:user}", "-created", 0, 0, dbx.Params{"user": account})
	if err != nil {
		return kernel.Paged[SessionInfo]{}, err
	}
	known, now := of(c.App).sessions, time.Now()
	var open []SessionInfo
	for _, r := range rows {
		v, alive := known.alive(c.App, r.Id, account, now)
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
	if c.Auth.IsSuperuser() {
		return kernel.Nothing{}, errSuperuser
	}
	return kernel.Nothing{}, endOne(c.App, c.Auth.Id, c.Request.PathValue("id"))
}

// endOne answers kernel.ErrNotFound for another account's session, too.
func endOne(tx core.App, account, id string) error {
	r, err := tx.FindRecordById("sessions", id)
	if errors.Is(err, sql.ErrNoRows) || (err == nil && r.GetString("userId") != account) {
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
