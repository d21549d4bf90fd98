package diagnose

import (
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// What has come, by whatever way, is awaited no more.
func TestWaits(t *testing.T) {
	at := time.Unix(1_700_000_000, 0).UTC()
	lookup := func(name string, ago time.Duration, replies int) *trace.Lookup {
		return &trace.Lookup{Name: name, Type: "A", Server: "10.0.0.53:53", Attempts: 1, Replies: replies, StartedAt: at.Add(-ago)}
	}
	conn := func(c trace.Connection) []*trace.Connection {
		c.ID, c.Remote, c.StartedAt = 1, "10.0.0.1:443", at.Add(-9*time.Second)
		return []*trace.Connection{&c}
	}
	up := trace.Connection{Connect: new(trace.Millis(1)), BytesReceived: 1}
	request := func(r trace.Request) []*trace.Request {
		r.ID, r.Connection, r.Method, r.URL, r.StartedAt = 1, 1, "GET", "https://u:secret@go.test/m/@v/list?sig=secret", at.Add(-8*time.Second)
		return []*trace.Request{&r}
	}
	for _, tt := range []struct {
		name  string
		t     trace.Trace
		want  string // of the first wait; empty for none
		since time.Duration
	}{
		{"a lookup", trace.Trace{Lookups: []*trace.Lookup{lookup("a", 7*time.Second, 0)}}, trace.WaitLookup, 7 * time.Second},
		{"tried again", trace.Trace{Lookups: []*trace.Lookup{lookup("a", 7*time.Second, 0), lookup("a", 2*time.Second, 0)}}, trace.WaitLookup, 7 * time.Second},
		{"answered at last", trace.Trace{Lookups: []*trace.Lookup{lookup("a", 7*time.Second, 0), lookup("a", 2*time.Second, 1)}}, "", 0},
		{"given up long ago", trace.Trace{Lookups: []*trace.Lookup{lookup("a", time.Minute, 0)}}, "", 0},
		{"a SYN", trace.Trace{Connections: conn(trace.Connection{})}, trace.WaitConnect, 9 * time.Second},
		{"a SYN that a router refused", trace.Trace{Connections: conn(trace.Connection{ICMP: "host unreachable"})}, "", 0},
		{"a refused one", trace.Trace{Connections: conn(trace.Connection{ClosedAt: at})}, "", 0},
		{"an idle connection", trace.Trace{Connections: conn(up)}, "", 0},
		{"a request", trace.Trace{Connections: conn(up), Requests: request(trace.Request{})}, trace.WaitAnswer, 8 * time.Second},
		{"a body", trace.Trace{Connections: conn(up), Requests: request(trace.Request{Status: 200, AnsweredAt: at.Add(-6 * time.Second)})}, trace.WaitBody, 6 * time.Second},
		{"a whole answer", trace.Trace{Connections: conn(up), Requests: request(trace.Request{Status: 200, ResponseComplete: true, EndedAt: at})}, "", 0},
		{"a stream that was reset", trace.Trace{Connections: conn(up), Requests: request(trace.Request{Error: "stream reset", EndedAt: at})}, "", 0},
	} {
		goproxy.Explain(&tt.t)
		list := Waits(&tt.t, at)
		switch {
		case tt.want == "" && len(list) > 0:
			t.Errorf("%s: %+v", tt.name, list[0])
		case tt.want != "" && len(list) != 1:
			t.Errorf("%s: %d waits", tt.name, len(list))
		case tt.want != "" && (list[0].For != tt.want || at.Sub(list[0].Since) != tt.since):
			t.Errorf("%s: %+v", tt.name, list[0])
		case tt.want == trace.WaitAnswer && list[0].About != "GET https://***@go.test/m/@v/list":
			t.Errorf("%s: %q", tt.name, list[0].About)
		}
	}
}

// What a test waits for of its own server stands behind what go waits for.
func TestWaitsOfTheChainFirst(t *testing.T) {
	at := time.Unix(1_700_000_000, 0).UTC()
	tr := &trace.Trace{
		Environment: &trace.Environment{GoEnv: map[string]trace.Setting{"GOPROXY": {Value: "https://go.test"}}},
		Processes:   []*trace.Process{{PID: 1, Exe: "/usr/bin/go"}, {PID: 2, Exe: "/tmp/x.test"}},
		Lookups: []*trace.Lookup{{
			Name: "go.test", Type: "A", PID: 1, Replies: 1, RCode: "NOERROR", StartedAt: at.Add(-time.Hour),
			Answers: []trace.Answer{{Type: "A", Data: "10.0.0.1"}},
		}},
		Connections: []*trace.Connection{
			{ID: 1, PID: 2, Remote: "127.0.0.1:4000", StartedAt: at.Add(-time.Minute)},
			{ID: 2, PID: 1, Remote: "10.0.0.1:443", StartedAt: at.Add(-time.Second)},
		},
	}
	goproxy.Explain(tr)
	list := Waits(tr, at)
	if len(list) != 2 || list[0].Hop != "goproxy:go.test" || list[1].Hop != "other:127.0.0.1" {
		for _, w := range list {
			t.Errorf("%+v", w)
		}
	}
}
