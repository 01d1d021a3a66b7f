package kernel

import (
	"strings"
	"time"
)

// CheckStale compares the version that a client read, from If-Match or the body field
// "updated", with the record's present "updated". Of a list of versions one has to be it.
// Empty and "*" match anything; quotes and W/ of an entity tag are optional, and an instant is
// the same however it is written. It returns ErrStale on a difference.
func CheckStale(read, present string) error {
	versions := strings.Split(read, ",") // an instant has no comma
	for _, v := range versions {
		v = strings.Trim(strings.TrimPrefix(strings.TrimSpace(v), "W/"), `"`)
		if v == "*" || (v == "" && len(versions) == 1) || v == present || sameInstant(v, present) {
			return nil
		}
	}
	return ErrStale.At("updated")
}

func sameInstant(a, b string) bool {
	first, err := readInstant(a)
	if err != nil {
		return false
	}
	second, err := readInstant(b)
	return err == nil && first.Equal(second)
}

// readInstant reads RFC 3339, and PocketBase's form, which has a space for the T.
func readInstant(s string) (time.Time, error) {
	return time.Parse(time.RFC3339Nano, strings.ToUpper(strings.Replace(s, " ", "T", 1)))
}
