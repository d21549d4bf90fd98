package agent

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/goproxy"
)

// hostMatch compares hosts with the one that was asked for.
type hostMatch struct {
	host, port string
	addr       netip.Addr
}

// newHostMatch reads a name or an address, with or without a port.
func newHostMatch(s string) hostMatch {
	host, port := goproxy.SplitAddress(s)
	m := hostMatch{host: strings.TrimSuffix(host, "."), port: port}
	m.addr, _ = netip.ParseAddr(m.host)
	return m
}

// address reports whether host, with or without a port, is the one, at the port
// of at if one was asked for.
func (m hostMatch) address(host, at string) bool {
	name, _ := goproxy.SplitAddress(host)
	if name = strings.TrimSuffix(name, "."); name == "" || !m.same(name) {
		return false
	}
	_, port := goproxy.SplitAddress(at)
	return m.port == "" || m.port == port
}

// name reports whether host, which has no port, is the one.
func (m hostMatch) name(host string) bool { return m.address(host, ":"+m.port) }

func (m hostMatch) same(name string) bool {
	if !m.addr.IsValid() {
		return name == m.host
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Unmap() == m.addr.Unmap()
}

// url reports whether a request's target names the host.
func (m hostMatch) url(method, target string) bool {
	if method == "CONNECT" {
		return m.address(target, target)
	}
	u, err := url.Parse(target)
	if err != nil || u.Host == "" {
		return false
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return m.address(u.Host, ":"+port)
}
