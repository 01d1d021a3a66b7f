package row

import (
	"strings"
	"time"
)

// ParseTime reads "2026-01-02 03:04:05.678Z", the form of PocketBase, its variants without
// fraction or with a T, a day alone, and RFC 3339. It refuses days that do not exist.
func ParseTime(s string) (time.Time, bool) {
	if t, ok := plainTime(s); ok {
		return t, true
	}
	t, err := time.Parse(time.RFC3339Nano, strings.Replace(s, " ", "T", 1))
	if err != nil || t.Year() < 1 || t.UTC().Year() > 9999 {
		return time.Time{}, false
	}
	return t.UTC().Truncate(time.Microsecond), true
}

// plainTime is ParseTime without the general parser: most of a first copy's rows have three
// times each.
func plainTime(s string) (time.Time, bool) {
	if len(s) != 10 && len(s) != 24 || s[4] != '-' || s[7] != '-' {
		return time.Time{}, false
	}
	year, month, day := digits(s[:4]), digits(s[5:7]), digits(s[8:10])
	if year < 1 || month < 1 || month > 12 || day < 1 || day > 28 && day > lastDay(year, time.Month(month)) {
		return time.Time{}, false
	}
	if len(s) == 10 {
		return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC), true
	}
	if s[10] != ' ' && s[10] != 'T' || s[13] != ':' || s[16] != ':' || s[19] != '.' || s[23] != 'Z' {
		return time.Time{}, false
	}
	hour, minute, second, milli := digits(s[11:13]), digits(s[14:16]), digits(s[17:19]), digits(s[20:23])
	if hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 || milli < 0 {
		return time.Time{}, false
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, milli*int(time.Millisecond), time.UTC), true
}

func digits(s string) (n int) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}

func lastDay(year int, m time.Month) int {
	return time.Date(year, m+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
