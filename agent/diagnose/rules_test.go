package diagnose

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

const (
	info = "/mod.test/hello/@v/v1.0.0.info"
	zip  = "/mod.test/hello/@v/v1.0.0.zip"
	look = "/lookup/mod.test/hello@v1.0.0"
)

// example is a run with a fault, or one that looks like it.
type example struct {
	name string
	make func(s *story)
	rule string // the rule of the verdict; "" for a run without error or warning
	hop  string
}

func examples() []example {
	return slices.Concat(dnsExamples(), upstreamExamples(), tcpExamples(), proxyExamples(), tlsExamples(), certificateExamples(), httpExamples(), moduleExamples(), gitExamples(),
		configExamples(), streamExamples(), blameExamples(), variableExamples(), settingExamples(), directExamples(), answerExamples(), localExamples(), slowExamples(), storeExamples(), oddExamples(), lossExamples(), noteExamples())
}

func dnsExamples() []example {
	const r = "resolver"
	return []example{
		{"NXDOMAIN", func(s *story) { s.lookup("a.test", "NXDOMAIN") }, "dns-nxdomain", r},
		{"NXDOMAIN with a search domain too", func(s *story) { s.lookup("a.test.corp", "NXDOMAIN"); s.lookup("a.test", "NXDOMAIN") }, "dns-nxdomain", r},
		{"NXDOMAIN with the search domain only", func(s *story) { s.lookup("a.test.corp", "NXDOMAIN"); s.get("a.test", info, 200); s.exit(0) }, "", ""},
		{"no AAAA", func(s *story) { s.get("a.test", info, 200); s.exit(0) }, "", ""},
		{"neither A nor AAAA", func(s *story) { s.lookup("a.test", "NOERROR") }, "dns-empty-noerror", r},
		{"SERVFAIL", func(s *story) { s.lookup("a.test", "SERVFAIL") }, "dns-servfail", r},
		{"SERVFAIL for an entry with a comma", func(s *story) { s.goproxy("https://a.test,https://b.test").lookup("a.test", "SERVFAIL") }, "dns-servfail", r},
		{"SERVFAIL, then an answer", func(s *story) { s.lookup("a.test", "SERVFAIL"); s.get("a.test", info, 200); s.exit(0) }, "", ""},
		{"REFUSED", func(s *story) { s.lookup("a.test", "REFUSED") }, "dns-refused", r},
		{"no reply", func(s *story) { s.lookup("a.test", "")[0].Attempts = 2 }, "dns-timeout", r},
		{"no reply for long", func(s *story) { s.lookup("a.test", ""); s.wait(6 * time.Second) }, "dns-timeout", r},
		{"no reply yet", func(s *story) { s.lookup("a.test", ""); s.exit(0) }, "", ""},
		{"first server silent", func(s *story) { s.lookup("a.test", "")[0].Attempts = 2; s.get("a.test", info, 200); s.exit(0) }, "", ""},
		{"port closed", func(s *story) {
			for _, l := range s.lookup("a.test", "") {
				l.Error = "port unreachable from 10.0.0.53"
			}
		}, "dns-port-closed", r},
		{"the proxy's name", func(s *story) { s.viaProxy().lookup("proxy.test", "NXDOMAIN") }, "proxy-name-unresolvable", r},
		{"the proxy's name, no reply", func(s *story) { s.viaProxy().lookup("proxy.test", "")[0].Attempts = 2 }, "dns-timeout", r},
	}
}

