package chain

import (
	"strconv"
	"strings"
)

// NewEpoch names an epoch of data.db whose writes are numbered from last+1 on.
func NewEpoch(id string, last int64) string {
	if last == 0 {
		return id
	}
	return id + "+" + strconv.FormatInt(last, 10)
}

// Base returns the number after which the writes of an epoch begin.
func Base(epoch string) int64 {
	_, after, _ := strings.Cut(epoch, "+")
	n, _ := strconv.ParseInt(after, 10, 64) // none: 0
	return n
}
