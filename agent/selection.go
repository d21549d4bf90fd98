package agent

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/diagnose"
	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// Selection picks facts out of a trace. Empty fields pick all.
//
// Facts are picked, not packets: a connection that began before a time is still
// understood from its beginning, and the rules have seen everything. Hence a
// selection hides findings and never makes any.
type Selection struct {
	// Host is a name or an address, optionally with a port. It picks the
	// connections, requests and lookups that name it, or that go through it.
	Host string
	// Connection is a [trace.Connection.ID].
	Connection int
	// Since and Until pick what was going on between them.
	Since, Until Moment
}

// Moment is a time, or one counted from the beginning of a trace.
type Moment struct {
	Time time.Time
	// After is used where Time is zero, if Set.
	After time.Duration
	Set   bool
}

// Before reports whether a moment certainly comes before another: both are
// times, or both are counted from the beginning.
func (m Moment) Before(o Moment) bool {
	if m.Time.IsZero() != o.Time.IsZero() {
		return false
	}
	return m.Time.Before(o.Time) || m.After < o.After
}

// in returns the time of a moment in a trace; zero if the moment is not set.
func (m Moment) in(t *trace.Trace) time.Time {
	if m.Set && m.Time.IsZero() {
		return t.First.Add(m.After)
	}
	return m.Time
}

// Empty reports whether a selection picks all.
func (s Selection) Empty() bool { return s == Selection{} }

// Apply takes out of a diagnosed trace what the selection does not pick, and
// makes its verdict and hops those of the rest.
func (s Selection) Apply(t *trace.Trace) {
	if s.Empty() {
		return
	}
	t.Selection = &trace.Selection{
		Host: s.Host, Connection: s.Connection, Since: s.Since.in(t), Until: s.Until.in(t),
		Of: trace.Totals{
			Lookups: len(t.Lookups), Connections: len(t.Connections),
			Requests: len(t.Requests), Findings: len(t.Findings),
		},
	}
	closed := stayClosed(t)
	diagnose.Narrow(t, func(v *goproxy.View) {
		p := newPicker(t.Selection, v)
		p.facts(t)
		p.derived(t)
		t.Findings = slices.DeleteFunc(t.Findings, func(f *trace.Finding) bool { return !p.finding(f) })
	})
	t.NotSeen = slices.DeleteFunc(t.NotSeen, func(said string) bool { return slices.Contains(closed, said) })
	t.NotSeen = append(t.NotSeen, stayClosed(t)...)
	slices.Sort(t.NotSeen)
}

// picker decides fact by fact.
type picker struct {
	*trace.Selection
	view *goproxy.View
	host hostMatch
	// What was picked, by id; pids are the processes that it belongs to.
	connections, requests, lookups map[int]bool
	pids                           map[uint32]bool
}

func newPicker(s *trace.Selection, v *goproxy.View) *picker {
	return &picker{
		Selection: s, view: v, host: newHostMatch(s.Host),
		connections: map[int]bool{}, requests: map[int]bool{}, lookups: map[int]bool{}, pids: map[uint32]bool{},
	}
}

// facts picks requests, connections and lookups, and the processes they are of.
func (p *picker) facts(t *trace.Trace) {
	t.Requests = slices.DeleteFunc(t.Requests, func(r *trace.Request) bool { return !p.request(r) })
	t.Pushes = slices.DeleteFunc(t.Pushes, func(r *trace.Request) bool { return !p.request(r) })
	t.Connections = slices.DeleteFunc(t.Connections, func(c *trace.Connection) bool { return !p.connection(c) })
	t.Lookups = slices.DeleteFunc(t.Lookups, func(l *trace.Lookup) bool { return !p.lookup(l) })
	t.Processes = slices.DeleteFunc(t.Processes, func(x *trace.Process) bool { return !p.pids[x.PID] })
	t.Losses.MissedBytes = 0
	for _, c := range t.Connections {
		t.Losses.MissedBytes += c.MissedBytes
	}
}

