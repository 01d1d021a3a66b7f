// Package reach says from where a server is reached: by this machine alone, or by others too.
package reach

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// proxyHeaders are what proxies add; PocketBase's dashboard looks for the first two as well.
var proxyHeaders = []string{"CF-Connecting-IP", "Fly-Client-IP", "X-Forwarded-For", "X-Real-IP", "Forwarded"}

// ProxyHeader returns the first header of a proxy that the request has, "" when it has none.
func ProxyHeader(r *http.Request) string {
	for _, name := range proxyHeaders {
		if r.Header.Get(name) != "" {
			return name
		}
	}
	return ""
}

// ByOthers reports whether a request to a server on loopback seems to come from another
// machine: a proxy handed it on, or it asks for a host that others know. nginx as it is
// installed adds no header and changes the host, but it speaks HTTP 1.0, as no browser does.
func ByOthers(r *http.Request) bool {
	return ProxyHeader(r) != "" || r.Header.Get("Via") != "" || !Loopback(r.Host) || !r.ProtoAtLeast(1, 1)
}

// Loopback reports whether only programs of this machine reach a server on addr, a host with
// or without a port. A name counts when it is localhost: what others resolve to is not known
// ahead.
func Loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = strings.Trim(addr, "[]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