func tcpExamples() []example {
	const a = "goproxy:a.test"
	return []example{
		{"RST to the SYN", func(s *story) { s.failed("a.test", "443", "REJ", "ECONNREFUSED", "") }, "tcp-refused", a},
		{"ICMP port unreachable", func(s *story) { s.failed("a.test", "443", "S0", "", "port unreachable from 10.0.0.1") }, "tcp-refused", a},
		{"another address accepted", func(s *story) {
			s.failed("a.test", "443", "REJ", "ECONNREFUSED", "")
			s.get("a.test", info, 200)
			s.exit(0)
		}, "", ""},
		{"SYN repeated", func(s *story) { s.failed("a.test", "443", "S0", "", "").Retransmits = 4; s.wait(30 * time.Second) }, "tcp-syn-dropped", a},
		{"SYN just sent", func(s *story) { s.failed("a.test", "443", "S0", "", ""); s.exit(0) }, "", ""},
		{"host unreachable", func(s *story) { s.failed("a.test", "443", "S0", "EHOSTUNREACH", "host unreachable from 10.0.0.254") }, "icmp-host-unreach", "route"},
		{"no neighbour", func(s *story) { s.failed("a.test", "443", "S0", "EHOSTUNREACH", "") }, "arp-no-answer", "route"},
		{"no neighbour, as the kernel tells itself", func(s *story) {
			c := s.failed("a.test", "443", "S0", "EHOSTUNREACH", "")
			c.Local, c.ICMP = "10.0.0.2:40000", "host unreachable from 10.0.0.2"
		}, "arp-no-answer", "route"},
		{"prohibited", func(s *story) {
			s.failed("a.test", "443", "S0", "EHOSTUNREACH", "communication administratively prohibited from 10.0.0.254")
		}, "fw-admin-prohibited", "route"},
		{"no route", func(s *story) { c := s.failed("a.test", "443", "OTH", "ENETUNREACH", ""); c.Stream = nil }, "route-missing", "route"},
		{"net unreachable", func(s *story) { s.failed("a.test", "443", "S0", "", "network unreachable from 10.0.0.254") }, "route-missing", "route"},
		{"the proxy refuses", func(s *story) { s.viaProxy().failed("proxy.test", "3128", "REJ", "ECONNREFUSED", "") }, "proxy-unreachable", "http-proxy:proxy.test"},
		{"the proxy is silent", func(s *story) { s.viaProxy().failed("proxy.test", "3128", "S0", "", "").Retransmits = 3 }, "proxy-unreachable", "http-proxy:proxy.test"},
		{"comma after a dead entry", func(s *story) {
			s.goproxy("https://a.test,https://b.test").failed("a.test", "443", "REJ", "ECONNREFUSED", "")
		}, "dead-first-with-comma", a},
		{"comma after an entry that there is no route to", func(s *story) {
			s.goproxy("https://a.test,https://b.test").failed("a.test", "443", "OTH", "ENETUNREACH", "").Stream = nil
		}, "route-missing", "route"},
		{"comma, then direct", func(s *story) { s.goproxy("https://a.test,direct").failed("a.test", "443", "REJ", "ECONNREFUSED", "") }, "tcp-refused", a},
		{"git's host", func(s *story) {
			s.goproxy("direct").failed("git.test", "443", "REJ", "", "").PID = 8
			s.t.Lookups[0].PID, s.t.Lookups[1].PID = 8, 8
		}, "tcp-refused", "vcs:git.test"},
	}
}

