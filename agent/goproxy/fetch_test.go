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
		}, []string{"", "HTTP 403: go ignored it, since it found mod.test/hello"}},

		{"no list, but the latest", func() *story {
			s := begin("https://a.test,https://b.test")
			s.get(base+"/mod.test/hello/@v/list", 403)
			s.get(base+"/mod.test/hello/@latest", 200)
			return s
		}, []string{
			"list mod.test/hello [https://a.test, [1] failed] not-found",
			"latest mod.test/hello [https://a.test, [2] ok] ok",
		}, []string{"HTTP 403: go ignored it, since it got the versions another way", ""}},

		{"a revision that is not there", func() *story {
			s := begin("https://a.test,direct")
			s.get(base+"/git.test/lib/@v/v1.9.0.info", 404)
			s.cloned(1, "ls-remote 0", "tag 0")
			return s
		}, []string{
			"info git.test/lib@v1.9.0 [https://a.test, [1] not-found] [direct [2 3 4] not-found] not-found",
		}, []string{"HTTP 404: go goes on to the next entry after 404 and 410", `the repository has no revision v1.9.0: nothing comes after "direct"`}},

		{"git fails", func() *story {
			s := begin("direct")
			s.get("https://git.test/lib?go-get=1", 200)
			s.git("ls-remote 128")
			return s
		}, []string{"go-import git.test/lib [direct [1] failed] failed"},
			[]string{`git ls-remote failed (exit code 128): nothing comes after "direct"`}},

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
		}, []string{"HTTP 404: this entry does not relay the checksum database", "sum.test could not be resolved (NXDOMAIN): go asks for checksums at one place only"}},

		{"the database has no record", func() *story {
			s := begin("https://a.test,https://b.test")
			s.get(base+"/sumdb/sum.test/supported", 200)
			s.get(base+"/sumdb/sum.test/lookup/mod.test/hello@v1.0.0", 404)
			return s
		}, []string{
			"sumdb-supported sum.test [https://a.test, [1] ok] ok",
			"sumdb-lookup mod.test/hello@v1.0.0 [https://a.test, [2] not-found] not-found",
		}, []string{"", "HTTP 404: go asks for checksums at one place only"}},

		{"not found, nor its prefix", func() *story {
			s := begin("https://a.test")
			s.get(base+"/mod.test/@v/v1.0.0.info", 404)
			s.get(base+hello+".info", 404)
			return s
		}, []string{
			"info mod.test@v1.0.0 [https://a.test [1] not-found] not-found",
			"info mod.test/hello@v1.0.0 [https://a.test [2] not-found] not-found",
		}, []string{"HTTP 404: go tries each prefix of mod.test/hello too", "HTTP 404: this is the last entry of the list"}},

		{"redirects without an end", func() *story {
			s := begin("https://a.test")
			for range maxRedirects {
				s.get(base+hello+".info", 302, "Location", hello+".info")
			}
			return s
		}, []string{"info mod.test/hello@v1.0.0 [https://a.test [1 2 3 4 5 6 7 8 9 10] failed] failed"},
			[]string{"10 redirects and no end: this is the last entry of the list"}},

		{"CONNECT without an answer", func() *story {
			s := begin("https://a.test")
			s.t.Environment.Proxy = map[string]string{"HTTPS_PROXY": "http://10.0.0.2:3128"}
			c := s.connect("10.0.0.2:3128")
			s.on(c, "CONNECT a.test:443", 0)
			return s.wait(60 * time.Second)
		}, []string{"other  [https://a.test [1] failed] failed"},
			[]string{"the proxy did not answer CONNECT a.test:443 for 60 s: this is the last entry of the list"}},

		{"the proxy is not reached", func() *story {
			s := begin("https://a.test|https://b.test")
			s.t.Environment.Proxy = map[string]string{"HTTPS_PROXY": "http://10.0.0.2:3128"}
			c := s.connect("10.0.0.2:3128")
			c.State, c.Errno = "REJ", "ECONNREFUSED"
			return s
		}, []string{"other  [https://a.test| [] failed] [https://b.test [] failed] failed"},
			[]string{
				`the connection to 10.0.0.2:3128 was not made (connection refused): "|" goes on to the next entry after any error`,
				"the connection to 10.0.0.2:3128 was not made (connection refused): this is the last entry of the list",
			}},

		{"the proxy's name is unknown", func() *story {
			s := begin("https://a.test,direct")
			s.t.Environment.Proxy = map[string]string{"HTTPS_PROXY": "http://proxy.test:3128"}
			s.lookup("proxy.test", "")
			return s
		}, []string{"other  [https://a.test, [] failed] failed"},
			[]string{`proxy.test could not be resolved (NXDOMAIN): after "," go goes on only after 404 and 410, so it stopped here`}},

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
		{"discovery is nothing", trace.Request{Purpose: "go-import", Status: 204}, true},
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
		{trace.Connection{History: "ShADadFr", TLS: []*trace.TLS{{CloseNotify: "remote"}}}, PeerClosed},
		{trace.Connection{History: "ShADadFr", TLS: []*trace.TLS{{CloseNotify: "local"}}}, ""},
		{trace.Connection{History: "ShADadFr", TLS: []*trace.TLS{{CloseNotify: "remote"}, {}}}, PeerClosed},
		{trace.Connection{History: "ShADadFr", TLS: []*trace.TLS{{CloseNotify: "remote"}, {CloseNotify: "local"}}}, ""},
	} {
		if got := PeerEnded(&c.c); got != c.want {
			t.Errorf("%s: %q, want %q", c.c.History, got, c.want)
		}
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