// request picks a request of a connection that is for the host, or that names
// the host itself: a proxy carries those of many.
func (p *picker) request(r *trace.Request) bool {
	c := p.view.Connection(r.Connection)
	end := cmp.Or(r.EndedAt, p.view.EndOf(c))
	if p.Connection != 0 && r.Connection != p.Connection || !p.during(r.StartedAt, end) {
		return false
	}
	if p.Host != "" && !p.host.url(r.Method, r.URL) && (c == nil || !p.peer(c)) {
		return false
	}
	p.requests[r.ID] = true
	p.connections[r.Connection] = true
	p.pids[r.PID] = true
	return true
}

func (p *picker) connection(c *trace.Connection) bool {
	switch {
	case p.connections[c.ID]: // of a request that was picked
	case p.Connection != 0 && c.ID != p.Connection, !p.during(c.StartedAt, p.view.EndOf(c)):
		return false
	case p.Host != "" && !p.peer(c) && !p.host.name(p.view.Target(c)):
		return false
	}
	p.connections[c.ID] = true
	p.pids[c.PID] = true
	return true
}

// peer reports whether a connection as a whole has to do with the host: it is
// one of its ends, the name that was dialled, that of a TLS layer or that of the
// tunnel.
func (p *picker) peer(c *trace.Connection) bool {
	if p.host.address(c.Remote, c.Remote) || p.host.address(c.Local, c.Local) || p.host.address(p.view.Dialled(c), c.Remote) {
		return true
	}
	if c.Tunnel != nil && p.host.address(c.Tunnel.Authority, c.Tunnel.Authority) {
		return true
	}
	return slices.ContainsFunc(c.TLS, func(l *trace.TLS) bool { return p.host.address(l.ServerName, c.Remote) })
}

// lookup picks what was asked for the host or answered with it, and what the
// connection was dialled by.
func (p *picker) lookup(l *trace.Lookup) bool {
	end := l.StartedAt
	if l.Duration != nil {
		end = end.Add(l.Duration.Duration())
	}
	if !p.during(l.StartedAt, end) || p.Host != "" && !p.answers(l) || p.Connection != 0 && !p.dialled(l) {
		return false
	}
	p.lookups[l.ID] = true
	p.pids[l.PID] = true
	return true
}

func (p *picker) answers(l *trace.Lookup) bool {
	return p.host.name(l.Name) || p.host.address(l.Server, l.Server) ||
		slices.ContainsFunc(l.Answers, func(a trace.Answer) bool { return p.host.name(a.Data) })
}

func (p *picker) dialled(l *trace.Lookup) bool {
	c := p.view.Connection(p.Connection)
	return c != nil && !l.StartedAt.After(c.StartedAt) && strings.EqualFold(l.Name, p.view.Dialled(c))
}

// during reports whether something from start to end was going on in the time
// that was selected.
func (p *picker) during(start, end time.Time) bool {
	return (p.Until.IsZero() || !start.After(p.Until)) && (p.Since.IsZero() || !end.Before(p.Since))
}

// derived takes the requests that were not picked out of chains and fetches.
func (p *picker) derived(t *trace.Trace) {
	hidden := func(id int) bool { return !p.requests[id] }
	t.Chains = slices.DeleteFunc(t.Chains, func(c *trace.Chain) bool {
		c.Requests = slices.DeleteFunc(c.Requests, hidden)
		return len(c.Requests) == 0
	})
	t.Fetches = slices.DeleteFunc(t.Fetches, func(f *trace.Fetch) bool {
		n := 0
		for i := range f.Attempts {
			f.Attempts[i].Requests = slices.DeleteFunc(f.Attempts[i].Requests, hidden)
			n += len(f.Attempts[i].Requests)
		}
		return n == 0
	})
}

// finding picks a finding that a picked fact proves, or that no fact can prove
// or refute (a setting, a route) if it is about the host, or in the time.
func (p *picker) finding(f *trace.Finding) bool {
	proven, facts := false, false
	for _, e := range f.Evidence {
		picked := map[string]map[int]bool{"connection": p.connections, "request": p.requests, "lookup": p.lookups}[e.Kind]
		id, err := strconv.Atoi(e.Ref)
		facts = facts || picked != nil
		proven = proven || err == nil && picked[id]
	}
	if facts || p.Connection != 0 {
		return proven
	}
	_, host, _ := strings.Cut(f.Hop, ":")
	return (p.Host == "" || p.host.name(host)) && p.during(f.At, f.At)
}
