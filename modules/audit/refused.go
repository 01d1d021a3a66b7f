package audit

import (
	"errors"
	"net/http"
	"slices"
	"strings"

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
		return (byID || a.event.HasSuperuserAuth()) && t.crowd.admits(a, "refused")
	}
	return status >= http.StatusInternalServerError && a.event.Auth != nil
}

// attempts are the codes by which the guards of queries and of fields refuse: somebody asks
// about what is not shown, or sets what is not theirs to set. A value that is wrong, or a
// slot that is taken, is no attempt.
var attempts = []string{
	kernel.ErrQuery.Code, "validation_invalid_filter", kernel.ErrServerSet.Code, kernel.ErrCreateOnly.Code, kernel.ErrCounter.Code,
	"restricted", // a patient's data are not to be used
}

// isAttempt looks into an answer, and into those that a batch has of its requests.
func isAttempt(err error) bool {
	api, ok := errors.AsType[*router.ApiError](err)
	return ok && hasAttempt(api.Data)
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
			if hasAttempt(v.Data) {
				return true
			}
		}
	}
	return false
}
