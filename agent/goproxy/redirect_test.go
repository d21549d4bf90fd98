package goproxy

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

func TestChains(t *testing.T) {
	for _, c := range []struct {
		name  string
		story func(*story)
		want  []*trace.Chain
	}{
		{"none", func(s *story) { s.get(base+"/x", 200) }, nil},
		{"two steps, the first relative", func(s *story) {
			s.get(base+"/x", 302, "location", "/y")
			s.get(base+"/other", 200)
			s.get(base+"/y", 307, "Location", "https://cdn.test:443/z#f")
			s.get("https://CDN.test/z", 200)
		}, []*trace.Chain{{Requests: []int{1, 3, 4}, Hosts: []string{"a.test", "cdn.test"}, FinalStatus: 200, Outcome: trace.OK}}},
		{"ends in an error", func(s *story) {
			s.get(base+"/x", 302, "Location", "/y")
			s.get(base+"/y", 404)
		}, []*trace.Chain{{Requests: []int{1, 2}, Hosts: []string{"a.test"}, FinalStatus: 404, Outcome: trace.Failed}}},
		{"the target is never asked", func(s *story) {
			s.get(base+"/x", 302, "Location", "https://cdn.test/z")
		}, []*trace.Chain{{Requests: []int{1}, Hosts: []string{"a.test", "cdn.test"}, FinalStatus: 302, Outcome: trace.Failed}}},
		{"in a circle", func(s *story) {
			for range 3 {
				s.get(base+"/x", 302, "Location", "/y")
				s.get(base+"/y", 302, "Location", "/x")
			}
		}, []*trace.Chain{{Requests: []int{1, 2, 3, 4, 5, 6}, Hosts: []string{"a.test"}, FinalStatus: 302, Outcome: trace.Loop}}},
		{"the same redirect twice, at once", func(s *story) {
			s.get(base+"/x", 302, "Location", "/y")
			s.get(base+"/x", 302, "Location", "/y")
			s.get(base+"/y", 200)
			s.get(base+"/y", 200)
		}, []*trace.Chain{
			{Requests: []int{1, 3}, Hosts: []string{"a.test"}, FinalStatus: 200, Outcome: trace.OK},
			{Requests: []int{2, 4}, Hosts: []string{"a.test"}, FinalStatus: 200, Outcome: trace.OK},
		}},
		{"CONNECT is no chain", func(s *story) { s.get("CONNECT a.test:443", 302, "Location", "http://login.test/") }, nil},
		{"304 is no redirect", func(s *story) { s.get(base+"/x", 304, "Location", "/y") }, nil},
	} {
		s := begin("")
		c.story(s)
		Explain(s.t)
		if diff := cmp.Diff(c.want, s.t.Chains); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestRedirectOfAnotherProcessIsNotFollowed(t *testing.T) {
	s := begin("")
	s.get(base+"/x", 302, "Location", "/y")
	r := s.get(base+"/y", 200)
	r.PID = 8
	Explain(s.t)
	if r.RedirectedFrom != 0 {
		t.Errorf("redirected from %d", r.RedirectedFrom)
	}
}

func TestRepeatedRequestFollowsTheSameRedirect(t *testing.T) {
	s := begin("https://a.test")
	s.get(base+hello+".zip", 302, "Location", "https://cdn.test/blob")
	s.get("https://cdn.test/blob", 0).Error = "stream reset by remote: REFUSED_STREAM"
	again := s.get("https://cdn.test/blob", 200)
	later := s.get("https://cdn.test/blob", 200)
	Explain(s.t)
	if again.RedirectedFrom != 1 || again.Purpose != trace.PurposeZip || later.RedirectedFrom != 0 {
		t.Errorf("redirected from %d for %s, then %d", again.RedirectedFrom, again.Purpose, later.RedirectedFrom)
	}
	if want := []int{1, 3}; !slices.Equal(s.t.Chains[0].Requests, want) {
		t.Errorf("chain %v, want %v", s.t.Chains[0].Requests, want)
	}
}

func TestRedirectedRequestKeepsItsPurpose(t *testing.T) {
	s := begin("https://a.test")
	s.get(base+hello+".zip", 302, "Location", "https://cdn.test/blob")
	r := s.get("https://cdn.test/blob", 200)
	Explain(s.t)
	if r.Purpose != trace.PurposeZip || r.Module != "mod.test/hello" || r.Version != "v1.0.0" || r.RedirectedFrom != 1 {
		t.Errorf("%+v", r)
	}
}
