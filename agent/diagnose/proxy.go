package diagnose

import (
	"strconv"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/decode"
	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// proxySetting is the variable that sent the command to a proxy.
func (f *facts) proxySetting(host string) []trace.Evidence {
	name, value := f.ProxySetting(host)
	if name == "" {
		return nil
	}
	return f.configEvidence(name, value)
}

// connects returns the CONNECT requests that opened no tunnel, and that the
// process did not repeat with success (with credentials, say) on any
// connection.
func (f *facts) connects() []*trace.Request {
	type target struct {
		pid       uint32
		authority string
	}
	opened := map[target]int{}
	for _, r := range f.Trace.Requests {
		if r.Method == "CONNECT" && r.Status == 200 {
			opened[target{r.PID, r.URL}] = r.ID
		}
	}
	var list []*trace.Request
	for _, r := range f.Trace.Requests {
		if r.Method == "CONNECT" && r.Status != 200 && opened[target{r.PID, r.URL}] < r.ID && f.Connection(r.Connection) != nil {
			list = append(list, r)
		}
	}
	return list
}

// connectFinding is about a proxy's answer, or missing answer, to CONNECT.
func (f *facts) connectFinding(r *trace.Request) *trace.Finding {
	c := f.Connection(r.Connection)
	args := with(f.proxyArgs(c, r.URL), "status", strconv.Itoa(r.Status), "text", r.StatusText)
	found := finding(f.proxyHop(c), r.StartedAt, args, answerEvidence(r))
	host, _ := f.Proxy(c)
	found.Evidence = append(found.Evidence, f.proxySetting(host)...)
	return found
}

// connectStatus returns a finding for each refused CONNECT with such a status.
func (f *facts) connectStatus(match func(*trace.Request) bool) []*trace.Finding {
	var list []*trace.Finding
	for _, r := range f.connects() {
		if r.Status != 0 && match(r) {
			list = append(list, f.connectFinding(r))
		}
	}
	return list
}

// offersBasic reports whether a proxy takes a password from the proxy's URL;
// without a challenge it is given the benefit of the doubt.
func offersBasic(r *trace.Request) bool {
	challenged := false
	for _, h := range r.ResponseHeaders {
		if strings.EqualFold(h.Name, "Proxy-Authenticate") {
			challenged = true
			if scheme, _, _ := strings.Cut(h.Value, " "); strings.EqualFold(scheme, "Basic") {
				return true
			}
		}
	}
	return !challenged
}

// authenticationWanted returns a finding for each request that a proxy wanted
// authentication for, by a challenge that matches. A plain http request through
// a proxy can be told so as well as CONNECT.
func (f *facts) authenticationWanted(match func(*trace.Request) bool) []*trace.Finding {
	list := f.connectStatus(func(r *trace.Request) bool { return r.Status == 407 && match(r) })
	for _, r := range f.Trace.Requests {
		if c := f.Connection(r.Connection); r.Method != "CONNECT" && r.Status == 407 && c != nil && match(r) && !f.Harmless(r) {
			found := f.connectFinding(r)
			found.Args["target"] = urlHost(r.URL)
			list = append(list, found)
		}
	}
	return list
}

// proxy407: the proxy wants credentials that it did not get, or refuses those
// it got.
func proxy407(f *facts) []*trace.Finding {
	list := f.authenticationWanted(offersBasic)
	for _, found := range list {
		found.Args["sent"] = "none"
		if f.sentCredentials(found) {
			found.Args["sent"] = "refused"
		}
	}
	return list
}

// sentCredentials reports whether the request of a finding had credentials for
// the proxy.
func (f *facts) sentCredentials(found *trace.Finding) bool {
	id, _ := strconv.Atoi(found.Evidence[0].Ref)
	r := f.Request(id)
	return r != nil && trace.First(r.Headers, "Proxy-Authorization") != ""
}

// proxyNTLMKerberos: go knows Basic only.
func proxyNTLMKerberos(f *facts) []*trace.Finding {
	return f.authenticationWanted(func(r *trace.Request) bool { return !offersBasic(r) })
}

func proxy403(f *facts) []*trace.Finding {
	return f.connectStatus(func(r *trace.Request) bool {
		return r.Status >= 400 && r.Status < 500 && r.Status != 407 && !noProxyStatus(r)
	})
}

func proxy5xx(f *facts) []*trace.Finding {
	return f.connectStatus(func(r *trace.Request) bool { return r.Status >= 500 && !noProxyStatus(r) })
}

// proxy302Portal: go takes status 200 alone for an open tunnel.
func proxy302Portal(f *facts) []*trace.Finding {
	return f.connectStatus(func(r *trace.Request) bool { return r.Status < 400 })
}

func proxyHangConnect(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, r := range f.connects() {
		if waited := f.Waited(r); r.Status == 0 && waited >= f.Patience() {
			found := f.connectFinding(r)
			found.Evidence[0] = unansweredEvidence(r, waited)
			list = append(list, f.waited(found, waited))
		}
	}
	return list
}

// proxyTunnelSilent: the ClientHello went into the tunnel and nothing came out.
func proxyTunnelSilent(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, y := range f.layers {
		if waited, ok := f.unansweredHello(y); ok && y.tunnelled && !remoteEnd(y.c) && waited >= f.Patience() {
			found := f.tunnelFinding(y, "no answer to the ClientHello in the tunnel to "+y.c.Tunnel.Authority)
			list = append(list, f.waited(found, waited))
		}
	}
	return list
}

// tunnelReset: the proxy ended the connection instead of answering CONNECT, or
// the tunnel as soon as the ClientHello went in.
func tunnelReset(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, r := range f.connects() {
		if c := f.Connection(r.Connection); r.Status == 0 && remoteEnd(c) && c.MissedBytes == 0 && !strings.HasPrefix(r.Error, decode.MalformedAnswer) {
			found := f.connectFinding(r)
			found.Args["after"], found.Args["how"] = "CONNECT", goproxy.PeerEnded(c)
			found.Evidence = append(found.Evidence, connectionEvidence(c, "ended by the proxy: "+c.History))
			list = append(list, found)
		}
	}
	for _, y := range f.layers {
		if _, ok := f.unansweredHello(y); ok && (y.tunnelled || y.toProxy) && remoteEnd(y.c) {
			found := f.tunnelFinding(y, "ended by the proxy's side right after the ClientHello")
			found.Args["after"], found.Args["how"] = "ClientHello", goproxy.PeerEnded(y.c)
			list = append(list, found)
		}
	}
	return list
}

func (f *facts) tunnelFinding(y layer, text string) *trace.Finding {
	target := y.host
	if y.c.Tunnel != nil {
		target = y.c.Tunnel.Authority
	}
	return finding(f.proxyHop(y.c), y.at(), with(f.proxyArgs(y.c, target), "status", "", "text", ""), tlsEvidence(y.c, y.l, text))
}

// remoteEnd reports whether the peer ended the connection, before we did.
func remoteEnd(c *trace.Connection) bool { return goproxy.PeerEnded(c) != "" }

// tunnelPlainHTTP: a block page inside the tunnel in place of TLS.
func tunnelPlainHTTP(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, y := range f.layers {
		if y.tunnelled && strings.HasPrefix(string(y.l.NotTLS), "HTTP/") {
			found := f.tunnelFinding(y, "the answer to the ClientHello begins "+quoteStart(y.l.NotTLS))
			found.Args["answer"] = firstLine(y.l.NotTLS)
			list = append(list, found)
		}
	}
	return list
}

// socksRefused: the SOCKS proxy said no.
func socksRefused(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, c := range f.Trace.Connections {
		if t := c.Tunnel; t != nil && strings.HasPrefix(t.Protocol, "socks") && goproxy.SOCKSRefused(t) {
			args := with(f.proxyArgs(c, t.Authority), "status", strconv.Itoa(t.Status), "text", t.StatusText)
			evidence := connectionEvidence(c, t.Protocol+" reply "+strconv.Itoa(t.Status)+" ("+t.StatusText+") for "+t.Authority)
			if len(t.Frames) > 0 {
				evidence.Frames = t.Frames
			}
			found := finding(f.proxyHop(c), c.StartedAt, args, evidence)
			found.Evidence = append(found.Evidence, f.proxySetting(args["host"])...)
			list = append(list, found)
		}
	}
	return list
}

// at is when the layer's fault showed.
func (y layer) at() time.Time {
	if y.l.StartedAt.IsZero() {
		return y.c.StartedAt
	}
	return y.l.StartedAt
}
