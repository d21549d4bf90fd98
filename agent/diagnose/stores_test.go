package diagnose

import (
	"time"

	"github.com/gopx-trace/gopx-trace/agent/decode"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// refusedLeaf is a handshake that the client ended over this certificate.
func (s *story) refusedLeaf(c *trace.Connection, leaf *trace.Certificate) {
	l := s.hello(c, "a.test")
	l.Version, l.Certificates = "TLS 1.3", []*trace.Certificate{leaf}
	alert(l, "local", "bad_certificate")
}

// storeExamples are about certificates and those who check them.
func storeExamples() []example {
	const a = "goproxy:a.test"
	by := func(issuer string) *trace.Certificate {
		c := certificate("a.test")
		c.Issuer = issuer
		return c
	}
	refused := func(s *story, issuer string) { s.refusedLeaf(s.dial("a.test", "443"), by(issuer)) }
	skewed := func(ahead time.Duration) func(*story) {
		return func(s *story) {
			leaf := certificate("a.test")
			leaf.NotBefore = s.now.Add(12 * time.Hour)
			c := s.viaProxy().tunnel("a.test:443", 200, "Date", s.now.Add(ahead).Format(time.RFC1123))
			s.t.Requests[0].ResponseHeaders[0].Value = s.now.Add(ahead).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
			s.refusedLeaf(c, leaf)
		}
	}
	return []example{
		{"an inspecting product", func(s *story) { refused(s, "CN=FortiGate CA,O=Fortinet") }, "tls-intercepted", a},
		{"a private authority", func(s *story) { refused(s, "CN=Corp Root") }, "tls-unknown-ca", a},
		{"an inspecting product that is trusted", func(s *story) {
			r := s.get("a.test", info, 500)
			s.t.Connections[r.Connection-1].TLS[0].Certificates = []*trace.Certificate{by("CN=Zscaler Root CA")}
		}, "http-server-error", a},
		{"SHA-1", func(s *story) {
			leaf := by("CN=Corp Root")
			leaf.Weak = "signed with SHA-1"
			s.refusedLeaf(s.dial("a.test", "443"), leaf)
		}, "tls-weak-key-or-sha1", a},
		{"no authorities", func(s *story) {
			s.t.Environment.Roots = &trace.Roots{From: []string{"/etc/ssl/certs"}}
			refused(s, "CN=Public Root")
		}, "tls-no-root-store", "host"},
		{"some authorities", func(s *story) {
			s.t.Environment.Roots = &trace.Roots{From: []string{"/ca.pem"}, Count: 1, Subjects: []string{"CN=Other Root"}}
			refused(s, "CN=Corp Root")
		}, "tls-unknown-ca", a},
		{"an authority of that name", func(s *story) {
			s.t.Environment.Roots = &trace.Roots{From: []string{"/ca.pem"}, Count: 1, Subjects: []string{"CN=Corp Root"}}
			refused(s, "CN=Corp Root")
		}, "tls-ca-rotated", a},
		{"not valid yet, and another clock is a day ahead", skewed(24 * time.Hour), "clock-skew", "host"},
		{"not valid yet, and another clock is a second ahead", skewed(time.Second), "tls-not-yet-valid", a},
		{"not valid yet, by the other clock too", skewed(time.Hour), "tls-not-yet-valid", a},
	}
}

// oddExamples are about answers that are not what they say.
func oddExamples() []example {
	const a, mod = "goproxy:a.test", "/mod.test/hello/@v/v1.0.0.mod"
	broken := func(s *story, protocol, answer string) {
		r := s.get("a.test", info, 0)
		r.Protocol, r.Error = protocol, decode.MalformedAnswer+": "+answer
		s.ended(s.t.Connections[r.Connection-1], "remote", "closed")
	}
	const text, sum = "module mod.test/hello\n", "h1:AdiRwEI1QnKrfh8kzdZ9s5xZ9Z+Qp8tBYsFY4tE9w7k="
	recorded := func(s *story, line string) {
		page(s.get("sum.test", look, 200), "1\n"+line+"\n")
	}
	return []example{
		{"HTTP/1.1 after ALPN h2", func(s *story) { broken(s, "HTTP/2.0", `no frame begins with "HTTP/1.1 400 Bad Request"`) }, "h2-alpn-lie", a},
		{"a line that is no status line", func(s *story) { broken(s, "HTTP/1.1", `"HTTP/1.1\r\n"`) }, "header-malformed", a},
		{"TLS on the port", func(s *story) {
			page(s.request(s.goproxy("http://a.test:443").dial("a.test", "443"), "GET", "http://a.test:443"+info, 400), "Client sent an HTTP request to an HTTPS server.\n")
		}, "https-on-http-url", a},
		{"another 400", func(s *story) {
			page(s.request(s.goproxy("http://a.test:443").dial("a.test", "443"), "GET", "http://a.test:443"+info, 400), "no\n")
		}, "http-forbidden", a},
		{"says gzip", func(s *story) { page(s.get("a.test", info, 200, "Content-Encoding", "gzip"), `{"Version":"v1.0.0"}`) }, "gzip-broken", a},
		{"is gzip", func(s *story) {
			page(s.get("a.test", info, 200, "Content-Encoding", "gzip"), "\x1f\x8b\x08")
			s.get("a.test", zip, 500)
		}, "http-server-error", a},
		{"a login page elsewhere", func(s *story) {
			s.get("a.test", info, 302, "Location", "https://b.test/login")
			page(s.get("b.test", "/login", 200, "Content-Type", "text/html"), "<title>Log in</title>")
		}, "redirect-to-login", "redirect:b.test"},
		{"a redirect to the file", func(s *story) {
			s.get("a.test", zip, 302, "Location", "https://cdn.test/z.zip")
			s.get("cdn.test", "/z.zip", 200, "Content-Type", "application/zip")
			s.exit(0)
		}, "", ""},
		{"another version", func(s *story) { page(s.get("a.test", info, 200), `{"Version":"v1.0.1"}`) }, "proxy-wrong-version", a},
		{"the version of a branch", func(s *story) {
			page(s.get("a.test", "/mod.test/hello/@v/main.info", 200), `{"Version":"v1.0.1"}`)
			s.get("a.test", zip, 500)
		}, "http-server-error", a},
		{"another go.mod", func(s *story) {
			page(s.get("a.test", mod, 200), text)
			recorded(s, "mod.test/hello v1.0.0/go.mod "+sum)
		}, "checksum-mismatch", a},
		{"the sum of another version", func(s *story) {
			page(s.get("a.test", mod, 200), text)
			recorded(s, "mod.test/hello v1.0.1/go.mod "+sum)
			s.get("a.test", zip, 500)
		}, "http-server-error", a},
	}
}
