package goproxy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// story builds a trace step by step; each step takes 10 ms.
type story struct {
	t   *trace.Trace
	now time.Time
}

func begin(goproxy string) *story {
	s := &story{t: &trace.Trace{}, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	if goproxy != "" {
		s.t.Environment = &trace.Environment{GoEnv: map[string]trace.Setting{
			"GOPROXY": {Value: goproxy}, "GOSUMDB": {Value: "sum.test+hash+key"}, "GOPRIVATE": {Value: "corp.test"},
		}}
	}
	return s
}

func (s *story) step() time.Time {
	s.now = s.now.Add(10 * time.Millisecond)
	return s.now
}

// connect adds a connection that was made and stays open.
func (s *story) connect(remote string) *trace.Connection {
	id := len(s.t.Connections) + 1
	c := &trace.Connection{ID: id, Stream: new(id - 1), PID: 7, Remote: remote, StartedAt: s.step(), State: "S1", History: "Sh"}
	s.t.Connections = append(s.t.Connections, c)
	return c
}

// get adds a request on a connection of its own: status, then header values in
// pairs. Status 0 stays without an answer.
func (s *story) get(url string, status int, headers ...string) *trace.Request {
	return s.on(s.connect("10.0.0.1:443"), url, status, headers...)
}

func (s *story) on(c *trace.Connection, url string, status int, headers ...string) *trace.Request {
	method, url, ok := strings.Cut(url, " ")
	if !ok {
		method, url = "GET", method
	}
	r := &trace.Request{
		ID: len(s.t.Requests) + 1, Connection: c.ID, PID: c.PID, Protocol: "HTTP/2.0", Method: method, URL: url,
		Status: status, StartedAt: s.step(), ResponseComplete: status != 0, ResponseBytes: 1,
		Timings: trace.Timings{DNS: -1, Connect: -1, TLS: -1, Send: -1, Wait: -1, Receive: -1},
	}
	r.SentAt = r.StartedAt
	if status != 0 {
		r.AnsweredAt = s.step()
		r.EndedAt, r.LastByteAt = r.AnsweredAt, r.AnsweredAt
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.ResponseHeaders = append(r.ResponseHeaders, trace.Header{Name: headers[i], Value: headers[i+1]})
	}
	s.t.Requests = append(s.t.Requests, r)
	return r
}

func (s *story) lookup(name, address string) *trace.Lookup {
	l := &trace.Lookup{ID: len(s.t.Lookups) + 1, PID: 7, Name: name, Type: "A", Server: "10.0.0.53:53", RCode: "NOERROR", Attempts: 1, Replies: 1, StartedAt: s.step(), Duration: new(trace.Millis(5))}
	if address == "" {
		l.RCode = "NXDOMAIN"
	} else {
		l.Answers = []trace.Answer{{Type: "A", Data: address}}
	}
	s.t.Lookups = append(s.t.Lookups, l)
	return l
}

// wait lets time pass until the end of the trace.
func (s *story) wait(d time.Duration) *story {
	s.now = s.now.Add(d)
	s.t.Lookups = append(s.t.Lookups, &trace.Lookup{ID: 99, Name: "late.test", Type: "TXT", RCode: "NOERROR", StartedAt: s.now})
	return s
}

// told writes the fetches in one line each.
func (s *story) told() []string {
	Explain(s.t)
	var lines []string
	for _, f := range s.t.Fetches {
		line := f.Purpose + " " + f.Module
		if f.Version != "" {
			line += "@" + f.Version
		}
		for _, a := range f.Attempts {
			line += fmt.Sprintf(" [%s%s %v %s]", a.Entry, a.Separator, a.Requests, a.Outcome)
		}
		lines = append(lines, line+" "+f.Outcome)
	}
	return lines
}

func (s *story) becauses() []string {
	var list []string
	for _, f := range s.t.Fetches {
		for _, a := range f.Attempts {
			list = append(list, a.NextBecause)
		}
	}
	return list
}

const (
	hello = "/mod.test/hello/@v/v1.0.0"
	base  = "https://a.test"
)

func TestFetches(t *testing.T) {
	for _, c := range []struct {
		name    string
		story   func() *story
		want    []string
		because []string
	}{
		{"one entry", func() *story {
			s := begin("https://a.test")
			s.get(base+hello+".info", 200)
			return s
		}, []string{"info mod.test/hello@v1.0.0 [https://a.test [1] ok] ok"}, []string{""}},

		{"comma, 404: the next", func() *story {
			s := begin("https://u:pw@a.test,https://b.test/x")
			s.get(base+hello+".info", 404)
			s.get(base+hello+".info", 404) // go asks twice after 4xx over https
			s.get("https://b.test/x"+hello+".info", 200)
			return s
		}, []string{"info mod.test/hello@v1.0.0 [https://***@a.test, [1 2] not-found] [https://b.test/x [3] ok] ok"},
			[]string{"HTTP 404: go goes on to the next entry after 404 and 410", ""}},

		{"comma, 500: stop", func() *story {
			s := begin("https://a.test,https://b.test")
			s.get(base+hello+".info", 500)
			return s
		}, []string{"info mod.test/hello@v1.0.0 [https://a.test, [1] failed] failed"},
			[]string{`HTTP 500: after "," go goes on only after 404 and 410, so it stopped here`}},

		{"pipe, 500: the next", func() *story {
			s := begin("https://a.test|https://b.test")
			s.get(base+hello+".info", 500)
			s.get("https://b.test"+hello+".info", 200)
			return s
		}, []string{"info mod.test/hello@v1.0.0 [https://a.test| [1] failed] [https://b.test [2] ok] ok"},
			[]string{`HTTP 500: "|" goes on to the next entry after any error`, ""}},

		{"pipe, no answer to the SYN: the next", func() *story {
			s := begin("https://a.test|https://b.test")
			s.lookup("a.test", "10.0.0.1")
			dead := s.connect("10.0.0.1:443")
			dead.State, dead.Retransmits = "S0", 5
			s.get("https://b.test"+hello+".info", 200)
			return s
		}, []string{"info mod.test/hello@v1.0.0 [https://a.test| [] failed] [https://b.test [1] ok] ok"},
			[]string{`the connection to 10.0.0.1:443 was not made (no answer to the SYN): "|" goes on to the next entry after any error`, ""}},

		{"the last entry", func() *story {
			s := begin("https://a.test")
			s.get(base+hello+".info", 404)
			return s
		}, []string{"info mod.test/hello@v1.0.0 [https://a.test [1] not-found] not-found"},
			[]string{"HTTP 404: this is the last entry of the list"}},

		{"direct after 404", func() *story {
			s := begin("https://a.test,direct")
			s.get(base+"/git.test/lib/@v/list", 404)
			page := s.get("https://git.test/lib?go-get=1", 200)
			page.Body = []byte(`<meta name="go-import" content="git.test/lib git https://code.test/r.git">`)
			s.get("https://code.test/r.git/info/refs?service=git-upload-pack", 200)
			s.get("POST https://code.test/r.git/git-upload-pack", 200)
			s.get(base+"/git.test/lib/@v/v1.0.0.mod", 404) // comes out of the repository
			return s
		}, []string{
			"list git.test/lib [https://a.test, [1] not-found] [direct [2 3 4] ok] ok",
			"mod git.test/lib@v1.0.0 [https://a.test, [5] not-found] [direct [] ok] ok",
		}, []string{"HTTP 404: go goes on to the next entry after 404 and 410", "", "HTTP 404: go goes on to the next entry after 404 and 410", ""}},

		{"direct fails", func() *story {
			s := begin("https://a.test,direct")
			s.get(base+"/git.test/lib/@v/list", 410)
			s.get("https://git.test/lib?go-get=1", 403)
			return s
		}, []string{"list git.test/lib [https://a.test, [1] not-found] [direct [2] failed] failed"},
			[]string{"HTTP 410: go goes on to the next entry after 404 and 410", `HTTP 403: nothing comes after "direct"`}},

		{"direct is not reached", func() *story {
			s := begin("https://a.test,direct")
			s.get(base+"/git.test/lib/@v/list", 404)
			s.lookup("git.test", "")
			return s
		}, []string{"list git.test/lib [https://a.test, [1] not-found] [direct [] failed] failed"},
			[]string{"HTTP 404: go goes on to the next entry after 404 and 410", `git.test could not be resolved (NXDOMAIN): nothing comes after "direct"`}},

		{"GOPROXY=direct", func() *story {
			s := begin("direct")
			s.get("https://git.test/lib?go-get=1", 200)
			s.get("https://git.test/lib.git/info/refs?service=git-upload-pack", 200)
			return s
		}, []string{"go-import git.test/lib [direct [1 2] ok] ok"}, []string{""}},

		{"GOPRIVATE", func() *story {
			s := begin("https://a.test,direct")
			s.get("https://corp.test/lib?go-get=1", 404)
			return s
		}, []string{"go-import corp.test/lib [direct [1] not-found] not-found"}, []string{`HTTP 404: nothing comes after "direct"`}},

		{"prefixes of the path", func() *story {
			s := begin("https://a.test")
			s.get(base+hello+".info", 200)
			s.get(base+"/mod.test/@v/v1.0.0.info", 403)
			return s
		}, []string{
			"info mod.test/hello@v1.0.0 [https://a.test [1] ok] ok",
			"info mod.test@v1.0.0 [https://a.test [2] failed] not-found",
		}, []string{"", "HTTP 403: this is the last entry of the list"}},

		{"redirect to a CDN", func() *story {
			s := begin("https://a.test")
			s.get(base+hello+".zip", 302, "Location", "https://cdn.test/x?sig=1")
			s.get("https://cdn.test/x?sig=1", 200)
			return s
		}, []string{"zip mod.test/hello@v1.0.0 [https://a.test [1 2] ok] ok"}, []string{""}},

		{"no answer", func() *story {
			s := begin("https://a.test|https://b.test")
			s.get(base+hello+".info", 0)
			return s.wait(20 * time.Second)
		}, []string{"info mod.test/hello@v1.0.0 [https://a.test| [1] hung] hung"},
			[]string{"no answer for 20 s: go has no time limit for this and never goes on"}},

		{"the checksum database, relayed", func() *story {
			s := begin("https://a.test|https://b.test")
			s.get(base+"/sumdb/sum.test/supported", 404)
			s.get("https://b.test/sumdb/sum.test/supported", 200)
			s.get("https://b.test/sumdb/sum.test/lookup/mod.test/hello@v1.0.0", 200)
			s.get("https://b.test/sumdb/sum.test/tile/8/0/000.p/3", 404)
			s.get("https://b.test/sumdb/sum.test/tile/8/0/000", 200)
			return s
		}, []string{
			"sumdb-supported sum.test [https://a.test| [1] not-found] [https://b.test [2] ok] ok",
			"sumdb-lookup mod.test/hello@v1.0.0 [https://b.test [3] ok] ok",
			"sumdb-tile sum.test [https://b.test [4 5] ok] ok",
		}, []string{`HTTP 404: "|" goes on to the next entry after any error`, "", "", ""}},

		{"the checksum database, asked directly and not reached", func() *story {
			s := begin("https://a.test,direct")
			s.get(base+"/sumdb/sum.test/supported", 404)
			s.lookup("sum.test", "")
			return s
		}, []string{
			"sumdb-supported sum.test [https://a.test, [1] not-found] not-found",
			"sumdb-lookup sum.test [direct [] failed] failed",
		}, []string{"HTTP 404: this entry does not relay the checksum database", `sum.test could not be resolved (NXDOMAIN): nothing comes after "direct"`}},

		{"nothing was asked", func() *story {
			s := begin("https://a.test,https://b.test")
			s.t.Command = &trace.Command{Argv: []string{"go", "get", "-x", "mod.test/hello@v1.0.0"}}
			s.lookup("a.test", "")
			return s
		}, []string{"other mod.test/hello@v1.0.0 [https://a.test, [] failed] failed"},
			[]string{`a.test could not be resolved (NXDOMAIN): after "," go goes on only after 404 and 410, so it stopped here`}},

		{"a refused tunnel", func() *story {
			s := begin("https://a.test")
			c := s.connect("10.0.0.2:3128")
			c.Tunnel = &trace.Tunnel{Protocol: "http-connect", Authority: "a.test:443", Status: 403}
			s.on(c, "CONNECT a.test:443", 403)
			return s
		}, []string{"other  [https://a.test [1] failed] failed"},
			[]string{"the proxy answered 403 to CONNECT a.test:443: this is the last entry of the list"}},

		{"without settings", func() *story {
			s := begin("")
			s.get("https://a.test/base/mod.test/hello/@v/v1.0.0.info", 404)
			s.get("https://b.test/mod.test/hello/@v/v1.0.0.info", 200)
			return s
		}, []string{"info mod.test/hello@v1.0.0 [https://a.test/base [1] not-found] [https://b.test [2] ok] ok"},
			[]string{"HTTP 404: go goes on to the next entry after 404 and 410", ""}},
	} {
		s := c.story()
		if diff := cmp.Diff(c.want, s.told()); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if diff := cmp.Diff(c.because, s.becauses()); diff != "" {
			t.Errorf("%s, why: %s", c.name, diff)
		}
	}
}

func TestHarmless(t *testing.T) {
	s := begin("https://a.test,https://b.test")
	s.get(base+hello+".info", 404)                    // 1: found at the next entry
	s.get("https://b.test"+hello+".info", 200)        // 2
	s.get(base+"/mod.test/@v/v1.0.0.info", 403)       // 3: a prefix
	s.get(base+"/mod.test/hello/@v/v1.0.0.zip", 500)  // 4: nothing makes up for it
	s.get(base+"/mod.test/other/@v/v9.0.0.info", 404) // 5: no such version
	s.get("https://x.test/plain", 503)                // 6: repeated
	s.get("https://x.test/plain", 200)                // 7
	s.get("https://x.test/alone", 503)                // 8
	s.get(base+"/deep.test/x/@v/v1.0.0.info", 404)    // 9: the longer one says more
	s.get(base+"/deep.test/x/y/@v/v1.0.0.info", 404)  // 10
	s.get(base+"/priv.test/x/@v/v1.0.0.info", 403)    // 11: says more than the longer one's 404
	s.get("https://a.test/priv.test/x/y/@v/v1.0.0.info", 404)
	s.get("https://b.test/priv.test/x/y/@v/v1.0.0.info", 404)
	Explain(s.t)
	v := NewView(s.t)
	for id, want := range map[int]bool{1: true, 3: true, 4: false, 5: false, 6: true, 8: false, 9: true, 10: false, 11: false} {
		if got := v.Harmless(v.Request(id)); got != want {
			t.Errorf("request %d (%s): harmless %v, want %v", id, v.Request(id).URL, got, want)
		}
	}
}

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

func TestUnusable(t *testing.T) {
	for _, c := range []struct {
		name string
		r    trace.Request
		want bool
	}{
		{"a file", trace.Request{Purpose: "info", Status: 200, ResponseBytes: 9, Body: []byte(`{"Version"`)}, false},
		{"204", trace.Request{Purpose: "info", Status: 204}, true},
		{"a page by its type", trace.Request{Purpose: "zip", Status: 200, ResponseBytes: 9, ResponseHeaders: []trace.Header{{Name: "content-type", Value: "Text/HTML; charset=utf-8"}}}, true},
		{"a page by its start", trace.Request{Purpose: "mod", Status: 200, ResponseBytes: 9, Body: []byte("\n <!DOCTYPE html>")}, true},
		{"an empty file", trace.Request{Purpose: "mod", Status: 200}, true},
		{"an empty list", trace.Request{Purpose: "list", Status: 200}, false},
		{"discovery is a page", trace.Request{Purpose: "go-import", Status: 200, ResponseBytes: 9, Body: []byte("<html>")}, false},
		{"an error page", trace.Request{Purpose: "info", Status: 404, ResponseBytes: 9, Body: []byte("<html>")}, false},
		{"a database that is supported", trace.Request{Purpose: "sumdb-supported", Status: 200}, false},
	} {
		c.r.ResponseComplete = true
		if got := Unusable(&c.r); (got != "") != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func TestPeerEnded(t *testing.T) {
	for _, c := range []struct {
		c    trace.Connection
		want string
	}{
		{trace.Connection{History: "ShADadfF", ClosedBy: "remote"}, PeerClosed},
		{trace.Connection{History: "ShADadr", ResetBy: "remote"}, PeerReset},
		{trace.Connection{History: "ShADadfr", ClosedBy: "remote", ResetBy: "remote"}, PeerClosed},
		{trace.Connection{History: "ShADadFr", ClosedBy: "local", ResetBy: "remote"}, ""},
		{trace.Connection{History: "ShADadRf"}, ""},
		{trace.Connection{History: "ShADad"}, ""},
		{trace.Connection{ResetBy: "remote"}, PeerReset},
	} {
		if got := PeerEnded(&c.c); got != c.want {
			t.Errorf("%s: %q, want %q", c.c.History, got, c.want)
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

func TestRedirectedRequestKeepsItsPurpose(t *testing.T) {
	s := begin("https://a.test")
	s.get(base+hello+".zip", 302, "Location", "https://cdn.test/blob")
	r := s.get("https://cdn.test/blob", 200)
	Explain(s.t)
	if r.Purpose != trace.PurposeZip || r.Module != "mod.test/hello" || r.Version != "v1.0.0" || r.RedirectedFrom != 1 {
		t.Errorf("%+v", r)
	}
}

func TestLookupTimes(t *testing.T) {
	s := begin("https://a.test")
	a := s.lookup("a.test", "10.0.0.1")
	aaaa := s.lookup("A.test", "10.0.0.1")
	aaaa.Type, aaaa.StartedAt, aaaa.Duration = "AAAA", a.StartedAt, new(trace.Millis(8))
	first := s.get(base+hello+".info", 200)
	second := s.get(base+hello+".mod", 200)
	Explain(s.t)
	if first.Timings.DNS != 8 {
		t.Errorf("dns %v ms, want the 8 of both lookups together", first.Timings.DNS)
	}
	if second.Timings.DNS != -1 {
		t.Errorf("the second connection is charged %v ms for no lookup", second.Timings.DNS)
	}
}
