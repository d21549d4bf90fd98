package goproxy

import (
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// The port tells a proxy where no setting does, unless it was asked like a server.
func TestGuessProxies(t *testing.T) {
	for _, c := range []struct {
		name, remote, url string
		tls               bool
		env               *trace.Environment
		want              bool
	}{
		{name: "squid's port", remote: "10.0.0.1:3128", want: true},
		{name: "squid's port for TLS", remote: "10.0.0.1:3129", tls: true, want: true},
		{name: "SOCKS", remote: "[fd00::1]:1080", want: true},
		{name: "http-alt", remote: "10.0.0.1:8080", want: true},
		{name: "http-alt with TLS", remote: "10.0.0.1:8080", tls: true},
		{name: "http-alt on this machine", remote: "127.0.0.1:8080"},
		{name: "another's URL", remote: "10.0.0.1:8080", url: "http://mod.test/a", want: true},
		{name: "its own URL", remote: "10.0.0.1:3128", url: "http://10.0.0.1:3128/a"},
		{name: "https", remote: "10.0.0.1:443", tls: true},
		{name: "known settings", remote: "10.0.0.1:3128", env: &trace.Environment{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := &trace.Connection{ID: 1, Remote: c.remote}
			if c.tls {
				conn.TLS = []*trace.TLS{{}}
			}
			tr := &trace.Trace{Connections: []*trace.Connection{conn}, Environment: c.env}
			if c.url != "" {
				tr.Requests = []*trace.Request{{ID: 1, Connection: 1, Method: "GET", URL: c.url}}
			}
			if _, got := NewView(tr).Proxy(conn); got != c.want {
				t.Errorf("a proxy: %v, want %v", got, c.want)
			}
		})
	}
}
