package decode

import (
	"strings"
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

func TestSOCKS(t *testing.T) {
	const inside = `
		>> GET / HTTP/1.1\r\nHost: mod.test\r\n\r\n
		<< HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`
	const got = "GET http://mod.test/ HTTP/1.1 => 200 OK +2 complete\n"
	tunnel := func(protocol, authority string, status int, text string, took trace.Millis, frames ...int) *trace.Tunnel {
		return &trace.Tunnel{Protocol: protocol, Authority: authority, Status: status, StatusText: text, Duration: &took, Frames: frames}
	}
	for _, tc := range []struct {
		name   string
		script string
		want   *trace.Tunnel
		heard  string
		layers string
	}{
		{
			name: "5, name",
			script: `
				>> \x05\x01\x00
				<< \x05\x00
				>> \x05\x01\x00\x03\x08mod.test\x00\x50
				<< \x05\x00\x00\x01\x7f\x00\x00\x01\x12\x34` + inside,
			want:   tunnel("socks5", "mod.test:80", 0, "succeeded", 3, 1, 4),
			heard:  got,
			layers: "socks5 http1",
		},
		{
			name: "5, password, IPv6",
			script: `
				>> \x05\x02\x00\x02
				<< \x05\x02
				>> \x01\x04user\x06secret
				<< \x01\x00
				>> \x05\x01\x00\x04\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x01\xbb
				<< \x05\x00\x00\x03\x04host\x12\x34` + inside,
			want:   tunnel("socks5", "[2001:db8::1]:443", 0, "succeeded", 5, 1, 6),
			heard:  got,
			layers: "socks5 http1",
		},
		{
			name: "5, everything at once",
			script: `
				>> \x05\x01\x00\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x50GET / HTTP/1.1\r\nHost: mod.test\r\n\r\n
				<< \x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x12\x34HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`,
			want:   tunnel("socks5", "192.0.2.7:80", 0, "succeeded", 1, 1, 2),
			heard:  got,
			layers: "socks5 http1",
		},
		{
			name: "5, refused",
			script: `
				>> \x05\x01\x00
				<< \x05\x00
				>> \x05\x01\x00\x03\x08mod.test\x01\xbb
				<< \x05\x02\x00\x01\x00\x00\x00\x00\x00\x00
				<FIN`,
			want:   tunnel("socks5", "mod.test:443", 2, "connection not allowed by ruleset", 3, 1, 4),
			layers: "socks5",
		},
		{
			name:   "5, no method",
			script: `>> \x05\x01\x00` + "\n" + `<< \x05\xff`,
			want:   tunnel("socks5", "", 255, "no acceptable methods", 1, 1, 2),
			layers: "socks5",
		},
		{
			name: "5, wrong password",
			script: `>> \x05\x01\x02
				<< \x05\x02
				>> \x01\x01u\x01p
				<< \x01\x05`,
			want:   tunnel("socks5", "", 5, "user name or password refused", 3, 1, 4),
			layers: "socks5",
		},
		{
			name: "5, no reply",
			script: `>> \x05\x01\x00
				<< \x05\x00
				>> \x05\x01\x00\x03\x08mod.test\x01\xbb`,
			want:   &trace.Tunnel{Protocol: "socks5", Authority: "mod.test:443", Frames: []int{1}},
			layers: "socks5",
		},
		{
			name: "4",
			script: `
				>> \x04\x01\x00\x50\xc0\x00\x02\x07me\x00
				<< \x00\x5a\x00\x00\x00\x00\x00\x00` + inside,
			want:   tunnel("socks4", "192.0.2.7:80", 90, "succeeded", 1, 1, 2),
			heard:  got,
			layers: "socks4 http1",
		},
		{
			name: "4a, refused",
			script: `
				>> \x04\x01\x01\xbb\x00\x00\x00\x01\x00mod.test\x00
				<< \x00\x5b\x00\x00\x00\x00\x00\x00`,
			want:   tunnel("socks4", "mod.test:443", 91, "request rejected or failed", 1, 1, 2),
			layers: "socks4",
		},
		{
			name:   "no SOCKS: DCE/RPC",
			script: `>> \x05\x00\x0b\x03\x10\x00\x00\x00`,
			layers: "opaque",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, out := newTalk(1080)
			play(t, NewDetect(c), tc.script)
			same(t, "tunnel", c.Facts.Tunnel, tc.want)
			same(t, "inside", tellAll(out.requests), tc.heard)
			same(t, "layers", strings.Join(c.Facts.Layers, " "), tc.layers)
			if c.Facts.Notes != nil {
				t.Error(c.Facts.Notes)
			}
		})
	}
}

func TestSOCKSBroken(t *testing.T) {
	for script, note := range map[string]string{
		`>> \x05\x01\x00` + "\n<< HTTP/1.1 400 Bad": "SOCKS: frame 2: a message of remote makes no sense",
		`>> \x05\x01\x01` + "\n" + `<< \x05\x01`:    "SOCKS: the proxy chose method 1, which cannot be read",
		`>> \x05\x01\x00` + "\n<GAP 2":              "SOCKS: bytes of the negotiation are missing; the tunnel cannot be read",
	} {
		c, _ := newTalk(1080)
		play(t, NewDetect(c), script)
		same(t, "notes", c.Facts.Notes, []string{note})
	}
}

func TestSOCKSPasswordNotKept(t *testing.T) {
	c, _ := newTalk(1080)
	s := newSOCKS(c, socks5)
	play(t, s, `>> \x05\x01\x02
		<< \x05\x02
		>> \x01\x04user\x06secret
		<< \x01\x00`)
	if len(s.bufs[flow.ToServer]) != 0 || s.pieces[flow.ToServer].size != 0 {
		t.Error("the password is still held")
	}
}
