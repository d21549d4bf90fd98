package diagnose

import (
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// stripped takes away what a capture file does not have: settings, processes and
// the command. The packets go on until now.
func (s *story) stripped() *trace.Trace {
	s.t.Command, s.t.Environment, s.t.Processes, s.t.Last = nil, nil, nil, s.step()
	for _, l := range s.t.Lookups {
		l.PID = 0
	}
	for _, c := range s.t.Connections {
		c.PID, c.Errno = 0, ""
	}
	for _, r := range s.t.Requests {
		r.PID = 0
	}
	return s.diagnosed()
}

// What a command's recording tells by its settings, a capture file tells by what
// hosts were asked.
func TestCaptureFiles(t *testing.T) {
	const gitInfo = "/git.test/lib/@v/v1.0.0.info"
	agent := func(r *trace.Request, name string) {
		r.Headers = append(r.Headers, trace.Header{Name: "User-Agent", Value: name})
	}
	sealed := func(again int) func(*story) {
		return func(s *story) {
			c := s.dial("a.test", "443")
			l := s.hello(c, "a.test")
			l.Version, l.Established = "TLS 1.3", true
			c.BytesReceived, c.Retransmits, c.Unacked = 900, again, 300
			s.wait(20 * time.Second)
		}
	}
	for _, e := range []example{
		{"a proxy's port", func(s *story) { s.failed("proxy.test", "3128", "REJ", "", "") }, "proxy-unreachable", "http-proxy:proxy.test"},
		{"the checksum database", func(s *story) {
			s.get("a.test", "/sumdb/sum.test/supported", 404)
			s.failed("sum.test", "443", "REJ", "", "")
		}, "sumdb-unreachable", "sumdb:sum.test"},
		{"the module's own host after 404", func(s *story) {
			s.get("a.test", gitInfo, 404)
			s.failed("git.test", "443", "REJ", "", "")
		}, "discovery-blocked", "vcs:git.test"},
		{"404, then discovery", func(s *story) {
			s.get("a.test", gitInfo, 404)
			s.get("git.test", "/lib?go-get=1", 200).Body = []byte(`<meta name="go-import" content="git.test/lib git https://git.test/lib.git">`)
		}, "", ""},
		{"ssh's port", func(s *story) { s.failed("git.test", "22", "REJ", "", "") }, "ssh-blocked", "vcs:git.test"},
		{"git's CONNECT", func(s *story) {
			agent(s.request(s.dial("proxy.test", "3128"), "CONNECT", "git.test:443", 403), "git/2.39.5")
		}, "git-proxy-refused", "http-proxy:proxy.test"},
		{"go's CONNECT", func(s *story) {
			agent(s.request(s.dial("proxy.test", "3128"), "CONNECT", "a.test:443", 403), "Go-http-client/1.1")
		}, "proxy-403", "http-proxy:proxy.test"},
		{"a request until the end of the file", func(s *story) { s.get("a.test", info, 0); s.wait(5 * time.Second) }, "hang-no-response", "goproxy:a.test"},
		{"a request just before the end", func(s *story) { s.get("a.test", info, 0) }, "", ""},
		{"sent again and again, encrypted", sealed(5), "tcp-midstream-blackhole", "goproxy:a.test"},
		{"sent again once, encrypted", sealed(1), "", ""},
		{"a name without a domain", func(s *story) { s.lookup("vm", "NXDOMAIN"); s.get("a.test", info, 200) }, "", ""},
		{"a name with a domain", func(s *story) { s.lookup("b.test", "NXDOMAIN"); s.get("a.test", info, 200) }, "dns-nxdomain", "resolver"},
	} {
		t.Run(e.name, func(t *testing.T) {
			s := begin()
			e.make(s)
			if v := s.stripped().Verdict; v.Finding != e.rule || v.Hop != e.hop {
				t.Errorf("%q at %q, want %q at %q", v.Finding, v.Hop, e.rule, e.hop)
			}
		})
	}
}

// The next entry that go asked after an error other than 404 shows a "|".
func TestEntriesWithoutSettings(t *testing.T) {
	s := begin()
	for _, path := range []string{info, "/mod.test/hello/@v/v1.0.0.mod", zip} {
		c := s.https("a.test")
		r := s.request(c, "GET", "https://a.test"+path, 503)
		s.wait(2 * time.Second)
		r.EndedAt = s.step()
		s.get("b.test", path, 200)
	}
	if v := s.stripped().Verdict; v.Finding != "dead-first-with-pipe" || v.Hop != "goproxy:a.test" {
		t.Errorf("%q at %q", v.Finding, v.Hop)
	}
}