func proxyExamples() []example {
	const p = "http-proxy:proxy.test"
	return []example{
		{"407", func(s *story) { s.viaProxy().tunnel("a.test:443", 407, "Proxy-Authenticate", "Basic realm=x") }, "proxy-407", p},
		{"407, then with credentials", func(s *story) {
			c := s.viaProxy().tunnel("a.test:443", 407)
			s.request(c, "CONNECT", "a.test:443", 200)
			c.Tunnel.Status = 200
			s.secure(c, "a.test")
			s.request(c, "GET", "https://a.test"+info, 200)
			s.exit(0)
		}, "", ""},
		{"407 without Basic", func(s *story) {
			s.viaProxy().tunnel("a.test:443", 407, "Proxy-Authenticate", "Negotiate", "proxy-authenticate", "NTLM")
		}, "proxy-ntlm-kerberos", p},
		{"407 without Basic to plain http", func(s *story) {
			c := s.goproxy("http://a.test").viaProxy().dial("proxy.test", "3128")
			s.request(c, "GET", "http://a.test"+info, 407).ResponseHeaders = []trace.Header{{Name: "Proxy-Authenticate", Value: "Negotiate"}}
		}, "proxy-ntlm-kerberos", p},
		{"407 with NTLM and Basic", func(s *story) {
			s.viaProxy().tunnel("a.test:443", 407, "Proxy-Authenticate", "NTLM", "Proxy-Authenticate", "basic realm=x")
		}, "proxy-407", p},
		{"407 to plain http", func(s *story) {
			c := s.goproxy("http://a.test").dial("proxy.test", "3128")
			s.t.Environment.Proxy["HTTP_PROXY"] = "proxy.test:3128"
			s.request(c, "GET", "http://a.test"+info, 407)
		}, "proxy-407", p},
		{"403", func(s *story) { s.viaProxy().tunnel("a.test:443", 403) }, "proxy-403", p},
		{"403 for the CDN", func(s *story) {
			c := s.viaProxy().tunnel("a.test:443", 200)
			s.secure(c, "a.test")
			s.request(c, "GET", "https://a.test"+zip, 302, "Location", "https://cdn.test/z")
			s.tunnel("cdn.test:443", 403)
		}, "proxy-403", p},
		{"502", func(s *story) { s.viaProxy().tunnel("a.test:443", 502) }, "proxy-5xx", p},
		{"302", func(s *story) { s.viaProxy().tunnel("a.test:443", 302, "Location", "http://login.test/") }, "proxy-302-portal", p},
		{"204", func(s *story) { s.viaProxy().tunnel("a.test:443", 204) }, "proxy-302-portal", p},
		{"CONNECT without an answer", func(s *story) { s.viaProxy().tunnel("a.test:443", 0); s.wait(60 * time.Second) }, "proxy-hang-connect", p},
		{"CONNECT just sent", func(s *story) { s.viaProxy().tunnel("a.test:443", 0); s.exit(0) }, "", ""},
		{"nothing through the tunnel", func(s *story) {
			c := s.viaProxy().tunnel("a.test:443", 200)
			s.hello(c, "a.test")
			s.wait(10*time.Second).ended(c, "local", "closed")
		}, "proxy-tunnel-silent", p},
		{"tunnel reset after the ClientHello", func(s *story) {
			c := s.viaProxy().tunnel("a.test:443", 200)
			s.hello(c, "a.test")
			s.ended(c, "remote", "reset")
		}, "tunnel-reset", p},
		{"closed in place of an answer to CONNECT", func(s *story) {
			c := s.viaProxy().tunnel("a.test:443", 0)
			s.ended(c, "remote", "closed")
		}, "tunnel-reset", p},
		{"a page in the tunnel", func(s *story) {
			c := s.viaProxy().tunnel("a.test:443", 200)
			s.hello(c, "a.test").NotTLS = []byte("HTTP/1.1 403 Forbidden\r\n")
			s.ended(c, "local", "closed")
		}, "tunnel-plain-http", p},
		{"SOCKS5 refused", func(s *story) {
			c := s.dial("proxy.test", "1080")
			c.Tunnel = &trace.Tunnel{Protocol: "socks5", Authority: "a.test:443", Status: 5, StatusText: "connection refused"}
		}, "socks-refused", p},
		{"SOCKS4 granted", func(s *story) {
			c := s.dial("proxy.test", "1080")
			c.Tunnel = &trace.Tunnel{Protocol: "socks4", Authority: "a.test:443", Status: 90}
			s.secure(c, "a.test")
			s.request(c, "GET", "https://a.test"+info, 200)
			s.exit(0)
		}, "", ""},
		{"the proxy's certificate", func(s *story) {
			s.t.Environment.Proxy["HTTPS_PROXY"] = "https://proxy.test:3129"
			c := s.dial("proxy.test", "3129")
			l := s.hello(c, "proxy.test")
			l.Version, l.Certificates = "TLS 1.3", []*trace.Certificate{certificate("proxy.test")}
			alert(l, "local", "bad_certificate")
		}, "https-proxy-unknown-ca", p},
		{"fault of the origin inside an https proxy's tunnel", func(s *story) {
			s.t.Environment.Proxy["HTTPS_PROXY"] = "https://proxy.test:3129"
			c := s.dial("proxy.test", "3129")
			s.secure(c, "proxy.test")
			s.request(c, "CONNECT", "a.test:443", 200)
			c.Tunnel = &trace.Tunnel{Protocol: "http-connect", Authority: "a.test:443", Status: 200}
			l := s.hello(c, "a.test")
			l.Version, l.Certificates = "TLS 1.3", []*trace.Certificate{certificate("a.test")}
			alert(l, "local", "bad_certificate")
		}, "tls-unknown-ca", "goproxy:a.test"},
	}
}

