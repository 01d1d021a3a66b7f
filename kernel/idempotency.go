package kernel

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
	"github.com/pocketbase/pocketbase/tools/types"
)

// keyLife is how long an answer can be had again.
const keyLife = 24 * time.Hour

const maxKeyLength = 200

// idempotency owns the answers that a repeated POST gets again.
func idempotency() Module {
	return Module{
		Name: "idempotency", Doc: "Answers a repeated POST with the first answer.",
		Requires: []string{"kernel"},
		Bind:     hideAnswers,
		Access:   []Access{{Collection: "idempotency_keys", Doc: "First answers to requests that carry an Idempotency-Key."}},
		Migrations: []Migration{{"1780000001_keys", func(tx core.App) error {
			c := core.NewBaseCollection("idempotency_keys")
			c.Fields.Add(
				&core.TextField{Name: "key", Required: true}, &core.TextField{Name: "request"},
				&core.NumberField{Name: "status", OnlyInt: true}, &core.TextField{Name: "answer", Max: 4 << 20, Hidden: true},
				&core.AutodateField{Name: "created", OnCreate: true},
			)
			c.AddIndex("idx_idempotency_key", true, "key", "")
			c.AddIndex("idx_idempotency_created", false, "created", "")
			return tx.Save(c)
		}}},
		Jobs: []Job{{Name: "forget", Spec: "17 * * * *", Doc: "forgets answers older than a day", Run: func(app core.App) error {
			old, _ := types.ParseDateTime(time.Now().Add(-keyLife)) // a time.Time always parses
			_, err := app.NonconcurrentDB().Delete("idempotency_keys", dbx.NewExp("created < {:t}", dbx.Params{"t": old.String()})).Execute()
			return err
		}}},
	}
}

// hideAnswers keeps first answers from everybody: they are copies of records, and superusers,
// whom PocketBase shows hidden fields, would see patients whom the audit trail could not name.
func hideAnswers(k *Kernel) error {
	k.App.OnRecordEnrich("idempotency_keys").BindFunc(func(e *core.RecordEnrichEvent) error {
		if err := e.Next(); err != nil {
			return err
		}
		e.Record.Hide("answer")
		return nil
	})
	return nil
}

// keyLocks makes requests with the same key wait for each other.
type keyLocks struct {
	mu    sync.Mutex
	inUse map[string]*keyLock
}

type keyLock struct {
	sync.Mutex
	waiting int
}

func (l *keyLocks) lock(key string) (unlock func()) {
	l.mu.Lock()
	if l.inUse == nil {
		l.inUse = map[string]*keyLock{}
	}
	k := l.inUse[key]
	if k == nil {
		k = &keyLock{}
		l.inUse[key] = k
	}
	k.waiting++
	l.mu.Unlock()
	k.Lock()
	return func() {
		k.Unlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		if k.waiting--; k.waiting == 0 {
			delete(l.inUse, key)
		}
	}
}

type keyRow struct {
	ID      string `db:"id"`
	Request string `db:"request"`
	Status  int    `db:"status"`
	Answer  string `db:"answer"`
}

