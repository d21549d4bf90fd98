package diagnose

import (
	"net"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// facts is what the rules look at: the trace, indexed, and the answers to
// questions that several of them ask.
type facts struct {
	*goproxy.View
	// roles are what hosts are to the go command, see [facts.hop].
	roles map[string]string
	// servers are the addresses of name servers that were asked.
	servers   map[string]bool
	processes map[uint32]*trace.Process
	// names, dials and layers are what the rules of a layer go through.
	names  []*resolution
	dials  []dial
	layers []layer
	// exchanges are the requests that a rule about HTTP may look at.
	exchanges []*trace.Request
}

func newFacts(t *trace.Trace) *facts {
	f := &facts{View: goproxy.NewView(t), processes: map[uint32]*trace.Process{}}
	for _, p := range t.Processes {
		f.processes[p.PID] = p
	}
	f.servers = map[string]bool{}
	for _, l := range t.Lookups {
		f.servers[hostOnly(l.Server)] = true
	}
	f.findRoles()
	f.names, f.dials, f.layers, f.exchanges = f.unresolved(), f.failedDials(), f.tlsLayers(), f.blamable()
	return f
}

// finding begins a certain error; rules lower both where they must.
func finding(hop string, at time.Time, args map[string]string, evidence ...trace.Evidence) *trace.Finding {
	return &trace.Finding{
		Severity: trace.Error, Confidence: trace.Certain,
		Hop: hop, At: at, Args: args, Evidence: evidence, Fix: []string{},
	}
}

// silence is a finding that rests on something that was not seen: the tracer's
// own losses weaken it.
func (f *facts) silence(found *trace.Finding) *trace.Finding {
	if f.Trace.Losses.Packets > 0 {
		found.Confidence = trace.Possible
	}
	return found
}

// waited is a finding about a peer that did not answer for so long. Where only
// the end of the command ended a short wait, it is possible at most.
func (f *facts) waited(found *trace.Finding, d time.Duration) *trace.Finding {
	found.Args["seconds"], found.Args["brief"] = seconds(d), ""
	if goproxy.Brief(d) {
		found.Args["brief"], found.Confidence = "yes", trace.Possible
	}
	return f.silence(found)
}

// byGit reports whether a process is git or one of its helpers.
func (f *facts) byGit(pid uint32) bool {
	p := f.processes[pid]
	return p != nil && strings.HasPrefix(path.Base(p.Exe), "git")
}

// peerArgs name the two ends of what a connection is for: the host, its port
// and address, and the proxy between if there is one. "connect" is that proxy
// if it knows CONNECT, "endpoint" is host:port as it is typed, and "place" the
// host's own address: behind a proxy that is not known.
func (f *facts) peerArgs(c *trace.Connection, host string) map[string]string {
	ip, port := goproxy.SplitAddress(c.Remote)
	args := map[string]string{"host": host, "address": c.Remote, "ip": ip, "via": "", "connect": "", "place": c.Remote}
	if proxy, ok := f.Proxy(c); ok && proxy != host {
		args["via"], args["place"] = net.JoinHostPort(proxy, port), ""
		if !strings.HasPrefix(f.proxyScheme(c), "socks") {
			args["connect"] = args["via"]
		}
		if c.Tunnel != nil {
			_, port = goproxy.SplitAddress(c.Tunnel.Authority)
		}
	}
	args["port"], args["endpoint"] = port, net.JoinHostPort(host, port)
	return args
}

// proxyArgs name a proxy and the host it was asked for.
func (f *facts) proxyArgs(c *trace.Connection, target string) map[string]string {
	host, _ := f.Proxy(c)
	_, port := goproxy.SplitAddress(c.Remote)
	return map[string]string{
		"host": host, "port": port, "endpoint": net.JoinHostPort(host, port), "address": c.Remote,
		"target": target, "scheme": f.proxyScheme(c), "proxy": f.proxyURL(c),
	}
}

// proxyURL is the URL of a connection's proxy, with *** in place of credentials.
func (f *facts) proxyURL(c *trace.Connection) string {
	host, _ := f.Proxy(c)
	_, port := goproxy.SplitAddress(c.Remote)
	authority := net.JoinHostPort(host, port)
	if _, value := f.ProxySetting(host); strings.Contains(value, "***@") {
		authority = "***@" + authority
	}
	return f.proxyScheme(c) + "://" + authority
}

// proxyScheme is how a connection's proxy is spoken to: the scheme of the
// *_PROXY variable that names it, else as it was seen.
func (f *facts) proxyScheme(c *trace.Connection) string {
	host, _ := f.Proxy(c)
	_, value := f.ProxySetting(host)
	if scheme, _, ok := strings.Cut(value, "://"); ok {
		if scheme == "socks5" {
			return "socks5h" // curl's word for names that the proxy resolves, as go has it
		}
		return scheme
	}
	if c.Tunnel != nil && strings.HasPrefix(c.Tunnel.Protocol, "socks") {
		return c.Tunnel.Protocol
	}
	return "http"
}

// requestArgs name a request and the host it went to.
func (f *facts) requestArgs(r *trace.Request) map[string]string {
	args := map[string]string{"host": urlHost(r.URL), "via": "", "port": "", "address": "", "ip": "", "connect": "", "place": "", "endpoint": ""}
	if c := f.Connection(r.Connection); c != nil {
		args = f.peerArgs(c, urlHost(r.URL))
	}
	args["url"], args["status"], args["text"] = plainURL(r.URL), strconv.Itoa(r.Status), r.StatusText
	if args["text"] == "" { // HTTP/2 has no reason phrase
		args["text"] = statusText(r.Status)
	}
	args["authority"], args["entry"] = urlAuthority(r.URL), f.entryOf(r)
	args["module"], args["path"] = r.Module, r.Module
	if r.Version != "" {
		args["module"] += "@" + r.Version
	}
	return args
}

// entryOf is the GOPROXY entry that a request was made for, credentials masked;
// empty for one that belongs to none.
func (f *facts) entryOf(r *trace.Request) string {
	if fetch, i := f.FetchOf(r); fetch != nil && fetch.Attempts[i].Entry != goproxy.Direct {
		return fetch.Attempts[i].Entry
	}
	return ""
}

// plainURL leaves out what may be secret: userinfo, and the query, which is
// where signed URLs carry their signature. The queries of discovery and of git
// are always the same.
func plainURL(raw string) string {
	raw, query, _ := strings.Cut(goproxy.Mask(raw), "?")
	if query == "go-get=1" || query == "service=git-upload-pack" {
		return raw + "?" + query
	}
	return raw
}

// urlAuthority returns the host of a URL, with its port if the URL has one.
func urlAuthority(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Host)
}

func urlHost(raw string) string { return goproxy.Host(raw) }

// seconds writes a duration for a sentence.
func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64)
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 0, 64)
}
