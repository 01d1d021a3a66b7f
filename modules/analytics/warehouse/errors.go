package warehouse

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// What can be wrong. Every error of this package is an *Error of one of these kinds, with a
// sentence for the person who must act; none says a password, nor anything of a row.
var (
	ErrURL         = errors.New("the analytics URL cannot be read")
	ErrUnreachable = errors.New("the analytics database cannot be reached")
	ErrRights      = errors.New("the analytics database refuses the role")
	ErrVersion     = errors.New("the analytics database is of no version that does")
	ErrFull        = errors.New("the analytics database is full")
	ErrBusy        = errors.New("the analytics database is too busy")
	ErrSchema      = errors.New("the analytics schema is not as declared")
	ErrInUse       = errors.New("the site is shipped by another process")
	ErrFenced      = errors.New("the site was moved by another process")
	ErrData        = errors.New("the analytics database refuses a value")
	ErrInternal    = errors.New("the analytics database answered with an error")
)

// Error is what went wrong, in a sentence.
type Error struct {
	Kind  error  // one of the above
	State string // the SQLSTATE, where the database gave one
	Text  string

	conflict bool // the same again may well succeed
	reason   string
}

func (e *Error) Error() string { return e.Text }

// Unwrap makes errors.Is find the kind.
func (e *Error) Unwrap() error { return e.Kind }

// IsLost reports whether the connection is gone or may be: Open another.
func (w *Warehouse) IsLost(err error) bool {
	return w.conn.IsClosed() || errors.Is(err, ErrUnreachable)
}

// Retryable reports whether waiting may heal what went wrong. Otherwise somebody must act
// first; trying again now and then is how their act is noticed.
func Retryable(err error) bool {
	for _, kind := range []error{ErrUnreachable, ErrFull, ErrBusy, ErrFenced} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// explain makes an Error of what pgx returned.
func (w *Warehouse) explain(err error) error {
	var known *Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	var state *pgconn.PgError
	if errors.As(err, &state) {
		return w.ofState(state)
	}
	why := "the connection broke"
	switch {
	case errors.Is(err, context.Canceled):
		why = "stopped while waiting for it"
	case errors.Is(err, context.DeadlineExceeded) || pgconn.Timeout(err):
		why = "it did not answer in time"
	case strings.Contains(err.Error(), "tls"), strings.Contains(err.Error(), "x509"), strings.Contains(err.Error(), "certificate"):
		why = "its TLS does not fit the URL's sslmode"
	case strings.Contains(err.Error(), "refused"):
		why = "the connection is refused"
	case strings.Contains(err.Error(), "no such host"):
		why = "the host's name is not known"
	case strings.Contains(err.Error(), "invalid body length"), strings.Contains(err.Error(), "unexpected message"), strings.Contains(err.Error(), "unknown message"):
		return &Error{Kind: ErrVersion, Text: "what answers at " + w.target.host + " does not speak PostgreSQL's language"}
	}
	return &Error{Kind: ErrUnreachable, Text: "the analytics database at " + w.target.host + " cannot be reached: " + why}
}

// ofState sorts the database's own errors. Messages of the database are not passed on:
// they may hold values of a row.
func (w *Warehouse) ofState(e *pgconn.PgError) error {
	out := &Error{State: e.Code, Kind: ErrInternal, reason: reason(e)}
	at := "the analytics database at " + w.target.host
	class := e.Code[:min(2, len(e.Code))]
	switch {
	case e.Code == "28P01" || e.Code == "28000":
		out.Kind, out.Text = ErrRights, at+" refuses the role "+w.target.role+": check the URL's role and password, and the server's pg_hba.conf"
	case e.Code == "3D000":
		out.Kind, out.Text = ErrRights, at+" has no database "+w.target.database+": CREATE DATABASE "+w.target.database+", or correct the URL"
	case e.Code == "42501":
		out.Kind, out.Text = ErrRights, w.grants()
	case e.Code == "53100":
		out.Kind, out.Text = ErrFull, at+" has no room left on its disk: make room; the clinic goes on, and its changes wait here"
	case e.Code == "25006":
		out.Kind, out.Text = ErrUnreachable, at+" takes no writes now: it is a standby or was set to read-only"
	case e.Code == "3F000" || e.Code == "42P01" || e.Code == "42703" || e.Code == "42804" || e.Code == "42P10":
		out.Kind, out.Text = ErrSchema, at+" lacks a table, column or key that is declared, or has it with another type: `polyclinic analytics schema` prints what must be there"
	case e.Code == "40001" || e.Code == "40P01" || e.Code == "55P03" || e.Code == "57014" || e.Code == "25P03":
		out.Kind, out.Text, out.conflict = ErrBusy, at+" could not do it now: "+reason(e), e.Code == "40001" || e.Code == "40P01"
	case e.Code == "53300":
		out.Kind, out.Text = ErrUnreachable, at+" takes no more connections: raise max_connections or put a pooler in front"
	case class == "57" || class == "08":
		out.Kind, out.Text = ErrUnreachable, at+" is stopping or starting"
	case class == "53":
		out.Kind, out.Text = ErrBusy, at+" is short of memory or another resource"
	case class == "22" || class == "23" || class == "54" || e.Code == "21000" || e.Code == "P0001" || e.Code == "44000":
		out.Kind, out.Text = ErrData, at+" refuses a value: "+reason(e)
	default:
		out.Text = at + " answered with the error " + e.Code
	}
	return out
}

// reason says why the database refused a value, without the value.
func reason(e *pgconn.PgError) string {
	words := map[string]string{
		"23502": "the column may not be empty", "23505": "the value is there already", "23514": "a check refuses it",
		"23503": "what it refers to is not there", "22003": "the number is out of range", "22001": "the text is too long",
		"22P02": "not of the column's type", "22007": "not a date", "22008": "the date is out of range",
		"54000": "too large for an index", "P0001": "a trigger refuses it",
		"40001": "it conflicted with another transaction", "40P01": "it waited for another transaction that waited for it",
		"55P03": "a lock was not to be had", "57014": "it took too long", "25P03": "the session was idle too long",
	}
	out := words[e.Code]
	if out == "" {
		out = "refused"
	}
	if e.ConstraintName != "" {
		out += ", constraint " + e.ConstraintName
	}
	if e.ColumnName != "" {
		out += ", column " + e.ColumnName
	}
	return out + " (" + e.Code + ")"
}

// grants says what the role needs.
func (w *Warehouse) grants() string {
	return fmt.Sprintf("the role %s may not do in the analytics database what the sync needs. Either let it make the tables: "+
		"GRANT CREATE ON DATABASE %s TO %s; or let somebody run what `polyclinic analytics schema` prints, and then "+
		"GRANT USAGE ON SCHEMA %s TO %s; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %s TO %s;",
		w.target.role, quote(w.target.database), quote(w.target.role), Schema, quote(w.target.role), Schema, quote(w.target.role))
}

func (w *Warehouse) fenced() error {
	return &Error{Kind: ErrFenced, Text: "site " + w.site + " was moved in the warehouse by another process since this one looked"}
}

func (w *Warehouse) inUse() error {
	return &Error{Kind: ErrInUse, Text: "site " + w.site + " is being shipped by another process: two clinics, or a copy of a data folder, have the same POLYCLINIC_SITE_ID. " +
		"Give one of them another; if the other process is gone, this one goes on within " + Lease.String()}
}
