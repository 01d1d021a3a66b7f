package audit

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/auditapi"
	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

var own = kernel.Rule{Name: "own", Filter: "userId = @request.auth.id"}

var accessLogRoute = kernel.Op(kernel.Route{
	Method: http.MethodGet, Path: "/api/patients/{id}/access-log", Record: patientsCollection, Deleted: true,
	Allow:   kernel.Allow(authapi.Admin.Always(), authapi.Patient.When(own)),
	Summary: "Show who looked at a patient's data, changed it or tried to",
}, accessLog)

var searchRoute = kernel.Op(kernel.Route{
	Method: http.MethodGet, Path: "/api/audit", Allow: kernel.Allow(authapi.Admin.Always()), Raw: "text/csv",
	Summary: "Search the audit trail", Errors: []*kernel.Error{errTooMany},
}, searchTrail)

var errTooMany = kernel.Fail(http.StatusBadRequest, "too_many", "Too many entries for one file: choose fewer days, or use polyclinic audit export.")

// maxSheet is how many entries one CSV holds.
const maxSheet = 50_000

// Access is one look at a patient's data as the patient sees it: nothing of other patients,
// whom the same list may have shown.
type Access struct {
	At      string   `json:"at"`
	Who     string   `json:"who" doc:"name of the account, or what it was that did it"`
	Role    string   `json:"role"`
	Own     bool     `json:"own" doc:"whether it was the patient"`
	Action  string   `json:"action" doc:"read, create, update, delete, export, break-glass…"`
	What    []string `json:"what" doc:"kinds of records, such as appointments"`
	Outcome string   `json:"outcome"`
	Why     string   `json:"why" doc:"the reason that was given"`
	Marks   []string `json:"marks" doc:"outside-care, break-glass"`
}

// AccessQuery is a page of an access log.
type AccessQuery struct {
	Page    int    `query:"page" doc:"1 is the first"`
	PerPage int    `query:"perPage" doc:"30 by default, 200 at most"`
	From    string `query:"from" doc:"first day, YYYY-MM-DD"`
	To      string `query:"to" doc:"last day"`

	SkipTotal bool `query:"skipTotal" doc:"true: totalItems and totalPages are -1"`
}

func accessLog(c *kernel.Call, in AccessQuery) (kernel.Paged[Access], error) {
	t := of(c.App)
	var none kernel.Paged[Access]
	q := search{patient: c.Record.Id}
	var err error
	if q.from, q.to, err = days(c.App, in.From, in.To); err != nil {
		return none, err
	}
	page := kernel.NewPaged[Access](kernel.Page{Page: in.Page, PerPage: in.PerPage}, 0)
	total, rows, err := t.look(q, page.Offset(), int64(page.PerPage))
	if err != nil {
		return none, err
	}
	list, err := t.found(c.App, rows)
	if err != nil {
		return none, err
	}
	page = kernel.NewPaged[Access](kernel.Page{Page: in.Page, PerPage: in.PerPage, SkipTotal: in.SkipTotal}, total)
	account := kernel.AccountsCollection + "/" + c.Record.GetString("userId")
	for _, f := range list {
		page.Items = append(page.Items, Access{
			At: f.At, Who: whoText(f), Role: f.Role, Own: f.Actor == account, Action: f.Action, What: kinds(f.Items),
			Outcome: f.Outcome, Why: f.Why, Marks: marksOf(f, c.Record.Id),
		})
	}
	return page, nil
}

// marksOf returns the marks of an entry that are about the patient.
func marksOf(f Found, patient string) []string {
	return slices.DeleteFunc(f.Marks, func(mark string) bool {
		about, limited := f.Marked[mark]
		return limited && !slices.Contains(about, patient)
	})
}

// look copies what waits, so that a search finds what was done a moment ago.
func (t *trail) look(q search, offset, limit int64) (int, []chain.Row, error) {
	if _, err := t.drain(); err != nil {
		return 0, nil, errNoTrail
	}
	return t.index.find(q, offset, limit)
}

func whoText(f Found) string {
	switch {
	case f.Name != "":
		return f.Name
	case f.Role == "superuser":
		return "technical administrator"
	case strings.Contains(f.Actor, "/"):
		return "an account that is gone"
	}
	return f.Actor
}

// kinds returns the collections of records.
func kinds(items []string) []string {
	list := []string{}
	for _, i := range items {
		collection, _, _ := strings.Cut(i, "/")
		if !slices.Contains(list, collection) {
			list = append(list, collection)
		}
	}
	return list
}

// AuditQuery is a search of the trail.
type AuditQuery struct {
	Page    int    `query:"page" doc:"1 is the first"`
	PerPage int    `query:"perPage" doc:"30 by default, 200 at most"`
	Actor   string `query:"actor" doc:"id of an account, or guest, system, or an actor as entries have it"`
	Patient string `query:"patient" doc:"id of a patient"`
	Action  string `query:"action" doc:"such as read, update, sign-in, break-glass"`
	Outcome string `query:"outcome" doc:"ok, refused or failed"`
	Mark    string `query:"mark" doc:"outside-care, break-glass, second-factor-asked"`
	From    string `query:"from" doc:"first day, YYYY-MM-DD"`
	To      string `query:"to" doc:"last day"`
	Format  string `query:"format" doc:"json (default) or csv, which has all pages"`

	SkipTotal bool `query:"skipTotal" doc:"true: totalItems and totalPages are -1"`
}

