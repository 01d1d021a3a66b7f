package audit

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// refused reports whether an answer of that status is an attempt that reviewers look for:
// no session, no right, not there, too many, or what the guards are for.
func (t *trail) refused(a *asked, status int) bool {
	r := a.event.Request
	if a.action != "" || a.tried {
		return t.crowd.admits(a, "refused")
	}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		return t.crowd.admits(a, "refused")
	case http.StatusNotFound:
		// A path that is none says nothing. One with an id may be somebody trying others'.
		byID := r.PathValue("id") != "" || r.PathValue("collection") != "" || t.isScript(r.Pattern) && strings.Contains(r.Pattern, "{")
		return (byID || a.event.HasSuperuserAuth() || slices.Contains(closedRoutes, r.Pattern)) && t.crowd.admits(a, "refused")
	}
	return status >= http.StatusInternalServerError && a.event.Auth != nil
}

// closedRoutes are tools of PocketBase's that are there for nobody: who asks for one knows what
// it would do.
var closedRoutes = []string{"POST /api/sql", "POST /api/backups/upload", "POST /api/backups/{key}/restore"}

// attempts are the codes by which the guards of queries and of fields refuse: somebody asks
// about what is not shown, or sets what is not theirs to set. A value that is wrong, or a
// slot that is taken, is no attempt.
var attempts = []string{
	kernel.ErrQuery.Code, "validation_invalid_filter", kernel.ErrServerSet.Code, kernel.ErrCreateOnly.Code, kernel.ErrCounter.Code,
	"restricted", // a patient's data are not to be used
}

// errByRule is PocketBase's word for a record that the collection's rule does not let the
// account make; what it answers says no more than that it failed.
const errByRule = "create rule failure"

// isAttempt reports whether an error is one, or holds that of a request in a batch which by
// itself would leave an entry.
func isAttempt(api *router.ApiError) bool {
	if err, ok := api.RawData().(error); ok && strings.HasPrefix(err.Error(), errByRule) {
		return true
	}
	return hasAttempt(api.Data)
}

func hasAttempt(data map[string]any) bool {
	for _, v := range data {
		switch v := v.(type) {
		case map[string]any:
			code, _ := v["code"].(string)
			if slices.Contains(attempts, code) || hasAttempt(v) {
				return true
			}
		case *router.ApiError:
			switch v.Status {
			case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusTooManyRequests:
				return true
			}
			if isAttempt(v) {
				return true
			}
		}
	}
	return false
}

// failed notes that a request is refused, and what it was about where the path does not say
// it: the record of the request in a batch, the patient of a record that was not made.
func (t *trail) failed(a *asked, err error) {
	api, ok := errors.AsType[*router.ApiError](t.k.APIError(err))
	if !ok {
		return
	}
	attempt := isAttempt(api)
	if !attempt && api.Status != http.StatusForbidden { // that has an entry as it is
		return
	}
	if attempt {
		a.Try()
	}
	r := a.event.Request
	if requests, ok := api.Data["requests"].(map[string]any); ok {
		for n, inner := range a.batch {
			if requests[strconv.Itoa(n)] != nil {
				a.wanted(t.inBatch(inner)...)
			}
		}
		return
	}
	info, err := a.event.RequestInfo()
	if err == nil && r.Method == http.MethodPost && r.PathValue("id") == "" && r.PathValue("collection") != "" {
		a.wanted(t.unmade(r.PathValue("collection"), info.Body)...)
	}
}

// reRecords is what a request in a batch asks for.
var reRecords = regexp.MustCompile(`^/api/collections/([^/?]+)/records(?:/([^/?]+))?`)

func (t *trail) inBatch(r *core.InternalRequest) []item {
	m := reRecords.FindStringSubmatch(r.URL)
	if m == nil {
		return nil
	}
	if m[2] == "" {
		return t.unmade(m[1], r.Body)
	}
	return t.stored(m[1], m[2])
}

// unmade is a record that was to be made. It has no id, and its patient may be anything.
func (t *trail) unmade(collection string, body map[string]any) []item {
	c, err := t.k.App.FindCachedCollectionByNameOrId(collection)
	if err != nil || slices.Contains(withoutPatients, c.Name) {
		return nil
	}
	r := core.NewRecord(c)
	r.Load(body)
	i := t.about.item(t.k.App, r)
	i.id = ""
	return []item{i}
}

// wanted notes what a request tried to do something with.
func (a *asked) wanted(items ...item) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wants = append(a.wants, items...)
}

// triedWith returns the patients of what was tried, as far as there are such: what a request
// says of a record that was not made may be any text.
func (t *trail) triedWith(a *asked) (ids []string, err error) {
	wanted, err := t.about.patients(t.k.App, a.wants)
	if err != nil || len(wanted) == 0 {
		return nil, err
	}
	of := make([]any, len(wanted))
	for i, id := range wanted {
		of[i] = id
	}
	err = t.k.App.DB().Select("id").From(patientsCollection).Where(dbx.In("id", of...)).Column(&ids)
	return ids, err
}
