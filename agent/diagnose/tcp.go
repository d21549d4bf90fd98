package diagnose

import (
	"cmp"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// minSilence is how long a SYN must have stayed without an answer: two
// retransmissions' time (RFC 6298 starts at one second).
const minSilence = 3 * time.Second

// dial is a connection that was not made, and not made up for by another
// address of the same host.
type dial struct {
	c     *trace.Connection
	host  string
	proxy bool
	kind  string
}

// Kinds of [dial.kind].
const (
	dialRefused    = "refused"
	dialSilent     = "silent"
	dialProhibited = "prohibited"
	dialNoHost     = "host unreachable"
	dialNoNeighbor = "no neighbour"
	dialNoNetwork  = "network unreachable"
	dialForbidden  = "forbidden by a route"
	dialBlackhole  = "sent nowhere by a route"
	dialNoPort     = "no port left"
)

// failedDials returns the connections that were not made.
func (f *facts) failedDials() []dial {
	type peer struct {
		pid        uint32
		name, port string
	}
	made := map[peer]time.Time{} // the last time a connection was made
	key := func(c *trace.Connection) peer {
		_, port := goproxy.SplitAddress(c.Remote)
		return peer{c.PID, f.Dialled(c), port}
	}
	for _, c := range f.Trace.Connections {
		if goproxy.Connected(c) {
			at := c.StartedAt
			if c.Connect != nil {
				at = at.Add(c.Connect.Duration())
			}
			if at.After(made[key(c)]) {
				made[key(c)] = at
			}
		}
	}
	var list []dial
	for _, c := range f.Trace.Connections {
		if goproxy.Connected(c) || made[key(c)].After(c.StartedAt) && !f.outOfPorts(c) {
			continue
		}
		d := dial{c: c, host: f.Dialled(c), kind: f.dialKind(c)}
		if proxy, ok := f.Proxy(c); ok {
			d.host, d.proxy = proxy, true
		}
		list = append(list, d)
	}
	return list
}

// outOfPorts reports whether a dial failed for want of a port, and the command
// failed: another connection that was made meanwhile carried another request.
func (f *facts) outOfPorts(c *trace.Connection) bool {
	return c.Errno == "EADDRNOTAVAIL" && failed(f.Trace.Command)
}

// dialKind tells from the ICMP error, the answer to the SYN and the errno why
// a connection was not made; "" if that is not proven.
func (f *facts) dialKind(c *trace.Connection) string {
	icmp := strings.ToLower(c.ICMP)
	switch {
	case c.Errno == "EACCES" && c.Stream == nil:
		return dialForbidden
	case c.Errno == "EINVAL" && c.Stream == nil:
		return dialBlackhole
	case c.Errno == "EADDRNOTAVAIL":
		return dialNoPort
	case strings.Contains(icmp, "prohibit") || strings.Contains(icmp, "filtered"):
		return dialProhibited
	case strings.Contains(icmp, "port unreachable") || c.State == "REJ" || c.Errno == "ECONNREFUSED":
		return dialRefused
	case strings.Contains(icmp, "net"), strings.Contains(icmp, "no route"), c.Errno == "ENETUNREACH":
		return dialNoNetwork
	case strings.Contains(icmp, "unreachable") && !byUs(c):
		return dialNoHost
	case c.Errno == "EHOSTUNREACH" || strings.Contains(icmp, "unreachable"):
		return dialNoNeighbor // no router said so: nobody answered ARP or ND
	case c.State == "S0" && (c.Retransmits > 0 || c.Errno == "ETIMEDOUT" || f.EndOf(c).Sub(c.StartedAt) >= minSilence):
		return dialSilent
	}
	return ""
}

// byUs reports whether a connection's ICMP error came from its own end: the
// kernel tells itself so when nobody answers ARP (ipv4_link_failure in
// net/ipv4/route.c).
func byUs(c *trace.Connection) bool {
	ip, _ := goproxy.SplitAddress(c.Local)
	return ip != "" && quotedBy(c.ICMP) == ip
}

// dialFault returns the findings for dials of that kind to hosts that are no
// proxies and that no more telling rule speaks for.
func (f *facts) dialFault(kind string) []*trace.Finding {
	var list []*trace.Finding
	for _, d := range f.dials {
		if d.kind == kind && (!d.proxy || d.fixedHop() != "") && !f.spokenFor(d.host) && !f.deadEntry(d) {
			list = append(list, f.dialFinding(d))
		}
	}
	return list
}

// fixedHop is the hop of a kind that no peer is to blame for.
func (d dial) fixedHop() string {
	switch d.kind {
	case dialProhibited, dialNoHost, dialNoNeighbor, dialNoNetwork, dialForbidden, dialBlackhole:
		return hopRoute
	case dialNoPort:
		return hopHost
	}
	return ""
}

func (f *facts) dialFinding(d dial) *trace.Finding {
	waited := max(f.EndOf(d.c).Sub(d.c.StartedAt), 0)
	args := with(f.peerArgs(d.c, d.host), "seconds", seconds(waited), "from", quotedBy(d.c.ICMP))
	args["url"] = f.urlOf(d.host, args["port"])
	text := "no connection to " + d.c.Remote + ": " + d.why()
	found := finding(cmp.Or(d.fixedHop(), f.hop(d.host)), d.c.StartedAt, args, connectionEvidence(d.c, text))
	if d.proxy && d.fixedHop() == "" {
		found.Hop = f.proxyHop(d.c)
	}
	if d.kind == dialSilent {
		return f.silence(found)
	}
	return found
}

// why says in words what became of the dial.
func (d dial) why() string {
	switch {
	case d.c.ICMP != "" && byUs(d.c):
		return d.c.ICMP + ", this machine itself: nobody answered ARP"
	case d.c.ICMP != "":
		return d.c.ICMP
	case d.kind == dialSilent && d.c.Retransmits > 0:
		return "no reply to the SYN, which was sent " + strconv.Itoa(d.c.Retransmits+1) + " times"
	case d.kind == dialSilent:
		return "no reply to the SYN"
	}
	return goproxy.DialError(d.c)
}

// urlOf is the URL at which a host is asked: its GOPROXY entry, else the root
// of the host.
func (f *facts) urlOf(host, port string) string {
	for _, e := range f.Config.List {
		if e.Host() == host && host != "" {
			return e.String()
		}
	}
	scheme := "https"
	if port == "80" {
		scheme = "http"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// quotedBy returns who sent an ICMP error, from its text; "" for the kernel's
// own verdict.
func quotedBy(icmp string) string {
	_, from, _ := strings.Cut(icmp, " from ")
	return from
}

func tcpRefused(f *facts) []*trace.Finding        { return f.dialFault(dialRefused) }
func tcpSYNDropped(f *facts) []*trace.Finding     { return f.dialFault(dialSilent) }
func icmpHostUnreach(f *facts) []*trace.Finding   { return f.dialFault(dialNoHost) }
func arpNoAnswer(f *facts) []*trace.Finding       { return f.dialFault(dialNoNeighbor) }
func fwAdminProhibited(f *facts) []*trace.Finding { return f.dialFault(dialProhibited) }
func routeMissing(f *facts) []*trace.Finding      { return f.dialFault(dialNoNetwork) }

// proxyUnreachable: the proxy's host refused the connection or did not answer.
func proxyUnreachable(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, d := range f.dials {
		if d.proxy && (d.kind == dialRefused || d.kind == dialSilent) {
			found := f.dialFinding(d)
			found.Args["reason"], found.Args["scheme"], found.Args["proxy"] = d.kind, f.proxyScheme(d.c), f.proxyURL(d.c)
			found.Evidence = append(found.Evidence, f.proxySetting(d.host)...)
			list = append(list, found)
		}
	}
	return list
}
