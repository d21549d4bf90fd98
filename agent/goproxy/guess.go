package goproxy

import (
	"net"
	"slices"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// proxyPorts returns the ports that HTTP and SOCKS proxies are usually reached
// at, and module proxies are not: IANA's for SOCKS, squid's for HTTP and HTTPS.
func proxyPorts() []string { return []string{"1080", "3128", "3129"} }

// sharedPort is IANA's http-alt, which most other proxies for HTTP listen at, and
// some servers.
const sharedPort = "8080"

// guessProxies adds, where the settings are not known, the proxies that no tunnel
// went through, as they refused it or were not reached: the port tells. One that
// was asked like a server is none.
func (v *View) guessProxies() {
	server := map[string]bool{}
	for _, c := range v.Trace.Connections {
		if slices.ContainsFunc(v.on[c.ID], func(r *trace.Request) bool { return r.Method != "CONNECT" && v.askedItself(c, r) }) {
			server[c.Remote] = true
		}
	}
	for _, c := range v.Trace.Connections {
		ip, port := SplitAddress(c.Remote)
		usual := slices.Contains(proxyPorts(), port) || port == sharedPort && len(c.TLS) == 0 && !net.ParseIP(ip).IsLoopback()
		if _, known := v.proxies[c.Remote]; usual && !known && !server[c.Remote] && c.Tunnel == nil {
			v.proxies[c.Remote] = v.Dialled(c)
		}
	}
}

// askedItself reports whether a request is for the very host that was dialled.
func (v *View) askedItself(c *trace.Connection, r *trace.Request) bool {
	ip, _ := SplitAddress(c.Remote)
	host := requestHost(r)
	return host == "" || host == ip || host == v.Dialled(c)
}
