package diagnose

import (
	"strings"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// child adds a process below go, with pid 9.
func (s *story) child(exe string, code int) *story {
	s.t.Processes = append(s.t.Processes, &trace.Process{PID: 9, PPID: 7, Exe: exe, Argv: []string{exe}, ExitCode: new(code)})
	return s
}

// as gives what was done last to the process with that pid.
func (s *story) as(pid uint32, r *trace.Request) {
	r.PID = pid
	s.t.Connections[r.Connection-1].PID = pid
	for _, l := range s.t.Lookups[len(s.t.Lookups)-2:] {
		l.PID = pid
	}
}

func configExamples() []example {
	proxied := func(value string, make func(*story, *trace.Connection)) func(*story) {
		return func(s *story) {
			s.t.Environment.Proxy["HTTPS_PROXY"] = value
			make(s, s.dial("proxy.test", "3128"))
		}
	}
	off := func(argv ...string) func(*story) {
		return func(s *story) {
			s.goproxy("off")
			s.t.Command.Argv = argv
		}
	}
	const p = "http-proxy:proxy.test"
	return []example{
		{"https:// for a plain proxy", proxied("https://u:secret@proxy.test:3128", func(s *story, c *trace.Connection) {
			s.hello(c, "proxy.test").NotTLS = []byte("HTTP/1.1 400 Bad Request\r\n")
			s.ended(c, "remote", "closed")
		}), "wrong-scheme-to-proxy", "config"},
		{"https:// for a server of HTTP/0.9", proxied("https://proxy.test:3128", func(s *story, c *trace.Connection) {
			s.hello(c, "proxy.test").NotTLS = []byte("<!DOCTYPE HTML>")
		}), "wrong-scheme-to-proxy", "config"},
		{"http:// for a TLS proxy", proxied("http://proxy.test:3128", func(s *story, c *trace.Connection) {
			s.request(c, "CONNECT", "a.test:443", 0).Error = `malformed answer: "\x15\x03\x01\x00\x02\x02F"`
			s.ended(c, "remote", "closed")
		}), "wrong-scheme-to-proxy", "config"},
		{"a web server as proxy: 404", func(s *story) { s.viaProxy().tunnel("a.test:443", 404) }, "proxy-not-a-proxy", p},
		{"a web server as proxy: 501", func(s *story) { s.viaProxy().tunnel("a.test:443", 501) }, "proxy-not-a-proxy", p},
		{"GOPROXY=off", off("go", "get", "mod.test/hello@v1.0.0"), "goproxy-off", "config"},
		{"GOPROXY=off, all in the cache", func(s *story) { off("go", "get", "mod.test/hello")(s); s.exit(0) }, "", ""},
		{"GOPROXY=off, not go", off("make"), "", ""},
	}
}

func streamExamples() []example {
	const a = "goproxy:a.test"
	broken := func(reason string) func(*story) {
		return func(s *story) {
			s.get("a.test", info, 0).Error = reason
			s.t.Connections[0].GoAway = &trace.GoAway{SentBy: "remote", Debug: "boom"}
		}
	}
	sentAway := func(times int) func(*story) {
		return func(s *story) {
			for range times {
				r := s.get("a.test", info, 0)
				r.Protocol, r.Error = "HTTP/2.0", "refused by GOAWAY by remote: NO_ERROR"
			}
		}
	}
	return []example{
		{"GOAWAY for ever", sentAway(loopTries), "h2-goaway-loop", a},
		{"GOAWAY some times", sentAway(loopTries - 1), "", ""},
		{"GOAWAY for long, then an answer", func(s *story) {
			sentAway(loopTries)(s)
			s.get("a.test", info, 200).Protocol = "HTTP/2.0"
			s.exit(0)
		}, "", ""},
		{"RST_STREAM", broken("stream reset by remote: INTERNAL_ERROR"), "h2-stream-error", a},
		{"END_STREAM in the body", func(s *story) {
			r := half(s.get("a.test", zip, 200))
			r.Protocol, r.ResponseComplete = "HTTP/2.0", true
		}, "body-truncated", a},
		{"RST_STREAM in the body", func(s *story) {
			half(s.get("a.test", zip, 200)).Error = "stream reset by remote: CANCEL"
			s.ended(s.t.Connections[0], "remote", "closed")
		}, "h2-stream-error", a},
		{"RST_STREAM by the client", func(s *story) { broken("stream reset by local: CANCEL")(s); s.exit(0) }, "", ""},
		{"REFUSED_STREAM", broken("stream reset by remote: REFUSED_STREAM"), "h2-refused-stream", a},
		{"REFUSED_STREAM, then an answer", func(s *story) {
			broken("stream reset by remote: REFUSED_STREAM")(s)
			s.get("a.test", info, 200)
			s.exit(0)
		}, "", ""},
		{"a request that crosses with GOAWAY", func(s *story) {
			broken("connection closed before an answer")(s)
			s.t.Connections[0].GoAway.Code = "ENHANCE_YOUR_CALM"
			s.ended(s.t.Connections[0], "remote", "closed")
		}, "h2-enhance-your-calm", a},
		{"ENHANCE_YOUR_CALM", broken("refused by GOAWAY by remote: ENHANCE_YOUR_CALM"), "h2-enhance-your-calm", a},
		{"HTTP_1_1_REQUIRED", broken("stream reset by remote: HTTP_1_1_REQUIRED"), "h2-http11-required", a},
		{"GOAWAY", broken("refused by GOAWAY by remote: INTERNAL_ERROR"), "h2-goaway-error", a},
		{"GOAWAY without an error", broken("refused by GOAWAY by remote: NO_ERROR"), "", ""},
	}
}

// blameExamples are what looks like a fault and is none of the command's.
func blameExamples() []example {
	return []example{
		{"a test's own server", func(s *story) {
			s.child("/tmp/go-build1/b001/x.test", 1).as(9, s.get("127.0.0.1", "/", 500))
		}, "", ""},
		{"a test's own module proxy", func(s *story) {
			s.child("/tmp/go-build1/b001/x.test", 1).as(9, s.get("127.0.0.1", info, 500))
		}, "", ""},
		{"curl without -f", func(s *story) { s.child("/usr/bin/curl", 0).as(9, s.get("a.test", "/api/x", 500)) }, "", ""},
		{"curl that waits for a server of its own script", func(s *story) {
			s.child("/usr/bin/curl", 7).goproxy("https://b.test")
			c := s.failed("local", "8080", "REJ", "ECONNREFUSED", "")
			c.PID, c.Remote = 9, "127.0.0.1:8080"
		}, "", ""},
		{"git, about this machine's name", func(s *story) {
			s.child("/usr/bin/git", 0).t.Processes[2].Argv = []string{"git", "clone", "https://git.test/lib"}
			for _, l := range s.lookup("vm", "NXDOMAIN") {
				l.PID = 9
			}
			s.exit(0)
		}, "", ""},
		{"curl that failed", func(s *story) { s.child("/usr/bin/curl", 22).as(9, s.get("b.test", "/api/x", 500)) }, "http-server-error", "other:b.test"},
		{"a file that is none of a module", func(s *story) { s.child("/usr/bin/curl", 22).as(9, s.get("a.test", "/x", 404)) }, "url-not-found", "goproxy:a.test"},
		{"HEAD", func(s *story) {
			r := s.get("a.test", "/mod.test/hello/@v/v1.0.0.mod", 200)
			r.Method, r.ResponseBytes = "HEAD", 0
		}, "", ""},
		{"400", func(s *story) { s.get("a.test", info, 400) }, "http-forbidden", "goproxy:a.test"},
		{"no such git repository", func(s *story) {
			s.goproxy("direct").get("git.test", "/lib.git/info/refs?service=git-upload-pack", 404)
		}, "git-not-found", "vcs:git.test"},
		{"a prefix, with the module in the cache", func(s *story) { s.get("a.test", "/mod.test/@v/v1.0.0.info", 403) }, "", ""},
		{"a prefix without an answer", func(s *story) {
			s.get("a.test", "/mod.test/@v/v1.0.0.info", 0)
			s.wait(30 * time.Second).interrupted()
		}, "hang-no-response", "goproxy:a.test"},
		{"a prefix that was asked for itself", func(s *story) {
			s.t.Command.Argv = []string{"go", "get", "mod.test/hello@v1.0.0", "mod.test/hello/sub@v1.0.0"}
			s.get("a.test", info, 404)
		}, "http-not-found", "goproxy:a.test"},
		{"the proxy refused what it was asked for next", func(s *story) { // survived is told fetch by fetch
			s.goproxy("https://a.test,https://b.test").get("a.test", info, 404)
			s.get("b.test", info, 200)
			s.get("a.test", "/mod.test/quote/@v/v1.2.0.info", 500)
		}, "http-server-error", "goproxy:a.test"},
		{"a spare connection", func(s *story) {
			c := s.https("a.test")
			c.TLS[0].Certificates = []*trace.Certificate{certificate("a.test")}
			c.TLS[0].Certificates[0].SHA256 = "ab"
			s.request(c, "GET", "https://a.test"+info, 200)
			d := s.dial("a.test", "443")
			l := s.hello(d, "a.test")
			l.Version, l.Certificates = "TLS 1.3", c.TLS[0].Certificates
			s.ended(d, "local", "closed")
		}, "", ""},
		{"refused by GnuTLS", func(s *story) {
			s.child("/usr/bin/wget", 5).t.Processes[2].TLS = "gnutls"
			c := s.https("b.test")
			c.PID, c.TLS[0].Certificates = 9, []*trace.Certificate{certificate("b.test")}
			s.ended(c, "local", "closed")
		}, "tls-unknown-ca", "other:b.test"},
	}
}

// A test binary's traffic is a note; it stays out of the way of everything.
func TestForeignIsInfo(t *testing.T) {
	s := begin()
	s.child("/tmp/go-build1/b001/x.test", 1).as(9, s.get("127.0.0.1", "/", 500))
	tr := s.diagnosed()
	if len(tr.Findings) != 1 || tr.Findings[0].Severity != trace.Info || tr.Findings[0].Hop != "other:127.0.0.1" {
		t.Errorf("findings %+v", tr.Findings[0])
	}
}

// A short wait that the end of the command ended is no proof of a hang.
// What was cut from a command line may be the module that it fetches.
func TestGoproxyOffWithArgvCut(t *testing.T) {
	for _, c := range []struct {
		cut      bool
		severity string
	}{{false, trace.Warning}, {true, trace.Error}} {
		s := begin().goproxy("off")
		s.t.Command.Argv = []string{"make"}
		s.t.Processes = []*trace.Process{{PID: 7, Exe: "/usr/local/go/bin/go", Argv: []string{"go", "run"}, ArgvCut: c.cut, ExitCode: new(1)}}
		if f := s.diagnosed().Findings[0]; f.Rule != "goproxy-off" || f.Severity != c.severity || f.Confidence != trace.Possible {
			t.Errorf("cut %t: %s, %s, %s", c.cut, f.Rule, f.Severity, f.Confidence)
		}
	}
}

func TestShortWaitIsPossible(t *testing.T) {
	for _, c := range []struct {
		wait              time.Duration
		confidence, brief string
	}{{2 * time.Second, trace.Possible, "yes"}, {10 * time.Second, trace.Certain, ""}} {
		s := begin()
		s.get("a.test", info, 0)
		tr := s.wait(c.wait).interrupted().diagnosed()
		if f := tr.Findings[0]; f.Rule != "hang-no-response" || f.Confidence != c.confidence || f.Args["brief"] != c.brief {
			t.Errorf("after %v: %s %s %v", c.wait, f.Rule, f.Confidence, f.Args)
		}
	}
	s := begin()
	s.get("a.test", info, 0)
	s.wait(2 * time.Second).interrupted()
	s.t.Command.Interrupted, s.t.Command.Signal = false, "SIGSEGV"
	if tr := s.diagnosed(); tr.Verdict.Outcome != trace.Failed || tr.Verdict.Finding == "hang-no-response" {
		t.Errorf("a crash: %+v", tr.Verdict)
	}
}

// What is said of a chain is certain for the server's own certificate only.
func TestExpiredExtraCertificate(t *testing.T) {
	for _, c := range []struct {
		name, rule, confidence string
		chain                  []string
	}{
		{"the leaf", "tls-expired", trace.Certain, []string{"expired"}},
		{"an extra one", "tls-expired", trace.Likely, []string{"", "expired"}},
	} {
		s := begin()
		l := s.hello(s.dial("a.test", "443"), "a.test")
		l.Version = "TLS 1.3"
		for _, kind := range c.chain {
			x := certificate("a.test")
			if kind == "expired" {
				x.NotAfter = x.NotBefore.AddDate(0, 1, 0)
			}
			l.Certificates = append(l.Certificates, x)
		}
		alert(l, "local", "bad_certificate")
		if f := s.diagnosed().Findings[0]; f.Rule != c.rule || f.Confidence != c.confidence {
			t.Errorf("%s: %s, %s", c.name, f.Rule, f.Confidence)
		}
	}
}

// Behind a proxy the address of the connection is not the origin's.
func TestPlaceBehindAProxy(t *testing.T) {
	s := begin().viaProxy()
	c := s.tunnel("a.test:443", 200)
	l := s.hello(c, "a.test")
	l.Version, l.Certificates = "TLS 1.3", []*trace.Certificate{certificate("a.test")}
	alert(l, "remote", "handshake_failure")
	a := s.diagnosed().Findings[0].Args
	if a["place"] != "" || a["via"] != "proxy.test:3128" || a["endpoint"] != "a.test:443" {
		t.Errorf("args %v", a)
	}
}

// A fix holds the proxy's URL as it can be typed.
func TestProxyURL(t *testing.T) {
	for value, want := range map[string]string{
		"http://u:secret@[fd77::a]:3128": "http://***@[fd77::a]:3128",
		"https://[fd77::a]:3128":         "https://[fd77::a]:3128",
		"[fd77::a]:3128":                 "http://[fd77::a]:3128",
	} {
		s := begin()
		s.t.Environment.Proxy["HTTPS_PROXY"] = value
		c := s.dial("proxy.test", "3128")
		c.Remote, c.Errno, c.State, c.Connect = "[fd77::a]:3128", "ECONNREFUSED", "REJ", nil
		f := s.diagnosed().Findings[0]
		if f.Args["proxy"] != want || f.Args["endpoint"] != "[fd77::a]:3128" {
			t.Errorf("%s: %s %v", value, f.Rule, f.Args)
		}
	}
}

// The whole list is kept when one separator is mended.
func TestDeadFirstKeepsTheList(t *testing.T) {
	s := begin().goproxy("https://u:secret@a.test,https://b.test,direct")
	s.failed("a.test", "443", "REJ", "ECONNREFUSED", "")
	f := s.diagnosed().Findings[0]
	if want := "https://***@a.test|https://b.test,direct"; f.Args["list"] != want || strings.Contains(f.Args["list"], "secret") {
		t.Errorf("%s: list %q, want %q", f.Rule, f.Args["list"], want)
	}
	if want := "https://b.test,direct"; f.Args["rest"] != want {
		t.Errorf("rest %q, want %q", f.Args["rest"], want)
	}
}
