package reach

import (
	"net/http"
	"testing"
)

func TestWhoComesFromAnotherMachine(t *testing.T) {
	for _, c := range []struct {
		name, host, proto, header string
		want                      bool
	}{
		{"a browser on this machine", "127.0.0.1:8090", "HTTP/1.1", "", false},
		{"by name", "localhost:8090", "HTTP/1.1", "", false},
		{"by version 6", "[::1]:8090", "HTTP/1.1", "", false},
		{"without a port", "[::1]", "HTTP/1.1", "", false},
		{"HTTP 2", "localhost", "HTTP/2.0", "", false},
		{"a proxy that says whom it speaks for", "127.0.0.1:8090", "HTTP/1.1", "X-Forwarded-For", true},
		{"by the standard's header", "127.0.0.1:8090", "HTTP/1.1", "Forwarded", true},
		{"nginx's usual", "127.0.0.1:8090", "HTTP/1.1", "X-Real-IP", true},
		{"a proxy that names itself", "127.0.0.1:8090", "HTTP/1.1", "Via", true},
		{"a name that others know", "demo.example.org", "HTTP/1.1", "", true},
		{"a name that only begins alike", "localhost.example.org", "HTTP/1.1", "", true},
		{"nginx as it is installed", "127.0.0.1:8090", "HTTP/1.0", "", true},
		{"no host", "", "HTTP/1.1", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &http.Request{Host: c.host, Header: http.Header{}}
			r.ProtoMajor, r.ProtoMinor, _ = http.ParseHTTPVersion(c.proto)
			if c.header != "" {
				r.Header.Set(c.header, "203.0.113.7")
			}
			if got := ByOthers(r); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