// once carries out a POST with an Idempotency-Key one time. The key's row is written in
// the transaction of the work itself, so a crash leaves both or neither.
func (k *Kernel) once(e *core.RequestEvent) error {
	header := e.Request.Header.Get("Idempotency-Key")
	if header == "" || e.Request.Method != http.MethodPost || !strings.HasPrefix(e.Request.URL.Path, "/api/") ||
		strings.HasPrefix(e.Request.URL.Path, "/api/realtime") || k.isSignIn(e) {
		return e.Next()
	}
	if len(header) > maxKeyLength {
		return k.APIError(Bad("Idempotency-Key", "too_long", "At most 200 characters."))
	}
	body, err := io.ReadAll(e.Request.Body)
	if err != nil {
		return k.APIError(ErrTooLarge)
	}
	if r, ok := e.Request.Body.(router.Rereader); ok {
		r.Reread()
	} else {
		e.Request.Body = io.NopCloser(bytes.NewReader(body))
	}
	// With the key itself, of which no more than a hash is kept: a body may have a password, and
	// a quick hash of the rest would let whoever has a copy of the data try passwords quickly.
	request := digest(header, e.Request.Method, e.Request.RequestURI, string(body))
	who := "guest " + request // guests are strangers to each other: another body is another's
	if e.Auth != nil {
		who = e.Auth.Id
	}
	key := digest(who, header)
	defer k.keys.lock(key)()

	var row keyRow
	err = e.App.DB().Select("id", "request", "status", "answer").From("idempotency_keys").Where(dbx.HashExp{"key": key}).One(&row)
	switch {
	case err == nil:
		return k.replay(e, row, request)
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	rec := &recorder{ResponseWriter: e.Response}
	e.Response = rec
	forgot := k.forgot.Load()
	if k.callsOut(e.Request.Pattern) {
		return k.onceWithoutTx(e, rec, key, request, forgot)
	}
	rec.held = true
	outer := e.App
	err = outer.RunInTransaction(func(tx core.App) error {
		e.App = tx
		defer func() { e.App = outer }()
		if err := claim(tx, key, request); err != nil {
			return err
		}
		if err := e.Next(); err != nil {
			return err
		}
		if rec.status >= 400 {
			return errAnswered
		}
		return nil
	})
	switch {
	case errors.Is(err, errAnswered):
		return rec.release()
	case err != nil:
		rec.drop()
		return err
	}
	k.keep(e, key, rec, forgot)
	return rec.release()
}

// errAnswered rolls back a request whose handler wrote its own refusal.
var errAnswered = errors.New("answered")

// callsOut reports whether a route may call the network, and must not hold the one writer
// meanwhile: PocketBase's own do but for those that write records, such as the mail of a new
// address.
func (k *Kernel) callsOut(pattern string) bool {
	if r, ours := k.routes[pattern]; ours {
		return r.NoTx
	}
	return !k.OfScript(pattern) && pattern != batchPattern && pattern != recordsPattern
}

// onceWithoutTx claims the key first: such a route calls the network.
func (k *Kernel) onceWithoutTx(e *core.RequestEvent, rec *recorder, key, request string, forgot int64) error {
	if err := claim(k.App, key, request); err != nil {
		return err
	}
	err := e.Next()
	if err != nil || rec.status >= 400 {
		if _, dropErr := k.App.NonconcurrentDB().Delete("idempotency_keys", dbx.HashExp{"key": key}).Execute(); dropErr != nil {
			k.App.Logger().Error("idempotency key not released", "error", dropErr)
		}
		return err
	}
	k.keep(e, key, rec, forgot)
	return nil
}

func claim(tx core.App, key, request string) error {
	_, err := tx.NonconcurrentDB().Insert("idempotency_keys", dbx.Params{
		"id": core.GenerateDefaultRandomId(), "key": key, "request": request, "status": 0, "answer": "", "created": types.NowDateTime().String(),
	}).Execute()
	return err
}

// keep stores the answer after the commit. Should that fail, a repeat is told 409
// rather than carried out again. What the route calls secret is kept empty, and so is an answer
// that may be about somebody who was erased since the request came.
func (k *Kernel) keep(e *core.RequestEvent, key string, rec *recorder, forgot int64) {
	answer, err := without(rec.body.Bytes(), k.routes[e.Request.Pattern].Secret)
	if err == nil {
		kept := k.keptAnswer(e.Request, string(answer))
		err = k.App.RunInTransaction(func(tx core.App) error {
			if k.forgot.Load() != forgot {
				kept = "{}"
			}
			_, err := tx.NonconcurrentDB().Update("idempotency_keys", dbx.Params{"status": rec.status, "answer": kept}, dbx.HashExp{"key": key}).Execute()
			return err
		})
	}
	if err != nil {
		k.App.Logger().Error("idempotent answer not kept", "error", err)
	}
}

func without(answer []byte, secret string) ([]byte, error) {
	if secret == "" {
		return answer, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(answer, &fields); err != nil {
		return nil, err
	}
	fields[secret] = json.RawMessage(`""`)
	return json.Marshal(fields)
}

// replay gives the first answer again. Who may not do any more what was done is refused, and
// who may no longer see all of its records is shown those that they may, see again.go. A guest
// is told what the same guest sent.
func (k *Kernel) replay(e *core.RequestEvent, row keyRow, request string) error {
	switch {
	case row.Request != request:
		return k.APIError(ErrKeyReused)
	case row.Status == 0:
		return k.APIError(ErrKeyBusy)
	}
	if r, ours := k.routes[e.Request.Pattern]; ours {
		allow := r.Allow
		if k.strict.Load() {
			allow = allow.strictly()
		}
		if _, err := k.reach(e.App, e, r, k.ruleOf(r, allow)); err != nil {
			return k.APIError(err)
		}
		e.Response = &instantWriter{e.Response}
	}
	e.Response.Header().Set("Idempotency-Replayed", "true")
	if row.Answer == "" {
		return e.NoContent(row.Status)
	}
	if e.Auth != nil {
		if ok, err := k.asFirst(e, row.Answer); !ok || err != nil {
			if err != nil {
				return err
			}
			return k.answerNow(e, row)
		}
	}
	e.Response.Header().Set("Content-Type", "application/json")
	e.Response.WriteHeader(row.Status)
	_, err := io.WriteString(e.Response, row.Answer)
	return err
}

// isSignIn names the requests whose answer is a token or a secret: those are never stored.
func (k *Kernel) isSignIn(e *core.RequestEvent) bool {
	p := e.Request.URL.Path
	return strings.HasPrefix(p, "/api/auth/login") || strings.HasPrefix(p, "/api/auth/refresh") || strings.HasPrefix(p, "/api/auth/password") || strings.Contains(p, "/auth-") ||
		strings.HasPrefix(p, "/api/files/token") || strings.HasPrefix(p, "/api/auth/second-factor") || p == "/api/auth/invitation" || p == "/api/video/generate-token" || p == "/api/video/start-call"
}

func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}
