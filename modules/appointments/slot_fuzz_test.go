package appointments

import "testing"

// FuzzSlot holds of any text: what is a slot lies within a day, ends after it begins, and
// is written as it was read.
func FuzzSlot(f *testing.F) {
	for _, s := range []string{"09:00-10:00", "00:00-24:00", "23:59-24:00", "10:00-09:00", "9:00-10:00", "٠٩:٠٠-١٠:٠٠", " 09:00 - 10:00\n", "24:00-24:00", "09:00–10:00", "09:60-10:00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, ok := parseSlot(text)
		if !ok {
			return
		}
		if s.start < 0 || s.start >= s.end || s.end > 24*60 {
			t.Errorf("%q: %+v", text, s)
		}
		if again, ok := parseSlot(s.String()); !ok || again != s {
			t.Errorf("%q: %v comes back as %v", text, s, again)
		}
	})
}
