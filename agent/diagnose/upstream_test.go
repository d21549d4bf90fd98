package diagnose

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// Rules look at what the command asked: [goproxy.View.Lookups]. What a local
// resolver asks others is in the trace's own list too.
func TestRulesPassOverUpstream(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || name == "hops.go" || name == "upstream.go" {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "Trace.Lookups") {
			t.Errorf("%s: Trace.Lookups has the lookups of local resolvers too, Lookups() has not", name)
		}
	}
}

// viaStub has the command ask a resolver on this host, with an outcome, and that
// one 10.1.1.1, with another; "none" is that it asks nobody.
func (s *story) viaStub(outcome, behind string) (own, upstream []*trace.Lookup) {
	s.t.Environment.Resolvers, s.t.Environment.Watched = []string{"127.0.0.53"}, []string{"127.0.0.53"}
	own = s.lookup("a.test", outcome)
	for _, l := range own {
		l.Server, l.Client = "127.0.0.53:53", "127.0.0.1:40000"
	}
	if behind == "none" {
		return own, nil
	}
	upstream = s.lookup("A.test", behind)
	for _, l := range upstream {
		l.Server, l.Client, l.Upstream, l.PID = "10.1.1.1:53", "10.1.1.9:5000", true, 0
	}
	return own, upstream
}

func upstreamExamples() []example {
	const r = "resolver"
	return []example{
		{"upstream NXDOMAIN", func(s *story) { s.viaStub("NXDOMAIN", "NXDOMAIN") }, "dns-nxdomain", r},
		{"upstream SERVFAIL", func(s *story) { s.viaStub("SERVFAIL", "SERVFAIL") }, "dns-servfail", r},
		{"upstream REFUSED, told as SERVFAIL", func(s *story) { s.viaStub("SERVFAIL", "REFUSED") }, "dns-refused", r},
		{"upstream silent, told as SERVFAIL", func(s *story) {
			own, _ := s.viaStub("SERVFAIL", "")
			own[0].Duration = new(trace.Millis(2000))
		}, "dns-timeout", r},
		{"upstream closed, told as SERVFAIL", func(s *story) {
			_, up := s.viaStub("SERVFAIL", "")
			up[0].Error, up[1].Error = "port unreachable", "port unreachable"
		}, "dns-port-closed", r},
		{"the local one fails at once", func(s *story) { s.viaStub("SERVFAIL", "") }, "dns-servfail", r},
		{"upstream silent, and so the local one", func(s *story) {
			own, _ := s.viaStub("", "")
			own[0].Attempts = 2
			s.wait(10 * time.Second)
		}, "dns-timeout", r},
		{"the local one silent, asking nobody", func(s *story) {
			own, _ := s.viaStub("", "none")
			own[0].Attempts = 2
			s.wait(10 * time.Second)
		}, "dns-timeout", r},
		{"the local one fails, its upstream does not", func(s *story) { s.viaStub("SERVFAIL", "10.0.0.9") }, "dns-servfail", r},
		{"the local one denies what its upstream leaves open", func(s *story) { s.viaStub("NXDOMAIN", "") }, "dns-nxdomain", r},
		{"the local one is down", func(s *story) {
			own, _ := s.viaStub("", "none")
			for _, l := range own {
				l.Error = "port unreachable"
			}
		}, "dns-port-closed", r},
		{"upstream silent, then answered from a cache", func(s *story) {
			s.viaStub("", "")
			s.get("a.test", info, 200)
			s.exit(0)
		}, "", ""},
		{"an alias that does not resolve", func(s *story) {
			_, up := s.viaStub("SERVFAIL", "NOERROR")
			up[0].Answers = []trace.Answer{{Name: "a.test", Type: "CNAME", Data: "b.test."}}
			for _, l := range s.lookup("b.test", "REFUSED") {
				l.Server, l.Upstream, l.PID = "10.1.1.2:53", true, 0
			}
		}, "dns-refused", r},
	}
}

// The server that failed is named, and the local resolver beside it, or the local
// one where the fault is its own.
func TestUpstreamIsNamed(t *testing.T) {
	for name, want := range map[string]struct {
		server, stub string
		says         string // in the evidence
	}{
		"upstream silent, told as SERVFAIL":          {"10.1.1.1:53", "127.0.0.53", "asked of 10.1.1.1:53 by the local resolver, once: no answer"},
		"upstream REFUSED, told as SERVFAIL":         {"10.1.1.1:53", "127.0.0.53", "asked of 127.0.0.53:53: SERVFAIL"},
		"an alias that does not resolve":             {"10.1.1.2:53", "127.0.0.53", "A b.test asked of 10.1.1.2:53 by the local resolver: REFUSED"},
		"the local one fails, its upstream does not": {"127.0.0.53:53", "", "by the local resolver: NOERROR"},
		"the local one silent, asking nobody":        {"127.0.0.53:53", "", "was not seen to ask another server for a.test"},
		"upstream closed, told as SERVFAIL":          {"10.1.1.1:53", "127.0.0.53", "by the local resolver: port unreachable"},
		"the local one is down":                      {"127.0.0.53:53", "", "port unreachable"},
	} {
		i := slices.IndexFunc(upstreamExamples(), func(e example) bool { return e.name == name })
		s := begin()
		upstreamExamples()[i].make(s)
		f := s.diagnosed().Findings[0]
		var texts []string
		for _, e := range f.Evidence {
			texts = append(texts, e.Text)
		}
		if f.Args["server"] != want.server || f.Args["stub"] != want.stub || !strings.Contains(strings.Join(texts, "\n"), want.says) {
			t.Errorf("%s: %s, server %s, stub %q, evidence\n%s", name, f.Rule, f.Args["server"], f.Args["stub"], strings.Join(texts, "\n"))
		}
	}
}
