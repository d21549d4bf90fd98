package diagnose

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// hops draws the way: each link in the order in which the command met it, with
// what happened there. What is broken is said by the findings.
func (f *facts) hops() []*trace.Hop {
	w := &way{f: f, at: map[string]*trace.Hop{}, names: map[[2]string]string{}}
	for _, l := range f.Trace.Lookups {
		w.lookup(l)
	}
	for _, c := range f.Trace.Connections {
		w.connection(c)
	}
	for _, r := range f.Trace.Requests {
		w.request(r)
	}
	for _, found := range f.Trace.Findings {
		w.finding(found)
	}
	slices.SortStableFunc(w.list, func(a, b *trace.Hop) int { return w.first[a].Compare(w.first[b]) })
	return w.list
}

// way collects hops.
type way struct {
	f     *facts
	list  []*trace.Hop
	at    map[string]*trace.Hop
	first map[*trace.Hop]trace.Time
	// names are those of hops by role and host.
	names map[[2]string]string
}

// hop returns the hop of that name, met at that time.
func (w *way) hop(name string, at trace.Time) *trace.Hop {
	h := w.at[name]
	if h == nil {
		h = &trace.Hop{Name: name, State: trace.OK}
		w.at[name] = h
		w.list = append(w.list, h)
	}
	if w.first == nil {
		w.first = map[*trace.Hop]trace.Time{}
	}
	if t, ok := w.first[h]; !ok || at.Before(t) {
		w.first[h] = at
	}
	return h
}

func (w *way) lookup(l *trace.Lookup) {
	h := w.hop(hopResolver, l.StartedAt)
	if l.Upstream {
		if !slices.Contains(h.Upstream, l.Server) && len(h.Upstream) < maxUpstream {
			h.Upstream = append(h.Upstream, l.Server)
		}
		return
	}
	h.Lookups++
	h.Address = cmp.Or(h.Address, l.Server)
	if l.Duration != nil {
		h.Slowest = max(h.Slowest, *l.Duration)
	}
}

// maxUpstream bounds the servers of a local resolver that are named: one that
// resolves by itself asks many.
const maxUpstream = 4

// connection counts a connection at the proxy that it goes to, if any, else at
// the host it is for.
func (w *way) connection(c *trace.Connection) {
	target := w.f.Target(c)
	name := w.f.hop(target)
	if _, ok := w.f.Proxy(c); ok {
		name = w.f.proxyHop(c)
	} else if target == "" {
		return
	}
	h := w.hop(name, c.StartedAt)
	h.Connections++
	h.Address = cmp.Or(h.Address, c.Remote)
	if c.Connect != nil {
		h.Slowest = max(h.Slowest, *c.Connect)
	}
	for _, y := range c.TLS {
		if y.Duration != nil {
			h.Slowest = max(h.Slowest, *y.Duration)
		}
	}
}

// request counts a request at the host it is for, CONNECT at the proxy.
func (w *way) request(r *trace.Request) {
	c := w.f.Connection(r.Connection)
	if c == nil {
		return
	}
	host := urlHost(r.URL)
	if r.Method != "CONNECT" && host == "" {
		return
	}
	h := w.hop(w.nameOf(r, c, host), r.StartedAt)
	h.Requests++
	if r.Status != 0 {
		if h.Statuses == nil {
			h.Statuses = map[int]int{}
		}
		h.Statuses[r.Status]++
	}
	h.Slowest = max(h.Slowest, r.Timings.Wait, r.Timings.Receive)
	if r.Method != "CONNECT" && h.Protocol == "" {
		h.Protocol = agreed(c, r)
	}
}

// nameOf names the hop of a request to a host on a connection.
func (w *way) nameOf(r *trace.Request, c *trace.Connection, host string) string {
	if r.Method == "CONNECT" {
		return w.f.proxyHop(c)
	}
	role := w.f.requestRole(r, host)
	name := w.names[[2]string{role, host}]
	if name == "" {
		name = role + ":" + host
		w.names[[2]string{role, host}] = name
	}
	return name
}

// agreed names the protocols of a request, e.g. "TLS 1.3, HTTP/2.0".
func agreed(c *trace.Connection, r *trace.Request) string {
	if n := len(c.TLS); n > 0 && c.TLS[n-1].Version != "" && strings.HasPrefix(r.URL, "https:") {
		return c.TLS[n-1].Version + ", " + r.Protocol
	}
	return r.Protocol
}

// finding marks the hop that an error or warning is about.
func (w *way) finding(found *trace.Finding) {
	lost := found.Severity == trace.Warning && slices.Contains(slowRules(), found.Rule)
	if found.Severity != trace.Error && !lost {
		return
	}
	h := w.hop(found.Hop, found.At)
	switch {
	case lost && h.State == trace.OK:
		h.State = trace.Slow
	case lost:
	case h.State == trace.Failed:
	case slices.Contains(waits(), found.Rule) && w.f.Trace.Verdict.Outcome != trace.Failed:
		h.State = trace.Hung
	default:
		h.State = trace.Failed
	}
}
