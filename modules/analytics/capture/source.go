package capture

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/analytics/analyticsapi"
	"github.com/polyclinic-os/polyclinic/modules/analytics/row"
)

// Source reads what is to be shipped, on connections of its own: a long reading keeps no
// request waiting.
type Source struct {
	db     *dbx.DB
	tables []analyticsapi.Table
	makers map[string]*row.Maker // by table
	extra  bool
	cached *layout

	look    *sql.Conn // for Moved, kept
	version int64     // that it saw last
}

// Options are what a clinic sets about what leaves.
type Options struct {
	Key   []byte // patients' ids leave as pseudonyms made with it, nil: as they are
	Extra bool   // the clinic's own x_ fields leave too
}

// NewSource opens the app's database for reading. Close it after use.
func NewSource(app core.App, tables []analyticsapi.Table, o Options) (*Source, error) {
	db, err := kernel.Connect(filepath.Join(app.DataDir(), "data.db"))
	if err != nil {
		return nil, fmt.Errorf("open data.db: %w", err)
	}
	db.DB().SetMaxOpenConns(3)
	s := &Source{db: db, tables: tables, makers: map[string]*row.Maker{}, extra: o.Extra}
	for _, t := range tables {
		s.makers[t.Name] = row.NewMaker(t, o.Key)
	}
	return s, nil
}

// Close closes the source's connections.
func (s *Source) Close() error {
	if s.look != nil {
		_ = s.look.Close() // it goes back
	}
	return s.db.Close()
}

// Moved reports whether anybody, of any process, may have written to the database since it
// was asked last. It takes some microseconds, and no lock.
func (s *Source) Moved(ctx context.Context) bool {
	if s.look == nil {
		conn, err := s.db.DB().Conn(ctx)
		if err != nil {
			return true
		}
		s.look = conn
	}
	var version int64
	if err := s.look.QueryRowContext(ctx, "PRAGMA data_version").Scan(&version); err != nil {
		return true // who reads will say why
	}
	moved := version != s.version
	s.version = version
	return moved
}

// Tables are the declared tables.
func (s *Source) Tables() []analyticsapi.Table { return s.tables }

// Table returns the declared table of the name, and whether there is one.
func (s *Source) Table(name string) (analyticsapi.Table, bool) {
	m, ok := s.makers[name]
	if !ok {
		return analyticsapi.Table{}, false
	}
	return m.Table, true
}

// Pseudonymous reports whether the table's ids leave as pseudonyms, see row.Maker.
func (s *Source) Pseudonymous(table string) bool { return s.makers[table].Pseudonymous() }

// layout is how the declared tables lie in the database at one schema version.
type layout struct {
	version int64
	byName  map[string]stored
	byID    map[string]stored // by collection
}

// stored is one table: how to read it.
type stored struct {
	maker    *row.Maker
	id       string   // of the collection, "" when it is gone
	quoted   string   // its name, quoted
	fields   string   // the columns to select after the id: one per declared column, then extra
	patients []string // its columns, quoted, that name patients whose rows may be withheld
	where    string   // what its rows must be to leave, to be put ahead of other conditions
	shape    string   // differs when its rows come out differently
}

// View is one moment of the database. End it soon: it holds back SQLite's checkpoints.
type View struct {
	conn    *sql.Conn
	tx      *sql.Tx // on conn
	ctx     context.Context
	layout  *layout
	Version int64 // of the schema; rowids are the same rows while it is
}

// View begins one. Columns are looked up in it, so that a change of the schema meanwhile
// does not matter.
func (s *Source) View(ctx context.Context) (*View, error) {
	conn, err := s.db.DB().Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("read data.db: %w", err)
	}
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		_ = conn.Close() // it goes back
		return nil, fmt.Errorf("read data.db: %w", err)
	}
	v := &View{conn: conn, tx: tx, ctx: ctx}
	if v.layout, err = s.layoutIn(ctx, tx); err != nil {
		v.End()
		return nil, err
	}
	v.Version = v.layout.version
	return v, nil
}

// End ends the view.
func (v *View) End() {
	_ = v.tx.Rollback() // it only read
	_ = v.conn.Close()  // it goes back
}

// Shapes returns each table's shape: it differs when rows come out differently than before.
func (v *View) Shapes() map[string]string {
	shapes := map[string]string{}
	for name, t := range v.layout.byName {
		shapes[name] = t.shape
	}
	return shapes
}

// Forget drops what is known of the schema: Ensure may have found another collection.
func (s *Source) Forget() { s.cached = nil }