func tlsExamples() []example {
	const a = "goproxy:a.test"
	hello := func(end func(*story, *trace.Connection, *trace.TLS)) func(*story) {
		return func(s *story) {
			c := s.dial("a.test", "443")
			end(s, c, s.hello(c, "a.test"))
		}
	}
	return []example{
		{"RST after the ClientHello", hello(func(s *story, c *trace.Connection, _ *trace.TLS) { s.ended(c, "remote", "reset") }), "sni-reset", a},
		{"RST after the ClientHello, but we lost bytes", hello(func(s *story, c *trace.Connection, _ *trace.TLS) {
			s.ended(c, "remote", "reset")
			c.MissedBytes = 100
			s.exit(0)
		}), "", ""},
		{"FIN after the ClientHello", hello(func(s *story, c *trace.Connection, _ *trace.TLS) { s.ended(c, "remote", "closed") }), "tls-fin-after-hello", a},
		{"silence after the ClientHello", hello(func(s *story, c *trace.Connection, _ *trace.TLS) {
			s.wait(10*time.Second).ended(c, "local", "closed")
		}), "tls-silent-server", a},
		{"the ClientHello was just sent", hello(func(s *story, _ *trace.Connection, _ *trace.TLS) { s.exit(0) }), "", ""},
		{"HTTP on the port", hello(func(s *story, c *trace.Connection, l *trace.TLS) {
			l.NotTLS = []byte("HTTP/1.1 400 Bad Request\r\n")
			s.ended(c, "local", "closed")
		}), "http-on-https-port", a},
		{"SSH on the port", hello(func(s *story, c *trace.Connection, l *trace.TLS) { l.NotTLS = []byte("SSH-2.0-x\r\n") }), "non-tls-service", a},
		{"protocol_version", hello(func(_ *story, _ *trace.Connection, l *trace.TLS) { alert(l, "remote", "protocol_version") }), "tls-version", a},
		{"handshake_failure", hello(func(_ *story, _ *trace.Connection, l *trace.TLS) { alert(l, "remote", "handshake_failure") }), "tls-handshake-failure", a},
		{"an old version agreed on, then given up", hello(func(_ *story, _ *trace.Connection, l *trace.TLS) {
			l.Version = "TLS 1.1"
			alert(l, "local", "internal_error")
		}), "tls-version", a},
		{"certificate_required", hello(func(_ *story, _ *trace.Connection, l *trace.TLS) {
			l.Established = true
			l.Decrypted = true
			alert(l, "remote", "certificate_required")
		}), "tls-client-cert", a},
		{"certificate_required, after a request", func(s *story) {
			c := s.https("a.test")
			s.request(c, "GET", "https://a.test"+info, 0).Error = "connection closed before an answer"
			alert(c.TLS[0], "remote", "certificate_required")
			s.ended(c, "remote", "closed")
		}, "tls-client-cert", a},
		{"no certificate for TLS 1.2", hello(func(_ *story, _ *trace.Connection, l *trace.TLS) {
			l.CertificateRequested = true
			alert(l, "remote", "handshake_failure")
		}), "tls-client-cert", a},
		{"a certificate for TLS 1.2, not taken", hello(func(_ *story, _ *trace.Connection, l *trace.TLS) {
			l.CertificateRequested, l.ClientCertificates = true, []*trace.Certificate{{Subject: "CN=me"}}
			alert(l, "remote", "handshake_failure")
		}), "tls-handshake-failure", a},
		{"unrecognized_name", hello(func(_ *story, _ *trace.Connection, l *trace.TLS) { alert(l, "remote", "unrecognized_name") }), "tls-alert-policy", a},
		{"unrecognized_name as a warning", hello(func(s *story, c *trace.Connection, l *trace.TLS) {
			alert(l, "remote", "unrecognized_name")
			l.Alert.Level, l.Established, l.Decrypted = "warning", true, true
			s.request(c, "GET", "https://a.test"+info, 200)
			s.exit(0)
		}), "", ""},
	}
}

