package capture

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// State is what this data folder knows of its place in the warehouse.
type State struct {
	Epoch     string `db:"epoch"`
	Token     string `db:"token"`    // of the last batch that was begun
	Previous  string `db:"previous"` // the warehouse's token before it
	Trimmed   int64  `db:"trimmed"`  // notes up to it may be gone
	DrainedAt int64  `db:"drainedAt"`
	Overflows int64  `db:"overflows"` // how often the log was dropped
	Dropped   bool   `db:"dropped"`   // it was, beyond what the warehouse has for certain, and not everything was read in full since
}

// ReadState returns the state.
func ReadState(app core.App) (s State, err error) {
	err = app.ConcurrentDB().NewQuery(`SELECT epoch, token, previous, trimmed, drainedAt, overflows,
		trimmed > coalesce((SELECT seq FROM _analytics_batch WHERE token = previous), 0) AS dropped FROM _analytics_state WHERE id = 1`).One(&s)
	if err != nil {
		return s, fmt.Errorf("state of analytics: %w", err)
	}
	return s, nil
}

// BeginEpoch forgets every token and notes the first of a new epoch.
func BeginEpoch(app core.App, epoch, token string, seq int64) error {
	return app.RunInTransaction(func(tx core.App) error {
		if err := execute(tx, `DELETE FROM _analytics_batch`, nil); err != nil {
			return err
		}
		if err := execute(tx, `UPDATE _analytics_state SET epoch = {:epoch}, token = {:token}, previous = {:token}, trimmed = {:seq} WHERE id = 1`, dbx.Params{"epoch": epoch, "token": token, "seq": seq}); err != nil {
			return err
		}
		return noteBatch(tx, token, seq)
	})
}

// Begin notes the token of a batch ahead of its commit in the warehouse. Whether that
// succeeded or not, the warehouse then has this token or the previous one.
func Begin(app core.App, previous, token string, seq int64) error {
	return app.RunInTransaction(func(tx core.App) error {
		if err := execute(tx, `UPDATE _analytics_state SET previous = {:previous}, token = {:token} WHERE id = 1`, dbx.Params{"previous": previous, "token": token}); err != nil {
			return err
		}
		return noteBatch(tx, token, seq)
	})
}

func noteBatch(tx core.App, token string, seq int64) error {
	return execute(tx, `INSERT INTO _analytics_batch (token, seq) VALUES ({:token}, {:seq})`, dbx.Params{"token": token, "seq": seq})
}

// Reaches reports whether the log can go on from where a batch left off: the token is one
// of ours, of that very position, and no later note is gone.
func Reaches(app core.App, token string, seq int64) (bool, error) {
	var n int
	err := app.ConcurrentDB().NewQuery(`SELECT count(*) FROM _analytics_batch b, _analytics_state s
		WHERE b.token = {:token} AND b.seq = {:seq} AND s.trimmed <= b.seq`).Bind(dbx.Params{"token": token, "seq": seq}).Row(&n)
	if err != nil {
		return false, fmt.Errorf("batches of analytics: %w", err)
	}
	return n > 0, nil
}

// Ours reports whether a position in the warehouse is of this data folder's history: of its
// epoch, with a token that it drew. Of a folder that was copied, so are the copy's.
func Ours(app core.App, epoch, token string) (ours bool, err error) {
	if present, err := Present(app); err != nil || !present {
		return false, err
	}
	err = app.ConcurrentDB().NewQuery(`SELECT count(*) > 0 FROM _analytics_state s WHERE s.id = 1 AND s.epoch = {:epoch}
		AND ({:token} IN (s.token, s.previous) OR EXISTS (SELECT 1 FROM _analytics_batch b WHERE b.token = {:token}))`).
		Bind(dbx.Params{"epoch": epoch, "token": token}).Row(&ours)
	if err != nil {
		return false, fmt.Errorf("batches of analytics: %w", err)
	}
	return ours, nil
}

// Behind returns how many changes wait for a warehouse that stands at seq. all is false if
// there are others that are noted no more: the log was dropped.
func Behind(app core.App, seq int64) (n int64, all bool, err error) {
	err = app.ConcurrentDB().NewQuery(`SELECT (SELECT count(*) FROM _analytics_log WHERE seq > {:seq}), trimmed <= {:seq} FROM _analytics_state WHERE id = 1`).
		Bind(dbx.Params{"seq": seq}).Row(&n, &all)
	if err != nil {
		return 0, false, fmt.Errorf("log of analytics: %w", err)
	}
	return n, all, nil
}

// Drained notes when nothing was waiting, in unix seconds.
func Drained(app core.App, at int64) error {
	return execute(app, `UPDATE _analytics_state SET drainedAt = {:at} WHERE id = 1`, dbx.Params{"at": at})
}

// Resync is a table that is to be read in full again.
type Resync struct{ Table, Reason string }

// Resyncs returns them, by name.
func Resyncs(app core.App) (list []Resync, err error) {
	var rows []noted
	if err := app.ConcurrentDB().NewQuery(`SELECT name, resync FROM _analytics_table WHERE resync != '' ORDER BY name`).All(&rows); err != nil {
		return nil, fmt.Errorf("tables of analytics: %w", err)
	}
	for _, r := range rows {
		list = append(list, Resync{r.Name, r.Resync})
	}
	return list, nil
}

// BegunSince returns the tables whose last full reading began at the position seq or later.
func BegunSince(app core.App, seq int64) (names []string, err error) {
	err = app.ConcurrentDB().NewQuery(`SELECT name FROM _analytics_table WHERE since >= {:seq} ORDER BY name`).Bind(dbx.Params{"seq": seq}).Column(&names)
	return names, err
}

// Begun notes that the warehouse knows which tables are being read in full, with the shapes
// that they have now. Their marks go, unless there is another reason since.
func Begun(app core.App, seq int64, was []Resync, shapes map[string]string) error {
	return app.RunInTransaction(func(tx core.App) error {
		for _, r := range was {
			err := execute(tx, `UPDATE _analytics_table SET since = {:seq}, shape = {:shape}, resync = CASE resync WHEN {:why} THEN '' ELSE resync END WHERE name = {:name}`,
				dbx.Params{"seq": seq, "shape": shapes[r.Table], "name": r.Table, "why": r.Reason})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Reshape marks the tables whose rows come out differently than when they were last read in
// full.
func Reshape(app core.App, shapes map[string]string) error {
	known, err := readNoted(app.ConcurrentDB())
	if err != nil {
		return err
	}
	for name, shape := range shapes {
		if was := known[name]; was.Name != "" && was.Resync == "" && was.Shape != shape {
			if err := Mark(app, Reshaped, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// Floor returns a position that the warehouse has reached for certain, as far as this
// folder knows.
func Floor(app core.App) (seq int64, err error) {
	err = app.ConcurrentDB().NewQuery(`SELECT max(s.trimmed, coalesce((SELECT b.seq FROM _analytics_batch b WHERE b.token = s.previous), 0)) FROM _analytics_state s WHERE s.id = 1`).Row(&seq)
	return seq, err
}

// Note has rows shipped again as if they had changed.
func Note(app core.App, collectionID string, ids []string) error {
	for part := range slices.Chunk(ids, 1000) {
		list, err := json.Marshal(part)
		if err != nil {
			return err
		}
		if err := execute(app, `INSERT INTO _analytics_log (tbl, pk) SELECT {:id}, value FROM json_each({:list})`, dbx.Params{"id": collectionID, "list": string(list)}); err != nil {
			return err
		}
	}
	return nil
}
