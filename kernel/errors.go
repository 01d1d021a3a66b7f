package kernel

import (
	"database/sql"
	"errors"
	"net/http"
	"strings"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/tools/router"
)

// Error is a failure the caller can act on. Everything else is a fault: it is
// logged with the request id and shown to nobody.
type Error struct {
	Status int    // HTTP status
	Code   string // stable, snake_case, part of the API: "slot_taken"
	Text   string // one English sentence
	Field  string // the input field at fault, "" when none is
}

func (e *Error) Error() string { return e.Code + ": " + e.Text }

// Fail declares an error once, at package level, so that routes can list it and docs print it.
func Fail(status int, code, text string) *Error {
	return &Error{Status: status, Code: code, Text: text}
}

// At returns a copy that blames field.
func (e *Error) At(field string) *Error { c := *e; c.Field = field; return &c }

// Saying returns a copy with another sentence, for errors that name what stands in the way.
func (e *Error) Saying(text string) *Error { c := *e; c.Text = text; return &c }

// Is reports whether target is an Error with the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// noField is where an answer has an error that blames no field.
const noField = "error"

// As lets PocketBase's own handlers find the API form, so a domain error keeps
// its status and code even when a record hook returns it below a CRUD route.
func (e *Error) As(target any) bool {
	p, ok := target.(**router.ApiError)
	if !ok {
		return false
	}
	key := e.Field
	if key == "" {
		key = noField
	}
	*p = router.NewApiError(e.Status, e.Text, map[string]router.SafeErrorItem{key: safeItem{e.Code, e.Text}})
	return true
}

type safeItem struct{ code, text string }

func (s safeItem) Code() string  { return s.code }
func (s safeItem) Error() string { return s.text }

// Invalid is several Errors of one input, reported together with status 400.
type Invalid []*Error

func (v Invalid) Error() string {
	var parts []string
	for _, e := range v {
		parts = append(parts, e.Field+": "+e.Text)
	}
	return strings.Join(parts, "; ")
}

// As is Error.As for all fields at once.
func (v Invalid) As(target any) bool {
	p, ok := target.(**router.ApiError)
	if !ok {
		return false
	}
	data := map[string]router.SafeErrorItem{}
	for _, e := range v {
		data[e.Field] = safeItem{e.Code, e.Text}
	}
	*p = router.NewApiError(http.StatusBadRequest, "Some fields are not valid.", data)
	return true
}

// OrNil returns nil when there is nothing to report; use it to return from Validate.
func (v Invalid) OrNil() error {
	if len(v) == 0 {
		return nil
	}
	return v
}

// Bad is shorthand for one invalid field.
func Bad(field, code, text string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: code, Text: text, Field: field}
}

// Required says that a field is missing, in PocketBase's words.
func Required(field string) *Error { return Bad(field, "validation_required", "Cannot be blank.") }

// sqlMark starts the text of every error that our triggers raise.
const sqlMark = "polyclinic:"

// RaiseSQL returns the SQL that makes a trigger refuse the write with e, blaming e.Field.
// The module lists e in Errors; the caller then gets e whatever path the write came by.
func (e *Error) RaiseSQL() string {
	return "RAISE(ABORT, '" + sqlMark + e.Code + ":" + e.Field + "')"
}

// FromSQL returns the declared error that one of our triggers raised, or err itself.
func (k *Kernel) FromSQL(err error) error {
	if err == nil {
		return nil
	}
	_, text, found := strings.Cut(err.Error(), sqlMark)
	if !found {
		return err
	}
	code, field, _ := strings.Cut(text, ":")
	field, _, _ = strings.Cut(field, " ")
	if e := k.raised[code]; e != nil {
		return e.At(field)
	}
	return err
}

// toAPI shapes any error as PocketBase's {status, message, data} so SDKs need no second parser.
func (k *Kernel) toAPI(err error) (api *router.ApiError, fault bool) {
	if full := StorageError(err); full != nil {
		err = full
	}
	err = k.FromSQL(err)
	if errors.As(err, &api) {
		return api, false
	}
	// What PocketBase's own validation says of a record that a route saved.
	var fields validation.Errors
	if errors.As(err, &fields) {
		return router.NewBadRequestError("Some fields are not valid.", fields), false
	}
	if errors.Is(err, sql.ErrNoRows) {
		errors.As(ErrNotFound, &api)
		return api, false
	}
	return router.NewInternalServerError("", nil), true
}

// Errors that the platform itself answers, on every route.
var (
	ErrSignIn      = Fail(http.StatusUnauthorized, "sign_in_required", "Sign in first.")
	ErrForbidden   = Fail(http.StatusForbidden, "not_allowed", "You may not do this.")
	ErrNotFound    = Fail(http.StatusNotFound, "not_found", "No such record.")
	ErrBadInput    = Fail(http.StatusBadRequest, "bad_input", "The request could not be read.")
	ErrServerSet   = Fail(http.StatusBadRequest, "server_set", "Only the server sets this field.")
	ErrCounter     = Fail(http.StatusBadRequest, "counter_not_allowed", "This field is not counted up or down: send its value, or use the route that changes it.")
	ErrCreateOnly  = Fail(http.StatusBadRequest, "create_only", "This field cannot be changed afterwards.")
	ErrStale       = Fail(http.StatusConflict, "stale", "Somebody changed this record meanwhile. Load it again.")
	ErrNotWritable = Fail(http.StatusForbidden, "field_not_allowed", "You may not change this field.")
	ErrQuery       = Fail(http.StatusBadRequest, "query_not_allowed", "The query names something that cannot be queried.")
	ErrKeyReused   = Fail(http.StatusConflict, "idempotency_key_reused", "This Idempotency-Key was used with another request.")
	ErrKeyBusy     = Fail(http.StatusConflict, "idempotency_in_progress", "The first request with this Idempotency-Key was carried out or is under way, and its answer is not to be had.")
	ErrCharacters  = Fail(http.StatusBadRequest, "invalid_characters", "May not hold control characters or invisible signs.")
	ErrTooLarge    = Fail(http.StatusRequestEntityTooLarge, "too_large", "The request body is too large.")
)

// APIError shapes an error that a middleware or hook answers with.
func (k *Kernel) APIError(err error) error {
	api, _ := k.toAPI(err)
	return api
}

// StatusOf returns the HTTP status that err is answered with.
func (k *Kernel) StatusOf(err error) int {
	api, _ := k.toAPI(err)
	return api.Status
}