func httpExamples() []example {
	const a = "goproxy:a.test"
	body := func(end func(*story, *trace.Connection)) func(*story) {
		return func(s *story) {
			c := s.https("a.test")
			half(s.request(c, "GET", "https://a.test"+zip, 200))
			end(s, c)
		}
	}
	status := func(code int) func(*story) { return func(s *story) { s.get("a.test", info, code) } }
	return []example{
		{"401", status(401), "http-unauthorized", a},
		{"401, then with credentials", func(s *story) { s.get("a.test", info, 401); s.get("a.test", info, 200); s.exit(0) }, "", ""},
		{"403", status(403), "http-forbidden", a},
		{"403 for a prefix", func(s *story) {
			s.get("a.test", info, 200)
			s.get("a.test", "/mod.test/@v/v1.0.0.info", 403)
			s.exit(0)
		}, "", ""},
		{"429", status(429), "http-rate-limited", a},
		{"500", status(500), "http-server-error", a},
		{"500 of the CDN", func(s *story) {
			s.get("a.test", zip, 302, "Location", "https://cdn.test/z")
			s.get("cdn.test", "/z", 500)
		}, "http-server-error", "redirect:cdn.test"},
		{"500, then the next entry", func(s *story) {
			s.goproxy("https://a.test|https://b.test").get("a.test", info, 500)
			s.get("b.test", info, 200)
			s.exit(0)
		}, "", ""},
		{"302 without Location", status(302), "redirect-no-location", a},
		{"a page as .info", func(s *story) { s.get("a.test", info, 200, "Content-Type", "text/html") }, "html-200", a},
		{"a page as list", func(s *story) { s.get("a.test", "/mod.test/hello/@v/list", 200).Body = []byte("<html>") }, "html-as-list", a},
		{"a page as .mod", func(s *story) { s.get("a.test", "/mod.test/hello/@v/v1.0.0.mod", 200, "Content-Type", "text/html") }, "html-as-mod-poisons-cache", a},
		{"a page as .zip", func(s *story) { s.get("a.test", zip, 200, "Content-Type", "text/html") }, "html-as-zip", a},
		{"a page for discovery", func(s *story) {
			s.goproxy("direct").get("git.test", "/lib?go-get=1", 200, "Content-Type", "text/html")
			s.exit(0)
		}, "", ""},
		{"a page with 404, then the next entry", func(s *story) {
			s.goproxy("https://a.test,https://b.test").get("a.test", info, 404, "Content-Type", "text/html")
			s.get("b.test", info, 200)
			s.exit(0)
		}, "", ""},
		{"204", status(204), "http-odd-2xx", a},
		{"200, empty", func(s *story) { s.get("a.test", info, 200).ResponseBytes = 0 }, "empty-200", a},
		{"an empty list", func(s *story) { s.get("a.test", "/mod.test/hello/@v/list", 200).ResponseBytes = 0; s.exit(0) }, "", ""},
		{"redirect in a circle", func(s *story) {
			for range 10 {
				s.get("a.test", info, 302, "Location", info)
			}
		}, "redirect-loop", a},
		{"redirect followed", func(s *story) {
			s.get("a.test", zip, 302, "Location", "https://cdn.test/z")
			s.get("cdn.test", "/z", 200)
			s.exit(0)
		}, "", ""},
		{"https to http", func(s *story) { s.get("a.test", zip, 302, "Location", "http://cdn.test/z") }, "redirect-https-to-http", a},
		{"CDN refuses", func(s *story) {
			s.get("a.test", zip, 302, "Location", "https://cdn.test/z?sig=secret")
			s.failed("cdn.test", "443", "REJ", "ECONNREFUSED", "")
		}, "redirect-cdn-blocked", "redirect:cdn.test"},
		{"CDN's name unknown", func(s *story) {
			s.get("a.test", zip, 302, "Location", "https://cdn.test/z")
			s.lookup("cdn.test", "NXDOMAIN")
		}, "redirect-cdn-blocked", "redirect:cdn.test"},
		{"no answer", func(s *story) { s.get("a.test", info, 0); s.wait(30 * time.Second).interrupted() }, "hang-no-response", a},
		{"answer after a while", func(s *story) { s.get("a.test", info, 200).AnsweredAt = s.wait(30 * time.Second).now; s.exit(0) }, "", ""},
		{"no answer seen, but we lost bytes", func(s *story) {
			c := s.https("a.test")
			s.request(c, "GET", "https://a.test"+info, 0)
			c.MissedBytes = 500
			s.wait(30 * time.Second).exit(0)
		}, "", ""},
		{"body closed", body(func(s *story, c *trace.Connection) { s.ended(c, "remote", "closed") }), "body-truncated", a},
		{"body reset by the peer after its FIN", body(func(_ *story, c *trace.Connection) { c.History, c.ClosedBy, c.ResetBy = "ShADadfr", "remote", "remote" }), "body-truncated", a},
		{"body given up by the client", body(func(s *story, c *trace.Connection) {
			c.History, c.ClosedBy, c.ResetBy = "ShADadFr", "local", "remote"
			s.exit(0)
		}), "", ""},
		{"body reset", body(func(s *story, c *trace.Connection) { s.ended(c, "remote", "reset") }), "body-reset", a},
		{"body stopped", body(func(s *story, _ *trace.Connection) { s.wait(20 * time.Second).interrupted() }), "body-stall", a},
		{"body cut by our own losses", body(func(s *story, c *trace.Connection) {
			s.ended(c, "remote", "closed")
			c.MissedBytes = 90
			s.exit(0)
		}), "", ""},
		{"fresh connection closed", func(s *story) {
			c := s.https("a.test")
			s.request(c, "GET", "https://a.test"+info, 0).Error = "connection closed before an answer"
			s.ended(c, "remote", "closed")
		}, "http-fresh-conn-closed", a},
		{"used connection closed, asked again", func(s *story) {
			c := s.https("a.test")
			s.request(c, "GET", "https://a.test"+info, 200)
			s.request(c, "GET", "https://a.test"+zip, 0).Error = "connection closed before an answer"
			s.ended(c, "remote", "closed")
			s.get("a.test", zip, 200)
			s.exit(0)
		}, "", ""},
	}
}

