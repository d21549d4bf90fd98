package diagnose

import (
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

func certificateExamples() []example {
	const a = "goproxy:a.test"
	refused := func(by string, chain ...*trace.Certificate) func(*story) {
		return func(s *story) {
			l := s.hello(s.dial("a.test", "443"), "a.test")
			l.Version, l.Certificates = "TLS 1.3", chain
			alert(l, "local", by)
		}
	}
	expired := certificate("a.test")
	expired.NotAfter = time.Date(2025, 2, 1, 0, 0, 0, 0, time.UTC)
	future := certificate("a.test")
	future.NotBefore = time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	self := certificate("a.test")
	self.SelfSigned = true
	accepted := func(c *trace.Certificate) func(*story) {
		return func(s *story) {
			conn := s.https("a.test")
			conn.TLS[0].Certificates = []*trace.Certificate{c}
			s.request(conn, "GET", "https://a.test"+info, 200)
			s.exit(0)
		}
	}
	curl := func(chain ...*trace.Certificate) func(*story) {
		return func(s *story) {
			s.t.Processes = append(s.t.Processes, &trace.Process{PID: 9, Exe: "/usr/bin/curl", TLS: "openssl", ExitCode: new(60)})
			c := s.https("a.test")
			c.PID, c.TLS[0].Certificates = 9, chain
			s.goproxy("https://b.test").ended(c, "local", "closed")
		}
	}
	issued := func(name string, urls ...string) *trace.Certificate {
		c := certificate(name)
		c.CAIssuers = urls
		return c
	}
	expiredOf := func(c *trace.Certificate) *trace.Certificate {
		c.NotAfter = expired.NotAfter
		return c
	}
	return []example{
		{"expired", refused("bad_certificate", expired), "tls-expired", a},
		{"expired, by OpenSSL's alert", refused("certificate_expired", expired), "tls-expired", a},
		{"expired intermediate", refused("bad_certificate", certificate("a.test"), expired), "tls-expired", a},
		{"expired and accepted", accepted(expired), "", ""}, // curl -k
		{"not yet valid", refused("bad_certificate", future), "tls-not-yet-valid", a},
		{"another name", refused("bad_certificate", certificate("other.test", "*.a.test")), "tls-hostname", a},
		{"a wildcard that fits", refused("bad_certificate", certificate("*.test")), "tls-unknown-ca", a},
		{"self-signed", refused("bad_certificate", self), "tls-self-signed", a},
		{"self-signed and accepted", accepted(self), "", ""},
		{"unknown authority", refused("bad_certificate", certificate("A.TEST")), "tls-unknown-ca", a},
		{"a chain without its intermediate", refused("bad_certificate", issued("a.test", "http://ca.test/i.cer")), "tls-missing-intermediate", a},
		{"a private authority that is in LDAP", refused("bad_certificate", issued("a.test", "ldap:///CN=ca")), "tls-unknown-ca", a},
		{"a whole chain of an unknown authority", refused("bad_certificate", issued("a.test", "http://ca.test/i.cer"), certificate()), "tls-unknown-ca", a},
		{"an expired one without its intermediate", refused("bad_certificate", expiredOf(issued("a.test", "http://ca.test/i.cer"))), "tls-expired", a},
		{"without its intermediate and accepted", accepted(issued("a.test", "http://ca.test/i.cer")), "", ""},
		{"unknown authority, unreadable chain", refused("unknown_ca"), "tls-unknown-ca", a},
		{"closed without an alert", func(s *story) {
			c := s.dial("a.test", "443")
			l := s.hello(c, "a.test")
			l.Version, l.Certificates = "TLS 1.2", []*trace.Certificate{certificate("a.test")}
			s.ended(c, "local", "closed")
		}, "tls-unknown-ca", a},
		{"another name, as curl sees after the handshake", curl(certificate("other.test")), "tls-hostname", "other:a.test"},
		{"given up by curl for something else", curl(certificate("a.test")), "", ""},
		{"ended in the middle of the handshake", func(s *story) {
			c := s.dial("a.test", "443")
			l := s.hello(c, "a.test")
			l.Version, l.Certificates = "TLS 1.2", []*trace.Certificate{certificate("a.test")}
			s.interrupted().ended(c, "local", "closed")
			s.t.Processes[0].ExitedAt = c.ClosedAt
		}, "", ""},
	}
}
