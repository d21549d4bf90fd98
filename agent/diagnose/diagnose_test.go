package diagnose

import (
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

func TestOutcome(t *testing.T) {
	for _, c := range []struct {
		name    string
		make    func(*story)
		outcome string
		finding string
	}{
		{"exit 0", func(s *story) { s.get("a.test", info, 200); s.exit(0) }, trace.OK, ""},
		{"exit 1, explained", func(s *story) { s.get("a.test", info, 500) }, trace.Failed, "http-server-error"},
		{"exit 1, not explained", func(s *story) { s.get("a.test", info, 200) }, trace.Failed, ""},
		{"Ctrl-C while waiting", func(s *story) { s.get("a.test", info, 0); s.wait(2 * time.Second).interrupted() }, trace.Hung, "hang-no-response"},
		{"Ctrl-C otherwise", func(s *story) { s.get("a.test", info, 200); s.interrupted() }, trace.Interrupted, ""},
		{"killed", func(s *story) { s.interrupted(); s.t.Command.Interrupted = false }, trace.Interrupted, ""},
		{"a file, answered", func(s *story) { s.get("a.test", info, 200); s.t.Command = nil }, trace.OK, ""},
		{"a file, broken", func(s *story) { s.get("a.test", info, 500); s.t.Command = nil }, trace.Failed, "http-server-error"},
		{"a file, waiting", func(s *story) {
			s.get("a.test", info, 0)
			s.now = s.now.Add(time.Minute)
			s.lookup("x.test", "10.0.0.9")
			s.t.Command = nil
		}, trace.Hung, "hang-no-response"},
		{"an empty file", func(s *story) { s.t.Command = nil }, trace.Unknown, ""},
	} {
		s := begin()
		c.make(s)
		tr := s.diagnosed()
		if tr.Verdict.Outcome != c.outcome || tr.Verdict.Finding != c.finding {
			t.Errorf("%s: %s by %q, want %s by %q", c.name, tr.Verdict.Outcome, tr.Verdict.Finding, c.outcome, c.finding)
		}
	}
}

// What the command survived is a warning, and never the verdict.
func TestSurvivedFaultIsAWarning(t *testing.T) {
	s := begin().goproxy("https://a.test|https://b.test")
	s.failed("a.test", "443", "REJ", "ECONNREFUSED", "")
	s.get("b.test", info, 200)
	s.get("b.test", zip, 503)
	tr := s.diagnosed()
	if tr.Verdict.Finding != "http-server-error" || tr.Verdict.Hop != "goproxy:b.test" {
		t.Errorf("verdict %+v", tr.Verdict)
	}
	if len(tr.Findings) != 2 || tr.Findings[1].Rule != "tcp-refused" || tr.Findings[1].Severity != trace.Warning {
		t.Errorf("findings %+v", tr.Findings)
	}
	s = begin()
	s.failed("a.test", "443", "REJ", "ECONNREFUSED", "")
	tr = s.exit(0).diagnosed()
	if tr.Verdict.Outcome != trace.OK || len(tr.Findings) != 1 || tr.Findings[0].Severity != trace.Warning {
		t.Errorf("exit 0: verdict %+v, findings %+v", tr.Verdict, tr.Findings)
	}
}

// The lower layer explains the higher one.
func TestOrder(t *testing.T) {
	s := begin().goproxy("https://a.test|https://b.test")
	s.get("a.test", info, 500)
	s.lookup("b.test", "SERVFAIL")
	tr := s.diagnosed()
	if len(tr.Findings) != 2 || tr.Findings[0].Rule != "dns-servfail" || tr.Findings[1].Rule != "http-server-error" {
		t.Errorf("findings %+v", tr.Findings)
	}
}

// One broken hop is one finding, however many requests it breaks.
func TestMerge(t *testing.T) {
	s := begin()
	for range 20 {
		s.get("a.test", info, 500)
	}
	tr := s.diagnosed()
	if len(tr.Findings) != 1 || len(tr.Findings[0].Evidence) != maxEvidence {
		t.Errorf("%d findings, %d pieces of evidence", len(tr.Findings), len(tr.Findings[0].Evidence))
	}
}

func TestLossesWeakenSilence(t *testing.T) {
	for lost, want := range map[uint64]string{0: trace.Certain, 5: trace.Possible} {
		s := begin()
		s.get("a.test", info, 0)
		s.wait(time.Minute)
		s.t.Losses.Packets = lost
		if tr := s.diagnosed(); tr.Findings[0].Confidence != want {
			t.Errorf("%d packets lost: %s, want %s", lost, tr.Findings[0].Confidence, want)
		}
	}
}

func TestHops(t *testing.T) {
	s := begin().viaProxy()
	c := s.tunnel("a.test:443", 200)
	s.secure(c, "a.test")
	s.request(c, "GET", "https://a.test"+info, 200)
	s.request(c, "GET", "https://a.test"+zip, 302, "Location", "https://cdn.test/z")
	d := s.tunnel("cdn.test:443", 200)
	s.secure(d, "cdn.test")
	s.request(d, "GET", "https://cdn.test/z", 503)
	tr := s.diagnosed()
	type want struct {
		name, state string
		requests    int
	}
	wants := []want{
		{"resolver", trace.OK, 0}, {"http-proxy:proxy.test", trace.OK, 2},
		{"goproxy:a.test", trace.OK, 2}, {"redirect:cdn.test", trace.Failed, 1},
	}
	if len(tr.Hops) != len(wants) {
		t.Fatalf("%d hops: %+v", len(tr.Hops), tr.Hops)
	}
	for i, w := range wants {
		if h := tr.Hops[i]; h.Name != w.name || h.State != w.state || h.Requests != w.requests {
			t.Errorf("hop %d: %+v, want %+v", i, h, w)
		}
	}
	if h := tr.Hops[2]; h.Protocol != "TLS 1.3, HTTP/1.1" || h.Statuses[302] != 1 {
		t.Errorf("%+v", h)
	}
}

func TestCertifies(t *testing.T) {
	for _, c := range []struct {
		names []string
		ips   []string
		host  string
		want  bool
	}{
		{[]string{"a.test"}, nil, "A.test.", true},
		{[]string{"*.test"}, nil, "a.test", true},
		{[]string{"*.test"}, nil, "b.a.test", false},
		{[]string{"*.a.test"}, nil, "a.test", false},
		{[]string{"a*.test"}, nil, "ab.test", false},
		{nil, []string{"10.0.0.1"}, "10.0.0.1", true},
		{[]string{"10.0.0.1"}, nil, "10.0.0.1", false},
		{nil, []string{"2001:db8::1"}, "2001:DB8:0::1", true},
		{nil, nil, "a.test", false},
		{[]string{"*"}, nil, "a", false},
	} {
		if got := certifies(&trace.Certificate{DNSNames: c.names, IPs: c.ips}, c.host); got != c.want {
			t.Errorf("%v %v for %s: %v", c.names, c.ips, c.host, got)
		}
	}
}
