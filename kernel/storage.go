package kernel

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/pocketbase/dbx"
	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/tools/router"
)

// Errors of a server that cannot write. Reading goes on.
var (
	ErrDiskFull = Fail(http.StatusInsufficientStorage, "disk_full", "The server's disk is full: nothing was saved. Reading goes on.")
	ErrWriting  = Fail(http.StatusServiceUnavailable, "busy", "Another program is writing at this moment: nothing was saved. Try again in a few seconds.")
	ErrStorage  = Fail(http.StatusServiceUnavailable, "storage_failed", "The server cannot write its data: nothing was saved. Reading goes on.")
)

// storageWords are how SQLite and the systems say that they cannot write.
var storageWords = []struct {
	words string
	means *Error
}{
	{"database or disk is full", ErrDiskFull},
	{"no space left on device", ErrDiskFull},
	{"disk quota exceeded", ErrDiskFull},
	{"file too large", ErrDiskFull},
	{"attempt to write a readonly database", ErrStorage},
	{"read-only file system", ErrStorage},
	{"disk I/O error", ErrStorage},
	{"unable to open database file", ErrStorage},
	{"database is locked", ErrWriting}, // for longer than Connect waits
	{"database table is locked", ErrWriting},
}

// storageErrors are what StorageError returns.
var storageErrors = []*Error{ErrDiskFull, ErrStorage, ErrWriting}

// StorageError returns ErrDiskFull or ErrStorage where err comes from a disk that cannot be
// written, ErrWriting where another program kept it from being written, however deep PocketBase has wrapped it, and nil otherwise.
func StorageError(err error) *Error {
	if err == nil {
		return nil
	}
	return storageIn(err, 0)
}

// storageIn looks into what PocketBase's errors carry: a batch's are 400 with the inner
// answers in their data. depth ends a ring.
func storageIn(v any, depth int) *Error {
	if depth > 8 {
		return nil
	}
	switch v := v.(type) {
	case *Error:
		for _, s := range storageErrors {
			if v.Is(s) {
				return v
			}
		}
		return nil // its text is ours
	case *router.ApiError:
		for _, s := range storageErrors {
			if v.Status == s.Status && v.Message == s.Text {
				return s
			}
		}
		if e := storageIn(v.Data, depth+1); e != nil {
			return e
		}
		return storageIn(v.RawData(), depth+1)
	case validation.Errors:
		for _, inner := range v {
			if e := storageIn(inner, depth+1); e != nil {
				return e
			}
		}
		return nil
	case dbx.Errors: // of a transaction that SQLite had ended by itself
		for _, inner := range v {
			if e := storageIn(inner, depth+1); e != nil {
				return e
			}
		}
		return nil
	case router.SafeErrorResolver: // a batch's inner request
		return storageIn(v.Resolve(map[string]any{}), depth+1)
	case map[string]any:
		for _, inner := range v {
			if e := storageIn(inner, depth+1); e != nil {
				return e
			}
		}
		return nil
	case interface{ Unwrap() []error }:
		for _, inner := range v.Unwrap() {
			if e := storageIn(inner, depth+1); e != nil {
				return e
			}
		}
	case interface{ Unwrap() error }:
		if e := storageIn(v.Unwrap(), depth+1); e != nil {
			return e
		}
	}
	if err, ok := v.(error); ok {
		for _, s := range storageWords {
			if strings.Contains(err.Error(), s.words) {
				return s.means
			}
		}
	}
	return nil
}

// LockName is the file by which a server holds its data folder: the number of its process
// and, on a second line, the URL that it serves. It stays when the server ends.
const LockName = "polyclinic.lock"

// ServedAt returns the URL at which the data folder is served, or was last; "" when it never was.
func ServedAt(dir string) string {
	raw, err := os.ReadFile(filepath.Join(dir, LockName))
	if err != nil {
		return ""
	}
	_, url, _ := strings.Cut(string(raw), "\n")
	return strings.TrimSpace(url)
}
