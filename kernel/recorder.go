package kernel

import (
	"bytes"
	"net/http"

	"github.com/pocketbase/pocketbase/tools/router"
)

// recorder passes an answer on and keeps a copy. While it is held it passes nothing on: a
// clinic's script answers within the transaction, and what it says is not so until that has
// committed.
type recorder struct {
	http.ResponseWriter
	held   bool
	status int
	body   bytes.Buffer
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	if !r.held {
		r.ResponseWriter.WriteHeader(status)
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	r.body.Write(b)
	if r.held {
		return len(b), nil
	}
	return r.ResponseWriter.Write(b)
}

// release passes on what was held.
func (r *recorder) release() error {
	r.held = false
	if r.status == 0 {
		return nil
	}
	r.ResponseWriter.WriteHeader(r.status)
	_, err := r.ResponseWriter.Write(r.body.Bytes())
	return err
}

// drop forgets what was held: it did not come to be.
func (r *recorder) drop() {
	r.held, r.status = false, 0
	r.body.Reset()
}

// FlushError sends what is there, which is nothing while it is held.
func (r *recorder) FlushError() error {
	if r.held {
		return nil
	}
	return http.NewResponseController(r.ResponseWriter).Flush()
}

// Written is router.WriteTracker.
func (r *recorder) Written() bool {
	if r.held {
		return r.status != 0
	}
	t, ok := r.ResponseWriter.(router.WriteTracker)
	return ok && t.Written()
}

// Status is router.StatusTracker.
func (r *recorder) Status() int {
	if r.held {
		return r.status
	}
	if t, ok := r.ResponseWriter.(router.StatusTracker); ok {
		return t.Status()
	}
	return 0
}

// Unwrap lets PocketBase and http.ResponseController reach the writer below.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
