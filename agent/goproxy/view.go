package goproxy

import (
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// View answers the questions that are asked of a trace again and again: which
// host a connection was for, whether it went through a proxy, what a request
// belonged to. It is made once the facts are complete and changes nothing.
type View struct {
	Trace  *trace.Trace
	Config *Config
	// End is the last moment that the trace knows.
	End time.Time

	connections map[int]*trace.Connection
	requests    byID[*trace.Request]
	on          map[int][]*trace.Request // by Connection.ID, in time order
	names       map[string][]*trace.Lookup
	proxies     map[string]string // proxy address or name with port → host
	fetched     byID[place]       // by Request.ID
	served      *candidates
	answered    func() map[exchanged]int
	resolved    map[resolved]bool // names that were resolved
	begun       map[resolved]bool // what such names begin with, label by label
	missing     *MissingRevision
	upstream    bool // a local resolver's own lookups are in the trace
}

// place is where a request stands among the fetches.
type place struct {
	fetch   *trace.Fetch
	attempt int
}

// NewView indexes a trace.
func NewView(t *trace.Trace) *View {
	v := &View{
		Trace: t, Config: ConfigOf(t.Environment),
		connections: make(map[int]*trace.Connection, len(t.Connections)), requests: newByID[*trace.Request](len(t.Requests)),
		on: map[int][]*trace.Request{}, names: map[string][]*trace.Lookup{},
		proxies: map[string]string{}, resolved: map[resolved]bool{}, begun: map[resolved]bool{},
	}
	v.answered = sync.OnceValue(v.answers)
	for _, c := range t.Connections {
		v.connections[c.ID] = c
		v.see(c.StartedAt, c.ClosedAt)
	}
	for _, r := range t.Requests {
		v.requests.set(r.ID, r)
		v.on[r.Connection] = append(v.on[r.Connection], r)
		v.see(r.StartedAt, r.SentAt, r.AnsweredAt, r.EndedAt)
	}
	v.indexLookups()
	if c := t.Command; c != nil {
		v.see(c.StartedAt.Add(c.Duration.Duration()))
	} else {
		v.see(t.Last) // of a capture file: nothing came until then
	}
	v.findProxies()
	v.indexFetches()
	v.missing = v.findMissingRevision()
	return v
}

func (v *View) see(times ...time.Time) {
	for _, t := range times {
		if t.After(v.End) {
			v.End = t
		}
	}
}

func (v *View) indexFetches() {
	v.fetched = newByID[place](len(v.Trace.Requests))
	for _, f := range v.Trace.Fetches {
		for i, a := range f.Attempts {
			for _, id := range a.Requests {
				v.fetched.set(id, place{fetch: f, attempt: i})
			}
		}
	}
	v.served = v.servedModules(v.Trace.Fetches)
}

// Connection returns the connection with that id, or nil.
func (v *View) Connection(id int) *trace.Connection { return v.connections[id] }

// Request returns the request with that id, or nil.
func (v *View) Request(id int) *trace.Request { return v.requests.get(id) }

// Requests returns the requests on a connection, in time order.
func (v *View) Requests(c *trace.Connection) []*trace.Request { return v.on[c.ID] }

// FetchOf returns the fetch that a request belongs to and the number of the
// attempt in it, or nil.
func (v *View) FetchOf(r *trace.Request) (*trace.Fetch, int) {
	p := v.fetched.get(r.ID)
	return p.fetch, p.attempt
}

// findProxies collects the proxies: those of the *_PROXY variables, and those
// that a tunnel was seen to go through.
func (v *View) findProxies() {
	if env := v.Trace.Environment; env != nil {
		for name, value := range env.Proxy {
			if !strings.EqualFold(name, "no_proxy") {
				if host, port := proxyAddress(value); host != "" {
					v.proxies[net.JoinHostPort(host, port)] = host
				}
			}
		}
	}
	for _, c := range v.Trace.Connections {
		if c.Tunnel != nil {
			if _, known := v.proxies[c.Remote]; !known {
				v.proxies[c.Remote] = v.Dialled(c)
			}
		}
	}
	if v.Trace.Environment == nil {
		v.guessProxies()
	}
}

// proxyAddress reads a *_PROXY value as golang.org/x/net/http/httpproxy does:
// without a scheme it is http.
func proxyAddress(value string) (host, port string) {
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	if err != nil || u.Hostname() == "" {
		return "", ""
	}
	if port = u.Port(); port == "" {
		switch u.Scheme {
		case "https":
			port = "443"
		case "socks5", "socks5h", "socks4", "socks4a":
			port = "1080"
		default:
			port = "80"
		}
	}
	return strings.ToLower(u.Hostname()), port
}

// Dialled returns the name that the process looked up before it dialled the
// connection's address; the address itself without such a lookup.
func (v *View) Dialled(c *trace.Connection) string {
	host, _ := SplitAddress(c.Remote)
	name := host
	for _, l := range v.names[host] {
		if (l.PID == c.PID || l.PID == 0 || c.PID == 0) && !l.StartedAt.After(c.StartedAt) {
			name = strings.ToLower(l.Name)
		}
	}
	return name
}

// Proxy returns the host of the HTTP or SOCKS proxy that the connection goes
// to, and whether it goes to one.
func (v *View) Proxy(c *trace.Connection) (string, bool) {
	_, port := SplitAddress(c.Remote)
	name := v.Dialled(c)
	if host, ok := v.proxies[net.JoinHostPort(name, port)]; ok {
		return host, true
	}
	if host, ok := v.proxies[c.Remote]; ok {
		return host, true
	}
	return name, c.Tunnel != nil
}

// Target returns the host that the connection is for: the one inside the
// tunnel, the one named in the ClientHello, the one that was looked up.
func (v *View) Target(c *trace.Connection) string {
	if c.Tunnel != nil {
		host, _ := SplitAddress(c.Tunnel.Authority)
		return host
	}
	if _, ok := v.Proxy(c); ok {
		for _, r := range v.on[c.ID] { // absolute-form, or a CONNECT without an answer
			if host := requestHost(r); host != "" {
				return host
			}
		}
		return ""
	}
	if len(c.TLS) > 0 && c.TLS[0].ServerName != "" {
		return strings.ToLower(c.TLS[0].ServerName)
	}
	return v.Dialled(c)
}

// requestHost returns the host that a request names.
func requestHost(r *trace.Request) string {
	if r.Method == "CONNECT" {
		host, _ := SplitAddress(r.URL)
		return host
	}
	return Host(r.URL)
}

// SplitAddress splits host:port; what is no such thing is all host.
func SplitAddress(s string) (host, port string) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return strings.ToLower(strings.Trim(s, "[]")), ""
	}
	return strings.ToLower(host), port
}

// EndOf returns when nothing more could come on a connection: its end, or the
// end of the trace.
func (v *View) EndOf(c *trace.Connection) time.Time {
	if c != nil && !c.ClosedAt.IsZero() {
		return c.ClosedAt
	}
	return v.End
}

// IsProxy reports whether host is the name of a proxy that the settings name
// or that a tunnel went through.
func (v *View) IsProxy(host string) bool {
	for _, name := range v.proxies {
		if name == host {
			return true
		}
	}
	return false
}

// ProxySetting returns the *_PROXY variable that names a host, with its value,
// credentials masked; empty if none does. Go prefers upper case.
func (v *View) ProxySetting(host string) (name, value string) {
	if v.Trace.Environment == nil {
		return "", ""
	}
	for _, n := range slices.Sorted(maps.Keys(v.Trace.Environment.Proxy)) {
		s := v.Trace.Environment.Proxy[n]
		if h, _ := proxyAddress(s); h == host && !strings.EqualFold(n, "no_proxy") {
			return n, Mask(s)
		}
	}
	return "", ""
}
