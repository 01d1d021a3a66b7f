package kernel

import "testing"

// FuzzDigest holds of any two requests: they are the same to an idempotency key only if they
// are the same. Neither a method nor an address can hold a NUL; a body can.
func FuzzDigest(f *testing.F) {
	f.Add("/api/a", "b", "/api/ab", "")
	f.Add("/api/a", "\x00b", "/api/a\x00", "b")
	f.Fuzz(func(t *testing.T, path1, body1, path2, body2 string) {
		for _, p := range []string{path1, path2} {
			for _, r := range p {
				if r == 0 {
					return
				}
			}
		}
		same := path1 == path2 && body1 == body2
		if (digest("POST", path1, body1) == digest("POST", path2, body2)) != same {
			t.Errorf("%q %q and %q %q", path1, body1, path2, body2)
		}
	})
}
