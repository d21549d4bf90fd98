package agent

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopx-trace/gopx-trace/agent/diagnose"
	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// twoHosts is a capture of a go command without the command: a.test directly,
// and b.test through the HTTP proxy p.test, which refuses.
func twoHosts() *trace.Trace {
	lookup := func(id int, name, addr string, when int) *trace.Lookup {
		return &trace.Lookup{
			ID: id, PID: uint32(id), Name: name, Type: "A", Server: "10.0.0.53:53", RCode: "NOERROR", Attempts: 1, Replies: 1,
			Answers: []trace.Answer{{Type: "A", Data: addr}}, StartedAt: at(when), Duration: new(trace.Millis(1)),
		}
	}
	t := &trace.Trace{
		First:   at(0),
		Lookups: []*trace.Lookup{lookup(1, "a.test", "10.0.0.1", 0), lookup(2, "p.test", "10.0.0.2", 100)},
		Connections: []*trace.Connection{
			{ID: 1, PID: 1, Local: "10.0.0.9:1111", Remote: "10.0.0.1:80", State: "SF", StartedAt: at(10), ClosedAt: at(90), MissedBytes: 5},
			{ID: 2, PID: 2, Local: "10.0.0.9:2222", Remote: "10.0.0.2:3128", State: "SF", StartedAt: at(110), ClosedAt: at(200), MissedBytes: 7,
				Tunnel: &trace.Tunnel{Protocol: "http-connect", Authority: "b.test:443", Status: 403, StatusText: "Forbidden"}},
		},
		Requests: []*trace.Request{
			{ID: 1, PID: 1, Connection: 1, Protocol: "HTTP/1.1", Method: "GET", URL: "http://a.test/x", Status: 200, ResponseComplete: true,
				StartedAt: at(20), AnsweredAt: at(30), EndedAt: at(30)},
			{ID: 2, PID: 2, Connection: 2, Protocol: "HTTP/1.1", Method: "CONNECT", URL: "b.test:443", Status: 403, StatusText: "Forbidden",
				ResponseComplete: true, StartedAt: at(120), AnsweredAt: at(130), EndedAt: at(130)},
		},
		Processes: []*trace.Process{{PID: 1}, {PID: 2}, {PID: 3}},
		Losses:    trace.Losses{MissedBytes: 12},
	}
	goproxy.Explain(t)
	diagnose.Diagnose(t)
	return t
}

func TestSelection(t *testing.T) {
	after := func(d time.Duration) Moment { return Moment{After: d, Set: true} }
	type left struct {
		Lookups, Connections, Requests, Pids []int
		Missed                               uint64
		Outcome, Finding                     string
	}
	first := left{[]int{1}, []int{1}, []int{1}, []int{1}, 5, trace.OK, ""}
	second := left{[]int{2}, []int{2}, []int{2}, []int{2}, 7, trace.Failed, "proxy-403"}
	inTunnel := second
	inTunnel.Lookups = nil
	both := left{[]int{1, 2}, []int{1, 2}, []int{1, 2}, []int{1, 2}, 12, trace.Failed, "proxy-403"}
	for name, tt := range map[string]struct {
		s    Selection
		want left
	}{
		"host":                       {Selection{Host: "a.test"}, first},
		"host, other case and dot":   {Selection{Host: "A.Test."}, first},
		"address":                    {Selection{Host: "10.0.0.1"}, first},
		"address as IPv6":            {Selection{Host: "::ffff:10.0.0.1"}, first},
		"address and port":           {Selection{Host: "10.0.0.1:80"}, first},
		"another port":               {Selection{Host: "10.0.0.1:81"}, left{[]int{1}, nil, nil, []int{1}, 0, trace.Unknown, ""}},
		"the proxy":                  {Selection{Host: "p.test"}, second},
		"behind the proxy":           {Selection{Host: "b.test"}, inTunnel},
		"behind the proxy, at port":  {Selection{Host: "b.test:443"}, inTunnel},
		"the resolver":               {Selection{Host: "10.0.0.53"}, left{[]int{1, 2}, nil, nil, []int{1, 2}, 0, trace.Unknown, ""}},
		"our own address":            {Selection{Host: "10.0.0.9"}, left{nil, []int{1, 2}, []int{1, 2}, []int{1, 2}, 12, trace.Failed, "proxy-403"}},
		"part of a name":             {Selection{Host: "test"}, left{Outcome: trace.Unknown}},
		"connection":                 {Selection{Connection: 2}, second},
		"no such connection":         {Selection{Connection: 3}, left{Outcome: trace.Unknown}},
		"connection of another host": {Selection{Connection: 1, Host: "b.test"}, left{Outcome: trace.Unknown}},
		"since":                      {Selection{Since: after(95 * time.Millisecond)}, second},
		"since within a connection":  {Selection{Since: after(50 * time.Millisecond)}, left{[]int{2}, []int{1, 2}, []int{2}, []int{1, 2}, 12, trace.Failed, "proxy-403"}},
		"until":                      {Selection{Until: after(95 * time.Millisecond)}, first},
		"until a time":               {Selection{Until: Moment{Time: at(95), Set: true}}, first},
		"all of the time":            {Selection{Since: after(0), Until: after(time.Hour)}, both},
	} {
		t.Run(name, func(t *testing.T) {
			tr := twoHosts()
			tt.s.Apply(tr)
			got := left{Missed: tr.Losses.MissedBytes, Outcome: tr.Verdict.Outcome, Finding: tr.Verdict.Finding}
			for _, l := range tr.Lookups {
				got.Lookups = append(got.Lookups, l.ID)
			}
			for _, c := range tr.Connections {
				got.Connections = append(got.Connections, c.ID)
			}
			for _, r := range tr.Requests {
				got.Requests = append(got.Requests, r.ID)
			}
			for _, p := range tr.Processes {
				got.Pids = append(got.Pids, int(p.PID))
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
			if of := tr.Selection.Of; of != (trace.Totals{Lookups: 2, Connections: 2, Requests: 2, Findings: len(twoHosts().Findings)}) {
				t.Errorf("of %+v", of)
			}
			for _, c := range tr.Chains {
				for _, id := range c.Requests {
					if !slices.Contains(got.Requests, id) {
						t.Errorf("a chain names request %d, which is hidden", id)
					}
				}
			}
		})
	}
}

func TestEmptySelection(t *testing.T) {
	tr := twoHosts()
	Selection{}.Apply(tr)
	if d := cmp.Diff(twoHosts(), tr); d != "" {
		t.Error(d)
	}
}

// What is said of TLS that stays closed is about the connections that are shown.
func TestSelectionStaysClosed(t *testing.T) {
	for conn, want := range map[int][]string{
		0: {"2 TLS connection(s) stay closed: no secret for them in the capture or a key log (--keylog)", "a sentence of the file"},
		1: {"1 TLS connection(s) stay closed: no secret for them in the capture or a key log (--keylog)", "a sentence of the file"},
		9: {"a sentence of the file"},
	} {
		tr := twoHosts()
		for _, c := range tr.Connections {
			c.TLS = []*trace.TLS{{Established: true}}
		}
		tr.Processes = nil
		tr.NotSeen = append(stayClosed(tr), "a sentence of the file")
		Selection{Connection: conn}.Apply(tr)
		if diff := cmp.Diff(want, tr.NotSeen); diff != "" {
			t.Errorf("connection %d: -want +got\n%s", conn, diff)
		}
	}
}
