// Package warehouse is the PostgreSQL side of the analytics sync: every statement that is
// sent there is in this folder. It keeps to what PostgreSQL 12 and later, Citus (tables
// distributed by site_id), YugabyteDB and CockroachDB take, and to what a pooler that
// gives each transaction another session takes: see TestStatements.
package warehouse

import (
	"cmp"
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/polyclinic-os/polyclinic/modules/analytics/row"
)

// Schema is where everything lies that belongs to Polyclinic.
const Schema = "polyclinic"

// Lease is how long after a write or a Beat a site counts as being shipped. Beat three
// times as often.
const Lease = 60 * time.Second

// most is how long one call may take when its context has no earlier end: longer than the
// server itself lets a statement run.
const most = 3 * time.Minute

// A peer that vanished without a word is noticed within some 40 seconds while nothing is
// under way, and otherwise when the call has taken too long.
var alive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 5}

// oldest is the first version of PostgreSQL that does.
const oldest = 12

// Warehouse is one connection for one site. It is not safe for concurrent use. After an
// error that IsLost reports it is of no more use: Close it and Open another.
type Warehouse struct {
	// Holder names the process that ships, so that a second one with the same site, such as
	// on a copied data folder, is told from the first after a restart.
	Holder string
	// History keeps every version of every row besides the present one, see EnsureHistory.
	History bool
	// Patience is how long one call may take, 0: three minutes.
	Patience time.Duration
	// Page is how many rows Rows reads at once, 0: 5,000.
	Page int
	// Sent, where set, is told every statement before it is sent. For tests.
	Sent func(sql string)

	conn   *pgx.Conn
	site   string
	target target
	copies bool // the engine takes COPY into a keyed table
	mute   bool // it has no comments on views
}

// target is what error texts say of a URL: never who, nor the password.
type target struct{ host, database, role string }

// Position is how far a site's rows have come.
type Position struct {
	Epoch    string // drawn anew whenever the site starts over, "" before its first row
	Seq      int64  // of the last change in the site's log that is here
	Token    string // drawn anew with every transaction
	Snapshot string // the cursor of a first copy under way, "" when there is none
	Holder   string // who wrote last
	Fresh    bool   // somebody wrote or beat within Lease, by the clock of the warehouse
	Versions bool   // every present row has its version, see FillVersions
	Key      string // names the key that pseudonyms are made with, see Repseudonymise
	Remade   bool   // a column was made anew since the site's rows were written; only Read looks
	SetAside int64  // how many values and rows are in sync_reject; only Read looks
}

// Open connects to the database that url names, for one site. Its errors say what is wrong
// without saying the URL: see ErrUnreachable, ErrRights, ErrVersion and ErrURL.
func Open(ctx context.Context, url, site string) (*Warehouse, error) {
	cfg, err := parse(url)
	if err != nil {
		return nil, err
	}
	cfg.ConnectTimeout = 10 * time.Second
	cfg.DialFunc = (&net.Dialer{KeepAliveConfig: alive}).DialContext
	// No statement is prepared under a name: a pooler may run the next one elsewhere.
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	cfg.StatementCacheCapacity, cfg.DescriptionCacheCapacity = 0, 0
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "polyclinic"
	}
	w := &Warehouse{site: site, target: target{net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port))), cfg.Database, cfg.User}}
	if w.conn, err = pgx.ConnectConfig(ctx, cfg); err != nil {
		return nil, w.explain(err)
	}
	if err := w.recognise(ctx); err != nil {
		_ = w.Close(ctx) // it is of no use
		return nil, err
	}
	return w, nil
}

// CheckURL returns what is wrong with a URL, ErrURL, without asking any network.
func CheckURL(url string) error {
	_, err := parse(url)
	return err
}

func parse(url string) (*pgx.ConnConfig, error) {
	if halved(url) {
		return nil, &Error{Kind: ErrURL, Text: "the analytics URL cannot be read: in a password @ is written %40, / %2F, # %23, ? %3F and : %3A"}
	}
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, &Error{Kind: ErrURL, Text: "the analytics URL is not one of PostgreSQL: it must be postgres://role:password@host:5432/database"}
	}
	return cfg, nil
}

// halved reports whether a password may have been cut in a URL, by a sign that must be escaped
// there: what is behind the sign would pass for the host, and be shown.
func halved(url string) bool {
	_, rest, isURL := strings.Cut(url, "://")
	if !isURL {
		return false // host=… password=…
	}
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
	}
	return strings.Count(authority, "@") > 1 || strings.Contains(rest[len(authority):], "@")
}

// recognise finds out what answers.
func (w *Warehouse) recognise(ctx context.Context) error {
	results, err := w.send(ctx, call{sql: versionSQL})
	if err != nil {
		return err
	}
	text := results[0].text(0, 0)
	w.mute = strings.Contains(text, "CockroachDB")
	w.copies = !w.mute && !strings.Contains(text, "-YB-")
	version := w.conn.PgConn().ParameterStatus("server_version") // such as 15.18 (Debian) or 18beta1
	if i := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		version = version[:i]
	}
	n, err := strconv.Atoi(version)
	if err != nil || n < oldest {
		return &Error{Kind: ErrVersion, Text: "the analytics database at " + w.target.host + " says that it is " + strings.TrimSpace(text) +
			": it must be PostgreSQL " + strconv.Itoa(oldest) + " or later, or speak its language as Citus, YugabyteDB or CockroachDB do"}
	}
	return nil
}

// Close ends the connection.
func (w *Warehouse) Close(ctx context.Context) error { return w.conn.Close(ctx) }