func moduleExamples() []example {
	const a = "goproxy:a.test"
	return []example{
		{"404", func(s *story) { s.get("a.test", info, 404); s.get("a.test", "/mod.test/@v/v1.0.0.info", 404) }, "http-not-found", a},
		{"404, then the next entry", func(s *story) {
			s.goproxy("https://a.test,https://b.test").get("a.test", info, 404)
			s.get("b.test", info, 200)
			s.exit(0)
		}, "", ""},
		{"404 of all entries", func(s *story) {
			s.goproxy("https://a.test,https://b.test").get("a.test", info, 404)
			s.get("b.test", info, 404)
		}, "http-not-found", "goproxy:b.test"},
		{"404 and exit 0", func(s *story) { s.get("a.test", "/mod.test/hello/@v/list", 404); s.exit(0) }, "", ""},
		{"404, then direct refused", func(s *story) {
			s.goproxy("https://a.test,direct").get("a.test", "/git.test/lib/@v/v1.0.0.info", 404)
			s.failed("git.test", "443", "REJ", "ECONNREFUSED", "")
		}, "discovery-blocked", "vcs:git.test"},
		{"no toolchain", func(s *story) {
			s.get("a.test", "/golang.org/toolchain/@v/v0.0.1-go1.99.0.linux-amd64.zip", 404)
		}, "toolchain-not-available", "toolchain:a.test"},
		{"no such import path", func(s *story) { s.goproxy("direct").get("git.test", "/lib?go-get=1", 404) }, "import-path-404", "vcs:git.test"},
		{"git: 401", func(s *story) {
			s.goproxy("direct").get("git.test", "/lib?go-get=1", 200)
			s.get("git.test", "/lib.git/info/refs?service=git-upload-pack", 401)
		}, "git-auth-prompt", "vcs:git.test"},
		{"git: 401, then with credentials", func(s *story) {
			s.goproxy("direct").get("git.test", "/lib.git/info/refs?service=git-upload-pack", 401)
			s.get("git.test", "/lib.git/info/refs?service=git-upload-pack", 200)
			s.exit(0)
		}, "", ""},
		{"git: no answer", func(s *story) {
			s.goproxy("direct").get("git.test", "/lib.git/info/refs?service=git-upload-pack", 0)
			s.wait(60 * time.Second).interrupted()
		}, "git-hang", "vcs:git.test"},
		{"sumdb refused", func(s *story) {
			s.get("a.test", info, 200)
			s.get("a.test", "/sumdb/sum.test/supported", 404)
			s.failed("sum.test", "443", "REJ", "ECONNREFUSED", "")
		}, "sumdb-unreachable", "sumdb:sum.test"},
		{"sumdb's name unknown", func(s *story) { s.get("a.test", info, 200); s.lookup("sum.test", "NXDOMAIN") }, "sumdb-unreachable", "sumdb:sum.test"},
		{"relay: 403", func(s *story) { s.get("a.test", "/sumdb/sum.test/supported", 403) }, "sumdb-relay-broken", a},
		{"relay: 404, sumdb asked directly", func(s *story) {
			s.get("a.test", "/sumdb/sum.test/supported", 404)
			s.get("sum.test", look, 200)
			s.exit(0)
		}, "", ""},
		{"sumdb: a page", func(s *story) { s.get("sum.test", look, 200, "Content-Type", "text/html") }, "sumdb-html", "sumdb:sum.test"},
		{"sumdb: 404", func(s *story) { s.get("sum.test", look, 404) }, "sumdb-404-private", "sumdb:sum.test"},
		{"sumdb: 500", func(s *story) { s.get("sum.test", look, 500) }, "http-server-error", "sumdb:sum.test"},
		{"sumdb: no answer", func(s *story) { s.get("sum.test", look, 0); s.wait(20 * time.Second).interrupted() }, "sumdb-hang", "sumdb:sum.test"},
	}
}