// Validate knows the formats and outcomes, and what ids and actors look like.
func (in AuditQuery) Validate() error {
	var bad kernel.Invalid
	if !slices.Contains([]string{"", "json", "csv"}, in.Format) {
		bad = append(bad, kernel.Bad("format", "validation_invalid_format", "Must be json or csv."))
	}
	if !slices.Contains([]string{"", "ok", "refused", "failed"}, in.Outcome) {
		bad = append(bad, kernel.Bad("outcome", "validation_invalid_outcome", "Must be ok, refused or failed."))
	}
	if in.Patient != "" && !reID.MatchString(in.Patient) {
		bad = append(bad, kernel.Bad("patient", "validation_invalid_id", "Must be the id of a patient."))
	}
	if in.Actor != "" && !reID.MatchString(in.Actor) && !reActor.MatchString(in.Actor) {
		bad = append(bad, kernel.Bad("actor", "validation_invalid_actor", "Must be the id of an account, guest, system, or an actor as entries have it."))
	}
	return bad.OrNil()
}

// Complete is kernel.Completer.
func (in AuditQuery) Complete(c *kernel.Call) error { return of(c.App).known(in) }

// actions and marks may be searched for before there is one. Of others, such as those of a
// module from elsewhere, there must be an entry.
var (
	actions = []string{
		"read", "read-file", "read-live", "subscribe", "create", "update", "delete", "do", "write",
		"sign-in", "sign-out", "refresh", "password-reset", "sign-in-alarm",
		"create-collection", "update-collection", "delete-collection", "update-settings",
		"break-glass", "restrict", "unrestrict", "erase", actionForget, "export", "backup", "search-trail",
		"start", "stop", actionRestored, actionLost, chain.ArchiveAction,
	}
	marks = []string{auditapi.OutsideCare, auditapi.BreakGlass, "second-factor-asked", "export", "guesses"}
)

// known refuses an action or a mark that no entry has and none will have.
func (t *trail) known(in AuditQuery) error {
	var bad kernel.Invalid
	for _, of := range []struct {
		field, value string
		list         []string
	}{{"action", in.Action, actions}, {"mark", in.Mark, marks}} {
		if of.value == "" || slices.Contains(of.list, of.value) {
			continue
		}
		there, err := t.index.has(of.field, of.value)
		if err != nil {
			return err
		}
		if !there {
			bad = append(bad, kernel.Bad(of.field, "validation_unknown_"+of.field, "No entry has this "+of.field+"."))
		}
	}
	return bad.OrNil()
}

func searchTrail(c *kernel.Call, in AuditQuery) (kernel.Paged[Found], error) {
	t := of(c.App)
	var none kernel.Paged[Found]
	if err := t.known(in); err != nil {
		return none, err
	}
	q := search{actor: in.Actor, patient: in.Patient, action: in.Action, outcome: in.Outcome, mark: in.Mark}
	if reID.MatchString(in.Actor) {
		q.actor = kernel.AccountsCollection + "/" + in.Actor
	}
	var err error
	if q.from, q.to, err = days(c.App, in.From, in.To); err != nil {
		return none, err
	}
	if a := t.askedBy(c.RequestEvent); a != nil {
		a.mu.Lock()
		a.action = "search-trail"
		if in.Patient != "" {
			a.patients = append(a.patients, in.Patient)
		}
		a.mu.Unlock()
	}
	page := kernel.NewPaged[Found](kernel.Page{Page: in.Page, PerPage: in.PerPage}, 0)
	offset, limit := page.Offset(), int64(page.PerPage)
	if in.Format == "csv" {
		auditapi.Mark(c.RequestEvent, "export")
		offset, limit = 0, maxSheet
	}
	total, rows, err := t.look(q, offset, limit)
	if err != nil {
		return none, err
	}
	if in.Format == "csv" && total > maxSheet {
		return none, errTooMany.At("to")
	}
	list, err := t.found(c.App, rows)
	if err != nil {
		return none, err
	}
	page = kernel.NewPaged[Found](kernel.Page{Page: in.Page, PerPage: in.PerPage, SkipTotal: in.SkipTotal}, total)
	page.Items = list
	sawValues(c.RequestEvent, list)
	if in.Format != "csv" {
		return page, nil
	}
	var out bytes.Buffer
	if err := csv.NewWriter(&out).WriteAll(sheet(list)); err != nil {
		return none, err
	}
	c.Response.Header().Set("Content-Disposition", `attachment; filename="audit.csv"`)
	return none, c.Blob(http.StatusOK, "text/csv; charset=utf-8", out.Bytes())
}

// sawValues notes whose values are shown, which is more than that there is an entry.
func sawValues(e *core.RequestEvent, list []Found) {
	for _, f := range list {
		if f.Before == nil && f.After == nil {
			continue
		}
		for _, id := range f.Patients {
			auditapi.Saw(e, patientsCollection+"/"+id)
		}
	}
}

var (
	// reID matches ids of PocketBase's own making, and the cast's.
	reID    = regexp.MustCompile(`^[a-z0-9]{15}$`)
	reActor = regexp.MustCompile(`^(guest|system|command( [a-z-]+){0,2}|\w+/[a-z0-9]{15})$`)
)
