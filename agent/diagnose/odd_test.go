package diagnose

import (
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// What is odd and works, or was got over without harm, is no reason for a
// warning: networks of companies are full of it.
func TestOddAndHealthy(t *testing.T) {
	for name, play := range map[string]func(*story){
		"404 of the proxy, then direct": func(s *story) {
			s.goproxy("https://a.test,direct")
			s.get("a.test", "/git.test/lib/@v/list", 404)
			s.get("git.test", "/lib?go-get=1", 200)
			s.gits("git.test", "/lib.git/info/refs?service=git-upload-pack", 200)
		},
		"410 of the proxy, then another entry": func(s *story) {
			s.goproxy("https://a.test,https://b.test")
			s.get("a.test", info, 410)
			s.get("b.test", info, 200)
		},
		"a slow mirror": func(s *story) {
			r := s.get("a.test", zip, 200)
			s.wait(25 * time.Second)
			r.ResponseBytes, r.AnsweredAt, r.LastByteAt, r.EndedAt = 900_000, s.now.Add(-5*time.Second), s.now, s.now
		},
		"IPv6 broken, IPv4 fine": func(s *story) {
			c := s.dial("a.test", "443")
			s.t.Lookups[1].Answers = []trace.Answer{{Name: "a.test", Type: "AAAA", Data: "2001:db8::1"}}
			c.Remote, c.Connect, c.State, c.History, c.Retransmits = "[2001:db8::1]:443", nil, "S0", "S", 1
			s.ended(c, "local", "closed")
			s.get("a.test", info, 200)
		},
		"no IPv6 route, IPv4 fine": func(s *story) {
			c := s.failed("a.test", "443", "", "ENETUNREACH", "")
			s.t.Lookups[1].Answers = []trace.Answer{{Name: "a.test", Type: "AAAA", Data: "2001:db8::1"}}
			c.Remote = "[2001:db8::1]:443"
			s.get("a.test", info, 200)
		},
		"a connection that was idle for too long, repeated": func(s *story) {
			c := s.https("a.test")
			s.request(c, "GET", "https://a.test"+info, 200)
			r := s.request(c, "GET", "https://a.test"+zip, 0)
			r.Error = "connection closed before an answer"
			s.ended(c, "remote", "closed")
			s.get("a.test", zip, 200)
		},
		"a proxy of HTTP/1.0": func(s *story) {
			s.viaProxy()
			c := s.tunnel("a.test:443", 200)
			s.t.Requests[0].Protocol = "HTTP/1.0"
			s.secure(c, "a.test")
			s.request(c, "GET", "https://a.test"+info, 200)
		},
		"the checksum database off": func(s *story) {
			s.t.Environment.GoEnv["GOSUMDB"] = trace.Setting{Value: "off", Origin: "environment"}
			s.get("a.test", info, 200)
			s.get("a.test", zip, 200)
		},
		"go build with -mod=vendor, no network": func(s *story) {
			s.t.Command.Argv = []string{"go", "build", "./..."}
			s.t.Environment.GoEnv["GOFLAGS"] = trace.Setting{Value: "-mod=vendor", Origin: "environment"}
		},
		"GOPROXY=off and all in the cache": func(s *story) { s.goproxy("off") },
		"GOTOOLCHAIN=local": func(s *story) {
			s.t.Environment.GoEnv["GOTOOLCHAIN"] = trace.Setting{Value: "local", Origin: "environment"}
			s.get("a.test", info, 200)
		},
		"git: 401, then 200 with credentials": func(s *story) {
			s.goproxy("direct")
			s.get("git.test", "/lib?go-get=1", 200)
			s.gits("git.test", "/lib.git/info/refs?service=git-upload-pack", 401, "Www-Authenticate", "Basic realm=x")
			s.gits("git.test", "/lib.git/info/refs?service=git-upload-pack", 200)
		},
		"go: 401, then 200 with netrc": func(s *story) {
			s.get("a.test", info, 401)
			s.get("a.test", info, 200)
		},
		"git: 407, then 200 with credentials": func(s *story) {
			s.viaProxy().goproxy("direct")
			s.tunnel("git.test:443", 407, "Proxy-Authenticate", "Basic realm=x").PID = 8
			s.t.Requests[0].PID = 8
			c := s.tunnel("git.test:443", 200)
			c.PID, s.t.Requests[1].PID = 8, 8
			s.secure(c, "git.test")
			s.request(c, "GET", "https://git.test/lib.git/info/refs?service=git-upload-pack", 200)
		},
		"go list -m -u all": func(s *story) {
			s.t.Command.Argv = []string{"go", "list", "-m", "-u", "all"}
			for i, status := range []int{200, 404, 410, 200, 404, 404, 410, 410, 200} {
				s.get("a.test", "/mod.test/m"+string(rune('a'+i))+"/@v/list", status)
			}
			s.get("a.test", "/mod.test/mb/@latest", 404)
		},
		"a search domain first": func(s *story) {
			s.lookup("a.test.corp.test", "NXDOMAIN")
			s.get("a.test", info, 200)
		},
		"one question lost, asked again": func(s *story) {
			s.lookup("a.test", "10.0.0.1")[0].Attempts = 2
			s.get("a.test", info, 200)
		},
		"a SYN lost, sent again": func(s *story) {
			c := s.https("a.test")
			c.Retransmits, c.Connect = 1, new(trace.Millis(1030))
			s.request(c, "GET", "https://a.test"+info, 200)
		},
		"a relay that has no checksum database": func(s *story) {
			s.get("a.test", info, 200)
			s.get("a.test", "/sumdb/sum.test/supported", 404)
			s.get("sum.test", "/lookup/mod.test/hello@v1.0.0", 200)
		},
		"HTTP_PROXY only, and no proxy needed": func(s *story) {
			s.t.Environment.Proxy["HTTP_PROXY"] = "http://proxy.test:3128"
			s.get("a.test", info, 200)
		},
		"the connection reset by go itself at the end": func(s *story) {
			c := s.https("a.test")
			s.request(c, "GET", "https://a.test"+info, 200)
			s.ended(c, "local", "reset")
		},
	} {
		s := begin().exit(0)
		play(s)
		for _, found := range s.diagnosed().Findings {
			if found.Severity != trace.Info {
				t.Errorf("%s: %s %s at %s: %v", name, found.Severity, found.Rule, found.Hop, found.Evidence)
			}
		}
	}
}

// gits is get by git.
func (s *story) gits(host, path string, status int, headers ...string) *trace.Request {
	r := s.get(host, path, status, headers...)
	r.PID, s.t.Connections[len(s.t.Connections)-1].PID = 8, 8
	return r
}

// The link at which time was lost is not ok, and a name server that is asked
// over TCP is no other link than the resolver.
func TestHopStates(t *testing.T) {
	s := begin().goproxy("https://a.test|https://b.test").exit(0)
	for range 4 {
		s.get("a.test", info, 503)
		s.t.Requests[len(s.t.Requests)-1].AnsweredAt = s.step().Add(time.Second)
		s.wait(time.Second)
		s.get("b.test", info, 200)
	}
	c := s.dial("a.test", "53")
	c.Remote = s.t.Lookups[0].Server
	states := map[string]string{}
	for _, h := range s.diagnosed().Hops {
		states[h.Name] = h.State
	}
	if len(states) != 3 || states["goproxy:a.test"] != trace.Slow || states["goproxy:b.test"] != trace.OK || states[hopResolver] != trace.OK {
		t.Errorf("%v", states)
	}
}