// Site is the site that Open was given.
func (w *Warehouse) Site() string { return w.site }

// Position returns how far the site's rows have come; of a site that the warehouse does not
// know, the zero Position.
func (w *Warehouse) Position(ctx context.Context) (Position, error) {
	results, err := w.send(ctx, call{sql: positionSQL, args: []arg{text(w.site)}})
	if err != nil {
		return Position{}, err
	}
	return position(results[0])
}

func position(r result) (Position, error) {
	if len(r.rows) == 0 {
		return Position{}, nil
	}
	seq, err := strconv.ParseInt(r.text(0, 1), 10, 64)
	return Position{Epoch: r.text(0, 0), Seq: seq, Token: r.text(0, 2), Snapshot: r.text(0, 3), Holder: r.text(0, 4), Fresh: r.text(0, 5) == "t",
		Versions: r.text(0, 6) == "t", Key: r.text(0, 7)}, err
}

// NewEpoch moves the site from where it stood, the zero Position if the warehouse did not
// know it, to to, whose Epoch and Token are new. It returns ErrInUse while another holder's
// lease is fresh, and ErrFenced if the site stands elsewhere.
func (w *Warehouse) NewEpoch(ctx context.Context, from, to Position) error {
	c := call{sql: newEpochSQL, args: []arg{text(w.site), text(to.Epoch), integer(to.Seq), text(to.Token), text(to.Snapshot), text(w.Holder), text(from.Epoch), text(from.Token)}}
	if from.Epoch == "" {
		c = call{sql: firstEpochSQL, args: c.args[:6]}
	}
	results, err := w.send(ctx, c)
	if err != nil || results[0].affected == 1 {
		return err
	}
	now, err := w.Position(ctx)
	if err == nil {
		err = w.fenced()
		if now.Fresh && now.Holder != w.Holder {
			err = w.inUse()
		}
	}
	return err
}

// Beat renews the lease. It returns ErrFenced if the site stands elsewhere than at.
func (w *Warehouse) Beat(ctx context.Context, at Position) error {
	results, err := w.send(ctx, call{sql: beatSQL, args: []arg{text(w.site), text(at.Epoch), text(at.Token), text(w.Holder)}})
	if err == nil && results[0].affected != 1 {
		err = w.fenced()
	}
	return err
}

// Release ends the lease at a clean stop, so that another process may go on at once.
func (w *Warehouse) Release(ctx context.Context, at Position) error {
	_, err := w.send(ctx, call{sql: releaseSQL, args: []arg{text(w.site), text(at.Epoch), text(at.Token)}})
	return err
}

// Rejects returns how many values of the site are set aside, and the newest of them, at
// most limit.
func (w *Warehouse) Rejects(ctx context.Context, limit int) (total int, newest []row.Reject, err error) {
	results, err := w.send(ctx, call{sql: rejectsSQL, args: []arg{text(w.site), integer(int64(limit))}}, call{sql: countRejectsSQL, args: []arg{text(w.site)}})
	if err != nil {
		return 0, nil, err
	}
	for i := range results[0].rows {
		r := results[0]
		newest = append(newest, row.Reject{Table: r.text(i, 0), ID: r.text(i, 1), Column: r.text(i, 2), Reason: r.text(i, 3)})
	}
	total, err = strconv.Atoi(results[1].text(0, 0))
	return total, newest, err
}

// OtherNames returns the sites that the same data folder shipped and that nobody ships now:
// the site under names that it had before.
func (w *Warehouse) OtherNames(ctx context.Context) (names []string, err error) {
	results, err := w.send(ctx, call{sql: otherNamesSQL, args: []arg{text(w.site), text(w.Holder)}})
	if err != nil {
		return nil, err
	}
	for i := range results[0].rows {
		names = append(names, results[0].text(i, 0))
	}
	return names, nil
}

func (w *Warehouse) patience() time.Duration { return cmp.Or(w.Patience, most) }

// call is one statement with its arguments.
type call struct {
	sql    string
	args   []arg
	binary bool // the answer is wanted in binary form
}

// result is what a statement answered.
type result struct {
	rows     [][][]byte // in text form, unless the call asked otherwise
	affected int64
}

func (r result) text(line, column int) string { return string(r.rows[line][column]) }

// send sends statements together and waits once for their answers. They are unnamed, so
// that each is planned for its arguments and none leaves anything behind in the session.
func (w *Warehouse) send(ctx context.Context, calls ...call) ([]result, error) {
	ctx, cancel := context.WithTimeout(ctx, w.patience())
	defer cancel()
	batch := &pgconn.Batch{}
	for _, c := range calls {
		if w.Sent != nil {
			w.Sent(c.sql)
		}
		values, types, formats := make([][]byte, len(c.args)), make([]uint32, len(c.args)), make([]int16, len(c.args))
		for i, a := range c.args {
			values[i], types[i], formats[i] = a.value, a.oid, 1
		}
		var wanted []int16
		if c.binary {
			wanted = []int16{1} // all columns
		}
		batch.ExecParams(c.sql, values, types, formats, wanted)
	}
	answers, err := w.conn.PgConn().ExecBatch(ctx, batch).ReadAll()
	if err != nil {
		return nil, w.explain(err)
	}
	results := make([]result, len(answers))
	for i, a := range answers {
		if a.Err != nil {
			return nil, w.explain(a.Err)
		}
		results[i] = result{a.Rows, a.CommandTag.RowsAffected()}
	}
	if len(results) != len(calls) {
		return nil, w.explain(errors.New("answers are missing"))
	}
	return results, nil
}
