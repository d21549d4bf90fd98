package diagnose

import (
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// stray adds a reply that fits no question to the last lookup's port.
func (s *story) stray(name string) {
	last := s.t.Lookups[len(s.t.Lookups)-1]
	s.t.Lookups = append(s.t.Lookups, &trace.Lookup{
		ID: len(s.t.Lookups) + 1, PID: 7, Name: name, Type: "A", Server: last.Server, Client: last.Client, RCode: "NOERROR", Replies: 1, StartedAt: s.step(), Frames: []int{3},
	})
}

// answerExamples are about what name servers answer.
func answerExamples() []example {
	const r = "resolver"
	ignored := func(s *story) {
		s.lookup("a.test", "")
		for _, l := range s.t.Lookups {
			l.Client, l.Attempts = "10.9.9.9:5353", 2
		}
	}
	answered := func(s *story, addr string) *trace.Lookup { return s.lookup("a.test", addr)[0] }
	return []example{
		{"FORMERR with EDNS", func(s *story) {
			for _, l := range s.lookup("a.test", "FORMERR") {
				l.EDNS = true
			}
		}, "dns-edns-rejected", r},
		{"FORMERR without EDNS", func(s *story) { s.lookup("a.test", "FORMERR"); s.exit(0) }, "", ""},
		{"a reply with another id", func(s *story) { ignored(s); s.stray("a.test") }, "dns-answers-ignored", r},
		{"no reply, and one that fits nothing at another port", func(s *story) {
			ignored(s)
			s.stray("a.test")
			s.t.Lookups[2].Client = "10.9.9.9:5354"
		}, "dns-timeout", r},
		{"two answers, and a wrong certificate", func(s *story) {
			l := s.hello(s.dial("a.test", "443"), "a.test")
			l.Version, l.Certificates = "TLS 1.3", []*trace.Certificate{certificate("b.test")}
			alert(l, "local", "bad_certificate")
			s.t.Lookups[0].Disputed, s.t.Lookups[0].Replies = []trace.Answer{{Type: "A", Data: "10.0.0.9"}}, 2
		}, "dns-injected", r},
		{"two answers, and the first is good", func(s *story) {
			s.get("a.test", info, 200)
			s.t.Lookups[0].Disputed, s.t.Lookups[0].Replies = []trace.Answer{{Type: "A", Data: "10.0.0.9"}}, 2
			s.exit(0)
		}, "", ""},
		{"0.0.0.0", func(s *story) {
			c := s.failed("a.test", "443", "REJ", "ECONNREFUSED", "")
			c.Remote, s.t.Lookups[0].Answers[0].Data = "127.0.0.1:443", "0.0.0.0"
		}, "dns-sinkhole", r},
		{"a module proxy on this machine", func(s *story) {
			s.get("a.test", info, 200)
			s.t.Connections[0].Remote, s.t.Lookups[0].Answers[0].Data = "127.0.0.1:443", "127.0.0.1"
			s.exit(0)
		}, "", ""},
		{"a lame referral", func(s *story) {
			for _, l := range s.lookup("a.test", "NOERROR") {
				l.Lame = true
			}
		}, "dns-lame", r},
		{"truncated, and TCP is closed", func(s *story) {
			s.lookup("a.test", "NOERROR")[0].Truncated = true
			c := s.failed("b.test", "53", "REJ", "ECONNREFUSED", "")
			c.Remote, s.t.Lookups = "10.0.0.53:53", s.t.Lookups[:2]
		}, "dns-truncated-tcp-blocked", r},
		{"no name server", func(s *story) {
			for _, l := range s.lookup("a.test", "") {
				l.Server, l.Error = "127.0.0.1:53", "port unreachable"
			}
		}, "dns-no-resolvconf", "host"},
		{"a name server on this machine is down", func(s *story) {
			s.t.Environment.Resolvers = []string{"127.0.0.1"}
			for _, l := range s.lookup("a.test", "") {
				l.Server, l.Error = "127.0.0.1:53", "port unreachable"
			}
		}, "dns-port-closed", r},
		{"an old line of the hosts file", func(s *story) {
			s.t.Environment.Hosts = map[string][]string{"a.test": {"10.0.0.1"}}
			s.failed("a.test", "443", "REJ", "ECONNREFUSED", "")
			s.t.Lookups = nil
		}, "dns-hosts-stale", "host"},
		{"a good line of the hosts file", func(s *story) {
			s.t.Environment.Hosts = map[string][]string{"a.test": {"10.0.0.1"}}
			s.get("a.test", info, 500)
			s.t.Lookups = nil
		}, "http-server-error", "goproxy:a.test"},
		{"a second family that is never answered, once", func(s *story) {
			answered(s, "10.0.0.1")
			s.t.Lookups[1].RCode, s.t.Lookups[1].Replies, s.t.Lookups[1].Duration = "", 0, nil
			s.wait(time.Second)
			s.get("a.test", info, 200)
			s.exit(0)
		}, "", ""},
	}
}

// noteExamples are about what is worth a note.
func noteExamples() []example {
	latest := func(s *story, age string) {
		s.t.Command.Argv = []string{"go", "get", "mod.test/hello@latest"}
		s.get("a.test", "/mod.test/hello/@v/list", 200, "Age", age)
		s.exit(0)
	}
	return []example{
		{"search domains first", func(s *story) {
			s.lookup("a.test.corp.test", "NXDOMAIN")
			s.get("a.test", info, 200)
			s.exit(0)
		}, "", ""},
		{"a list of yesterday", func(s *story) { latest(s, "86400") }, "", ""},
	}
}

func TestNotes(t *testing.T) {
	for i, want := range []string{"dns-search-ndots", "proxy-stale-latest"} {
		s := begin()
		noteExamples()[i].make(s)
		if list := s.diagnosed().Findings; len(list) != 1 || list[0].Rule != want || list[0].Severity != trace.Info {
			t.Errorf("%s: %+v", want, list)
		}
	}
	s := begin()
	s.get("a.test", "/mod.test/hello/@v/list", 200, "Age", "86400")
	if list := s.exit(0).diagnosed().Findings; len(list) != 0 {
		t.Errorf("an old list for a version that was named: %+v", list)
	}
}

// localExamples are about this machine's tables and hosts with many addresses.
func localExamples() []example {
	unsent := func(errno string) func(*story) {
		return func(s *story) { s.failed("a.test", "443", "OTH", errno, "").Stream = nil }
	}
	return []example{
		{"EACCES", unsent("EACCES"), "route-prohibited", "route"},
		{"EINVAL", unsent("EINVAL"), "route-blackhole", "route"},
		{"EADDRNOTAVAIL", unsent("EADDRNOTAVAIL"), "tcp-ephemeral-exhausted", "host"},
		{"EADDRNOTAVAIL, and another connection was made", func(s *story) {
			unsent("EADDRNOTAVAIL")(s)
			s.get("a.test", info, 200)
		}, "tcp-ephemeral-exhausted", "host"},
		{"IPv6 only", func(s *story) {
			c := s.failed("a.test", "443", "OTH", "ENETUNREACH", "")
			c.Stream, c.Remote = nil, "[2001:db8::1]:443"
			s.t.Lookups[0].Answers, s.t.Lookups[1].Answers = nil, []trace.Answer{{Name: "a.test", Type: "AAAA", Data: "2001:db8::1"}}
		}, "ipv6-only-host", "route"},
		{"two addresses, both dead", func(s *story) {
			s.failed("a.test", "443", "REJ", "ECONNREFUSED", "")
			s.failed("a.test", "443", "REJ", "ECONNREFUSED", "").Remote = "10.0.0.9:443"
			s.t.Lookups[2].Answers[0].Data = "10.0.0.9"
		}, "tcp-multi-address-dead", "goproxy:a.test"},
		{"one address, dead twice", func(s *story) {
			s.failed("a.test", "443", "REJ", "ECONNREFUSED", "")
			s.failed("a.test", "443", "REJ", "ECONNREFUSED", "")
		}, "tcp-refused", "goproxy:a.test"},
	}
}

// slowExamples are about time that was lost by commands that succeeded.
func slowExamples() []example {
	unanswered := func(s *story, l *trace.Lookup) { l.RCode, l.Replies, l.Duration, l.Answers = "", 0, nil, nil }
	return []example{
		{"AAAA is never answered", func(s *story) {
			unanswered(s, s.lookup("a.test", "10.0.0.1")[1])
			s.wait(4 * time.Second)
			s.get("a.test", info, 200)
			unanswered(s, s.t.Lookups[3])
			s.exit(0)
		}, "dns-aaaa-blackhole", "resolver"},
		{"the first name server is dead", func(s *story) {
			for _, l := range s.lookup("a.test", "") {
				l.Server = "10.0.0.99:53"
			}
			s.wait(5 * time.Second)
			s.get("a.test", info, 200)
			s.exit(0)
		}, "dns-first-server-dead", "resolver"},
		{"one question was lost", func(s *story) {
			s.lookup("a.test", "")
			s.wait(5 * time.Second)
			s.get("a.test", info, 200)
			s.exit(0)
		}, "", ""},
		{"a slow failure before each answer", func(s *story) {
			s.goproxy("https://a.test|https://b.test")
			for _, file := range []string{info, zip} {
				r := s.get("a.test", file, 503)
				s.wait(2 * time.Second)
				r.EndedAt = s.now
				s.get("b.test", file, 200)
			}
			s.exit(0)
		}, "dead-first-with-pipe", "goproxy:a.test"},
		{"a quick failure before each answer", func(s *story) {
			s.goproxy("https://a.test|https://b.test").get("a.test", info, 503)
			s.get("b.test", info, 200)
			s.exit(0)
		}, "", ""},
		{"a body that drips", func(s *story) {
			r := s.get("a.test", zip, 200)
			s.wait(9 * time.Second)
			r.LastByteAt, r.EndedAt = s.now, s.now
			s.exit(0)
		}, "body-drip", "goproxy:a.test"},
		{"a pack that git's server takes its time for", func(s *story) {
			r := s.goproxy("direct").request(s.https("git.test"), "POST", "https://git.test/lib.git/git-upload-pack", 200)
			s.wait(9 * time.Second)
			r.LastByteAt, r.EndedAt = s.now, s.now
			s.exit(0)
		}, "", ""},
		{"a body that takes long and is large", func(s *story) {
			r := s.get("a.test", zip, 200)
			s.wait(9 * time.Second)
			r.LastByteAt, r.EndedAt, r.ResponseBytes = s.now, s.now, 8<<20
			s.exit(0)
		}, "", ""},
	}
}
