package kernel

import "strings"

// CheckStale compares the version that a client read, from If-Match or the body field
// "updated", with the record's present "updated". Empty and "*" match anything; quotes
// and W/ of an entity tag are optional. It returns ErrStale on a difference.
func CheckStale(read, present string) error {
	read = strings.Trim(strings.TrimPrefix(strings.TrimSpace(read), "W/"), `"`)
	if read == "" || read == "*" || instant(read) == instant(present) {
		return nil
	}
	return ErrStale.At("updated")
}

// instant makes PocketBase's "2026-01-02 03:04:05.678Z" and RFC 3339's T form equal.
func instant(s string) string { return strings.Replace(s, "T", " ", 1) }