func (s *Source) layoutIn(ctx context.Context, tx *sql.Tx) (*layout, error) {
	var version int64
	if err := tx.QueryRowContext(ctx, "PRAGMA schema_version").Scan(&version); err != nil {
		return nil, fmt.Errorf("schema version: %w", err)
	}
	if s.cached != nil && s.cached.version == version {
		return s.cached, nil
	}
	l := &layout{version: version, byName: map[string]stored{}, byID: map[string]stored{}}
	withheld, err := s.withheld(ctx, tx)
	if err != nil {
		return nil, err
	}
	for _, t := range s.tables {
		st, err := s.lookUp(ctx, tx, s.makers[t.Name], withheld)
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", t.Name, err)
		}
		l.byName[t.Name] = st
		if st.id != "" {
			l.byID[st.id] = st
		}
	}
	s.cached = l
	return l, nil
}

func find(ctx context.Context, tx *sql.Tx, table string) (id, name string, err error) {
	err = tx.QueryRowContext(ctx, `SELECT c.id, c.name FROM _analytics_table t JOIN _collections c ON c.id = t.collectionId WHERE t.name = ?`, table).Scan(&id, &name)
	return id, name, err
}

// lookUp finds one table's columns.
func (s *Source) lookUp(ctx context.Context, tx *sql.Tx, m *row.Maker, withheld string) (stored, error) {
	st := stored{maker: m, shape: m.Shape()}
	var name string
	var err error
	st.id, name, err = find(ctx, tx, m.Table.Name)
	if err == sql.ErrNoRows {
		st.shape += " gone"
		return st, nil
	}
	if err != nil {
		return st, err
	}
	st.quoted = quote(name)
	have, err := columnsOf(ctx, tx, name)
	if err != nil {
		return st, err
	}
	if w := m.Table.Withheld; w != "" && have[w] {
		st.where = "coalesce(" + quote(w) + ", '') = '' AND "
	}
	var fields []string
	for _, c := range m.Table.Columns {
		if !have[c.Field] {
			fields = append(fields, "NULL")
			st.shape += " -" + c.Name
			continue
		}
		if c.Patient && withheld != "" {
			field := st.quoted + "." + quote(c.Field)
			fields = append(fields, "CASE WHEN "+fmt.Sprintf(withheld, field)+" THEN NULL ELSE "+field+" END")
			st.shape += " held " + c.Name
			st.patients = append(st.patients, quote(c.Field))
			continue
		}
		fields = append(fields, "+"+quote(c.Field)) // the + takes the declared type off: the driver would read a time into what says DATE
	}
	extra := "NULL"
	if own := ownFields(have); s.extra && len(own) > 0 {
		extra = asObject(own)
		ids, err := fieldIDs(ctx, tx, st.id)
		if err != nil {
			return st, err
		}
		for _, name := range own {
			st.shape += " +" + name + " " + ids[name]
		}
	}
	st.fields = strings.Join(append(fields, extra), ", ")
	return st, nil
}

func columnsOf(ctx context.Context, tx *sql.Tx, table string) (map[string]bool, error) {
	rows, err := tx.QueryContext(ctx, "SELECT name FROM pragma_table_info(?)", table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	have := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		have[name] = true
	}
	return have, rows.Err()
}

// Head returns the seq of the newest note that the log ever had.
func (v *View) Head() (seq int64, err error) {
	err = v.tx.QueryRowContext(v.ctx, `SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = '`+logTable+`'), 0)`).Scan(&seq)
	return seq, err
}

// Waiting returns how many notes after seq there are.
func (v *View) Waiting(seq int64) (n int64, err error) {
	err = v.tx.QueryRowContext(v.ctx, `SELECT count(*) FROM `+logTable+` WHERE seq > `+strconv.FormatInt(seq, 10)).Scan(&n)
	return n, err
}

// Changed returns which of the ids, as the warehouse has them, the log names after seq.
func (s *Source) Changed(ctx context.Context, table string, after int64) (map[string]bool, error) {
	v, err := s.View(ctx)
	if err != nil {
		return nil, err
	}
	defer v.End()
	rows, err := v.tx.QueryContext(ctx, `SELECT DISTINCT pk FROM `+logTable+` WHERE seq > ? AND tbl = ?`, after, v.CollectionOf(table))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	changed := map[string]bool{}
	note := func(pk any) {
		if id, why := s.makers[table].ID(pk); why == "" {
			changed[id] = true
		}
	}
	for rows.Next() {
		var pk any
		if err := rows.Scan(&pk); err != nil {
			return nil, err
		}
		note(pk)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	var patients string
	if err := v.tx.QueryRowContext(ctx, `SELECT json_group_array(pk) FROM `+logTable+` WHERE seq > ? AND tbl = ? AND typeof(pk) = 'text'`, after, heldMark).Scan(&patients); err != nil {
		return nil, err
	}
	return changed, v.ofPatients(v.layout.byName[table], patients, note)
}