func TestRules(t *testing.T) {
	for _, e := range examples() {
		s := begin()
		e.make(s)
		tr := s.diagnosed()
		if tr.Verdict.Finding != e.rule || tr.Verdict.Hop != e.hop {
			t.Errorf("%s: verdict %q at %q, want %q at %q", e.name, tr.Verdict.Finding, tr.Verdict.Hop, e.rule, e.hop)
		}
		for _, f := range tr.Findings {
			if f.Severity != trace.Info && f.Rule != e.rule {
				t.Errorf("%s: also %s %s at %s", e.name, f.Severity, f.Rule, f.Hop)
			}
		}
	}
}

// Each finding must have exactly the arguments that its rule declares, since
// the sentences rely on them, evidence for each, and no secret anywhere.
func TestFindingsAreWhole(t *testing.T) {
	found := map[string]bool{}
	for _, e := range examples() {
		s := begin()
		e.make(s)
		for _, f := range s.diagnosed().Findings {
			found[f.Rule] = true
			i := slices.IndexFunc(Rules(), func(r Rule) bool { return r.ID == f.Rule })
			want := slices.Sorted(slices.Values(Rules()[i].Args()))
			if got := slices.Sorted(maps.Keys(f.Args)); !slices.Equal(got, want) {
				t.Errorf("%s: %s has args %v, declared are %v", e.name, f.Rule, got, want)
			}
			if len(f.Evidence) == 0 {
				t.Errorf("%s: %s without evidence", e.name, f.Rule)
			}
			for _, ev := range f.Evidence {
				if ev.Text == "" || ev.Kind != kindConfig && ev.Kind != kindProcess && len(ev.Frames) == 0 {
					t.Errorf("%s: %s: empty evidence %+v", e.name, f.Rule, ev)
				}
				if strings.Contains(ev.Text, "secret") {
					t.Errorf("%s: %s: a secret in %q", e.name, f.Rule, ev.Text)
				}
			}
			for name, v := range f.Args {
				if strings.Contains(v, "secret") {
					t.Errorf("%s: %s: a secret in %s=%q", e.name, f.Rule, name, v)
				}
			}
			if f.At.IsZero() {
				t.Errorf("%s: %s: no time", e.name, f.Rule)
			}
		}
	}
	for _, r := range Rules() {
		if !found[r.ID] && r.ID != "tls-no-secret" {
			t.Errorf("no example finds %s", r.ID)
		}
	}
}

func TestRuleIDsAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		if seen[r.ID] {
			t.Errorf("%s twice", r.ID)
		}
		seen[r.ID] = true
	}
}

func TestNoSecret(t *testing.T) {
	s := begin()
	c := s.https("a.test")
	c.TLS[0].Decrypted = false
	s.get("b.test", info, 200)
	tr := s.exit(0).diagnosed()
	if len(tr.Findings) != 1 || tr.Findings[0].Rule != "tls-no-secret" || tr.Findings[0].Severity != trace.Info {
		t.Fatalf("findings %+v", tr.Findings)
	}
	if a := tr.Findings[0].Args; a["count"] != "1" || a["opened"] != "1" || a["process"] != "/usr/local/go/bin/go" {
		t.Errorf("args %v", a)
	}
	tr.Command = nil // a plain capture file
	Diagnose(tr)
	if len(tr.Findings) != 0 {
		t.Errorf("a capture file without secrets is found odd: %+v", tr.Findings[0])
	}
}
