package audit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
	"github.com/polyclinic-os/polyclinic/modules/exchange/exchangeapi"
)

// Found is one entry as the search shows it.
type Found struct {
	Seq      int64          `json:"seq" doc:"number in the trail"`
	Hash     string         `json:"hash" doc:"what ties the next entry to this one"`
	At       string         `json:"at"`
	Actor    string         `json:"actor" doc:"collection/id, guest, system, or command and its name"`
	Name     string         `json:"actorName" doc:"of the account today, empty when it is gone"`
	Role     string         `json:"role" doc:"at that time"`
	Action   string         `json:"action" doc:"read, read-file, read-live, create, update, delete, do, sign-in, sign-out, break-glass, export…"`
	Target   string         `json:"target" doc:"route or collection"`
	Outcome  string         `json:"outcome" doc:"ok, refused or failed"`
	Status   int            `json:"status" doc:"of a refusal"`
	Why      string         `json:"why" doc:"the reason that was given, while it is kept"`
	Marks    []string       `json:"marks"`
	Marked   chain.Marked   `json:"marked" doc:"by mark the patients whom it is about, where that is not all of them"`
	Patients []string       `json:"patients"`
	Items    []string       `json:"items" doc:"collection/id"`
	Fields   []string       `json:"fields" doc:"that were changed"`
	Before   map[string]any `json:"before" doc:"values, null where none are kept"`
	After    map[string]any `json:"after"`
	Address  string         `json:"address"`
	Session  string         `json:"session"`
	Request  string         `json:"request" doc:"the answer's X-Request-Id"`
	Count    int            `json:"count" doc:"how many, where they are not named"`
}

// found decodes rows, with the names of the accounts and the values that are kept.
func (t *trail) found(app core.App, rows []chain.Row) ([]Found, error) {
	list := make([]Found, 0, len(rows))
	entries := make([]chain.Entry, 0, len(rows))
	var writes []any
	for _, r := range rows {
		e, err := r.Entry()
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
		if e.Diff != "" {
			writes = append(writes, e.Write)
		}
	}
	kept, err := diffs(app, writes)
	if err != nil {
		return nil, err
	}
	names, err := namesOf(app, entries)
	if err != nil {
		return nil, err
	}
	for i, e := range entries {
		f := Found{
			Seq: rows[i].Seq, Hash: rows[i].Hash.String(), At: e.At, Actor: e.Actor, Name: names[e.Actor], Role: e.Role, Action: e.Action,
			Target: e.Target, Outcome: e.Outcome, Status: e.Status, Why: e.Why, Marks: some(e.Marks), Marked: e.Marked, Patients: some(e.Patients), Items: some(e.Items),
			Fields: some(e.Fields), Address: e.Address, Session: e.Session, Request: e.Request, Count: e.Count,
		}
		if f.Marked == nil {
			f.Marked = chain.Marked{}
		}
		if k, ok := kept[e.Write]; ok && e.Diff != "" && sealed(k.Salt, k.Diff) == e.Diff { // whatever the epoch: it is what the entry means
			var d diff
			if err := json.Unmarshal([]byte(k.Diff), &d); err != nil {
				return nil, err
			}
			f.Before, f.After = d.Before, d.After
			if d.Why != "" {
				f.Why = d.Why
			}
		}
		list = append(list, f)
	}
	return list, nil
}

// some makes an empty list of none, for JSON.
func some(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

type keptDiff struct {
	ID   int64  `db:"id"`
	Salt string `db:"salt"`
	Diff string `db:"diff"`
}

// diffs returns the kept values of writes, by number.
func diffs(app core.App, ids []any) (map[int64]keptDiff, error) {
	found := map[int64]keptDiff{}
	for part := range slices.Chunk(ids, 500) {
		var rows []keptDiff
		err := app.DB().Select("id", "salt", "diff").From("audit_writes").Where(dbx.In("id", part...)).AndWhere(dbx.NewExp("diff IS NOT NULL")).All(&rows)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			found[r.ID] = r
		}
	}
	return found, nil
}

// namesOf returns the present names of the accounts that acted.
func namesOf(app core.App, entries []chain.Entry) (map[string]string, error) {
	var ids []any
	for _, e := range entries {
		if id, ok := strings.CutPrefix(e.Actor, kernel.AccountsCollection+"/"); ok && !slices.Contains(ids, any(id)) {
			ids = append(ids, id)
		}
	}
	names := map[string]string{}
	for part := range slices.Chunk(ids, 500) {
		var rows []struct {
			ID   string `db:"id"`
			Name string `db:"name"`
		}
		if err := app.DB().Select("id", "name").From(kernel.AccountsCollection).Where(dbx.In("id", part...)).All(&rows); err != nil {
			return nil, err
		}
		for _, r := range rows {
			names[kernel.AccountsCollection+"/"+r.ID] = r.Name
		}
	}
	return names, nil
}

// days turns calendar days of the clinic into the instants between which they lie.
func days(app core.App, from, to string) (begin, end string, err error) {
	settings, err := clinicapi.Current(app)
	if err != nil {
		return "", "", err
	}
	var bad kernel.Invalid
	instant := func(field, day string, add int) string {
		if day == "" {
			return ""
		}
		d, ok := clinicapi.ParseDay(day)
		if !ok {
			bad = append(bad, kernel.Bad(field, "validation_invalid_date", "Must be a day, YYYY-MM-DD."))
			return ""
		}
		at, _ := settings.At(d.AddDate(0, 0, add).Format(time.DateOnly), 0)
		return at.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	begin, end = instant("from", from, 0), instant("to", to, 1)
	if len(bad) == 0 && from != "" && to != "" && to < from {
		bad = append(bad, kernel.Bad("to", "validation_invalid_range", "Must not be before from."))
	}
	return begin, end, bad.OrNil()
}

// sheet returns entries as the lines of a CSV file. Values that a spreadsheet would run as
// a formula begin with an apostrophe.
func sheet(list []Found) [][]string {
	lines := [][]string{{"seq", "at", "actor", "name", "role", "action", "target", "outcome", "status", "why", "marks", "patients", "items", "fields", "address", "request", "count", "hash", "session", "marked", "before", "after"}}
	for _, f := range list {
		line := []string{
			fmt.Sprint(f.Seq), f.At, f.Actor, f.Name, f.Role, f.Action, f.Target, f.Outcome, strconv.Itoa(f.Status), f.Why, strings.Join(f.Marks, " "),
			strings.Join(f.Patients, " "), strings.Join(f.Items, " "), strings.Join(f.Fields, " "), f.Address, f.Request, strconv.Itoa(f.Count), f.Hash,
			f.Session, asJSON(len(f.Marked), f.Marked), asJSON(len(f.Before), f.Before), asJSON(len(f.After), f.After),
		}
		for i, v := range line {
			line[i] = exchangeapi.Guard(v)
		}
		lines = append(lines, line)
	}
	return lines
}

// asJSON is what a cell holds of n values, nothing of none.
func asJSON(n int, v any) string {
	raw, err := json.Marshal(v)
	if n == 0 || err != nil {
		return ""
	}
	return string(raw)
}
