package diagnose

import (
	"cmp"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// patienceOfResolvers is how long a lookup is waited for: resolv.conf(5) bounds
// the timeout of an attempt, after which its question is asked anew or given up.
const patienceOfResolvers = 30 * time.Second

// Waits returns what the command of an explained trace waits for at a time: for
// links of the chain first, and of these for the longest time first. The trace is one of a run that goes on: a connection
// without ClosedAt is open.
func Waits(t *trace.Trace, at time.Time) []*trace.Wait {
	f := newFacts(t)
	list := f.lookupWaits(at)
	for _, c := range t.Connections {
		if c.ClosedAt.IsZero() && c.ICMP == "" && c.Errno == "" {
			list = append(list, f.connectionWaits(c)...)
		}
	}
	slices.SortStableFunc(list, func(a, b *trace.Wait) int {
		return cmp.Or(aside(a)-aside(b), a.Since.Compare(b.Since))
	})
	return list
}

// aside is 1 for a wait that is none of the chain's, as a test's for its own
// server, else 0.
func aside(w *trace.Wait) int {
	if strings.HasPrefix(w.Hop, roleOther+":") {
		return 1
	}
	return 0
}

// lookupWaits returns a wait for each name and type that has no answer; one that
// was answered meanwhile, by another server or at another attempt, is not awaited.
func (f *facts) lookupWaits(at time.Time) []*trace.Wait {
	type question struct{ name, kind string }
	open := map[question]*trace.Wait{}
	var order []question
	for _, l := range f.Lookups() {
		q := question{strings.ToLower(l.Name), l.Type}
		if l.Replies > 0 || l.Error != "" {
			delete(open, q)
			continue
		}
		if at.Sub(l.StartedAt) > patienceOfResolvers {
			continue
		}
		w := open[q]
		if w == nil {
			w = &trace.Wait{For: trace.WaitLookup, Hop: hopResolver, About: l.Type + " " + l.Name, Since: l.StartedAt}
			open[q], order = w, append(order, q)
		}
		host, _ := goproxy.SplitAddress(l.Server)
		w.Host, w.Address = host, l.Server
		w.Attempts += l.Attempts
	}
	var list []*trace.Wait
	for _, q := range order {
		if w := open[q]; w != nil && !slices.Contains(list, w) {
			list = append(list, w)
		}
	}
	return list
}

// connectionWaits returns what is awaited on an open connection: one step of its
// way up, or the answers to its requests.
func (f *facts) connectionWaits(c *trace.Connection) []*trace.Wait {
	if c.Connect == nil && c.BytesReceived == 0 {
		if c.BytesSent > 0 { // the capture began later
			return nil
		}
		return []*trace.Wait{f.dialWait(c)}
	}
	if w := f.layerWait(c); w != nil {
		return []*trace.Wait{w}
	}
	var list []*trace.Wait
	for _, r := range f.Requests(c) {
		if w := f.requestWait(c, r); w != nil {
			list = append(list, w)
		}
	}
	if w := f.socksWait(c); w != nil {
		list = append(list, w)
	}
	return list
}

// wait begins a wait on a connection for a host that is reached over it.
func (f *facts) wait(what string, c *trace.Connection, hop, host string, since time.Time) *trace.Wait {
	w := &trace.Wait{For: what, Hop: hop, Host: host, Address: c.Remote, Since: since, Retransmits: c.Retransmits}
	if proxy, ok := f.Proxy(c); ok && proxy != host {
		_, port := goproxy.SplitAddress(c.Remote)
		w.Via = net.JoinHostPort(proxy, port)
	}
	if c.Tunnel != nil {
		w.TunnelStatus = c.Tunnel.Status
	}
	return w
}

// dialWait is about a SYN without an answer.
func (f *facts) dialWait(c *trace.Connection) *trace.Wait {
	host := f.Dialled(c)
	hop := f.hop(host)
	if proxy, ok := f.Proxy(c); ok {
		host, hop = proxy, f.proxyHop(c)
	}
	return f.wait(trace.WaitConnect, c, hop, host, c.StartedAt)
}

// layerWait is about the innermost TLS layer, if its handshake is not over.
func (f *facts) layerWait(c *trace.Connection) *trace.Wait {
	for _, y := range slices.Backward(f.layers) {
		if y.c != c {
			continue
		}
		if y.l.Established || y.l.Alert != nil || len(y.l.NotTLS) > 0 || c.MissedBytes > 0 {
			return nil
		}
		what, hop := trace.WaitHandshake, f.layerHop(y)
		if _, silent := f.unansweredHello(y); silent {
			what = trace.WaitServerHello
			if y.tunnelled { // who ends the silence cannot be told: the tunnel is the proxy's
				hop = f.proxyHop(c)
			}
		}
		return f.wait(what, c, hop, y.host, y.at())
	}
	return nil
}

// requestWait is about an answer, or the rest of one.
func (f *facts) requestWait(c *trace.Connection, r *trace.Request) *trace.Wait {
	connect := r.Method == "CONNECT"
	over := !r.EndedAt.IsZero() || r.ResponseComplete || r.Error != ""
	if over || r.Status != 0 && (connect || r.Status == 101) {
		return nil
	}
	if connect {
		proxy, _ := f.Proxy(c)
		w := f.wait(trace.WaitTunnel, c, f.proxyHop(c), proxy, r.StartedAt)
		w.About = r.Method + " " + r.URL
		return w
	}
	w := f.wait(trace.WaitAnswer, c, f.requestHop(r), urlHost(r.URL), latest(r.StartedAt, r.SentAt))
	w.About = r.Method + " " + plainURL(r.URL)
	if r.Status != 0 {
		w.For, w.Since = trace.WaitBody, latest(r.AnsweredAt, r.LastByteAt)
		w.Got, w.Length = r.ResponseBytes, r.Header("Content-Length")
	}
	return w
}

// socksWait is about a SOCKS proxy that has not opened the tunnel.
func (f *facts) socksWait(c *trace.Connection) *trace.Wait {
	if c.Tunnel != nil || len(c.Layers) == 0 || !strings.HasPrefix(c.Layers[len(c.Layers)-1], "socks") {
		return nil
	}
	proxy, _ := f.Proxy(c)
	w := f.wait(trace.WaitTunnel, c, f.proxyHop(c), proxy, c.StartedAt)
	w.About = "a SOCKS request"
	return w
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
