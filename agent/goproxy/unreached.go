package goproxy

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// unreached is what is known of a host that no request could be sent to.
type unreached struct {
	why      string
	requests []*trace.Request // CONNECT requests that were refused
	at       time.Time
}

// anyHost stands for all hosts where the proxy between was not reached.
const anyHost = "*"

// unreachedHosts finds the hosts that a lookup, connection or tunnel was for
// which ended before a request could be sent. What connections tell goes before
// what lookups tell.
func (v *View) unreachedHosts() map[string]*unreached {
	hosts := map[string]*unreached{}
	for _, c := range v.Trace.Connections {
		why, rs := v.Failure(c)
		host := v.Target(c)
		if _, ok := v.Proxy(c); ok && host == "" {
			host = anyHost
		}
		if why == "" || host == "" {
			continue
		}
		if hosts[host] == nil {
			hosts[host] = &unreached{why: why, at: c.StartedAt}
		}
		hosts[host].requests = append(hosts[host].requests, rs...)
	}
	for _, l := range v.Lookups() {
		name := strings.ToLower(l.Name)
		if v.IsProxy(name) {
			name = anyHost
		}
		if hosts[name] == nil && !hasAddress(l) && !v.Resolved(l) {
			hosts[name] = &unreached{why: lookupFailure(l), at: l.StartedAt}
		}
	}
	return hosts
}

// Failure says why no request could be sent on a connection, with the CONNECT
// requests that were refused on it; empty if one was sent, or could have been.
func (v *View) Failure(c *trace.Connection) (string, []*trace.Request) {
	var connects []*trace.Request
	for _, r := range v.on[c.ID] {
		if r.Method != "CONNECT" {
			return "", nil
		}
		connects = append(connects, r)
	}
	switch last := lastOf(connects); {
	case !Connected(c):
		return "the connection to " + c.Remote + " was not made" + parenthesis(DialError(c)), nil
	case last != nil && last.Status != 200:
		return v.reason(last), connects
	case c.Tunnel != nil && strings.HasPrefix(c.Tunnel.Protocol, "socks") && SOCKSRefused(c.Tunnel):
		return "the SOCKS proxy refused: " + c.Tunnel.StatusText, nil
	}
	if n := len(c.TLS); n > 0 && (!c.TLS[n-1].Established || c.TLS[n-1].Alert != nil) {
		return "the TLS handshake failed" + parenthesis(tlsError(c, c.TLS[n-1])), nil
	}
	if v.GaveUp(c) {
		return "the client did not go on after the TLS handshake", nil
	}
	return "", nil
}

// GaveUp reports whether git, or another program with GnuTLS or OpenSSL, ended a
// connection whose TLS handshake was complete before it asked anything, and
// failed: GnuTLS looks at the certificate after the handshake and sends no
// alert, and with OpenSSL programs look at the name then.
func (v *View) GaveUp(c *trace.Connection) bool {
	n := len(c.TLS)
	if n == 0 || !c.TLS[n-1].Established || !c.TLS[n-1].Decrypted || c.MissedBytes > 0 || v.Carried(c) {
		return false
	}
	if c.ClosedBy != "local" && c.ResetBy != "local" {
		return false
	}
	for _, p := range v.Trace.Processes {
		if p.PID == c.PID && (p.TLS == "gnutls" || p.TLS == "openssl" || strings.HasPrefix(path.Base(p.Exe), "git")) && p.ExitCode != nil && *p.ExitCode != 0 {
			return true
		}
	}
	return false
}

// Carried reports whether a request other than CONNECT was made on a connection.
func (v *View) Carried(c *trace.Connection) bool {
	return slices.ContainsFunc(v.on[c.ID], func(r *trace.Request) bool { return r.Method != "CONNECT" })
}

// Connected reports whether the TCP handshake was completed, as far as the
// capture can tell.
func Connected(c *trace.Connection) bool {
	switch c.State {
	case "S0", "REJ", "RSTOS0", "SH":
		return false
	}
	return c.Stream != nil || c.Errno == "" // never on the wire: the kernel refused
}

// SOCKSRefused reports whether a SOCKS proxy refused the connection: a reply
// other than 0 in SOCKS5 (RFC 1928), other than 90 in SOCKS4.
func SOCKSRefused(t *trace.Tunnel) bool {
	if strings.HasPrefix(t.Protocol, "socks4") {
		return t.Status != 0 && t.Status != 90
	}
	return t.Status != 0
}

// DialError says in words why a connection was not made, as far as an ICMP
// error, an errno or a RST tells.
func DialError(c *trace.Connection) string {
	words := map[string]string{
		"ECONNREFUSED": "connection refused", "EHOSTUNREACH": "no route to host", "ENETUNREACH": "network is unreachable",
		"ETIMEDOUT": "no answer to the SYN",
	}
	switch {
	case c.ICMP != "":
		return c.ICMP
	case c.Errno != "":
		return cmp.Or(words[c.Errno], c.Errno)
	case c.State == "REJ":
		return "connection refused"
	}
	return "no answer to the SYN"
}

func tlsError(c *trace.Connection, l *trace.TLS) string {
	switch {
	case l.Alert != nil:
		return "alert " + l.Alert.Description + " from the " + map[string]string{"local": "client", "remote": "server"}[l.Alert.SentBy]
	case len(l.NotTLS) > 0:
		return "the answer is not TLS"
	case c.ResetBy == "remote":
		return "reset by the peer"
	case c.ClosedBy == "remote":
		return "closed by the peer"
	case l.Version == "":
		return "no answer"
	}
	return "not finished"
}

func parenthesis(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

func lookupFailure(l *trace.Lookup) string {
	switch {
	case l.RCode == "NOERROR":
		return l.Name + " has no address in DNS"
	case l.RCode != "":
		return l.Name + " could not be resolved (" + l.RCode + ")"
	case l.Error != "":
		return l.Name + " could not be resolved (" + l.Error + ")"
	}
	return "the resolver did not answer for " + l.Name
}

// addUnreached adds the attempts before the first entry that was asked: to get
// there the go command must have tried them, and failed without a request.
func (v *View) addUnreached(f *fetching, hosts map[string]*unreached) {
	if f.goal.purpose == trace.PurposeLookup || f.goal.purpose == trace.PurposeTile {
		return // the database's way was chosen by the request for "supported"
	}
	last := f.lastTried()
	for i := range f.list {
		e := f.list[i]
		if i > last && !v.failedAfter(f, last, i) || len(f.tried(i)) > 0 {
			continue
		}
		host := e.Host()
		if e.URL == Direct && !isSumDB(f.goal.purpose) {
			host, _, _ = strings.Cut(f.goal.module, "/") // where discovery, or git, asks
		}
		if u := hosts[host]; u != nil {
			f.unreached(i, u)
		}
	}
}

// failedAfter reports whether the go command must have gone on from the entry
// last to the next one, i, which it then did not reach.
func (v *View) failedAfter(f *fetching, last, i int) bool {
	if last < 0 || i != last+1 {
		return false
	}
	o := v.outcome(lastOf(f.tried(last)))
	return o == NotFound && f.list[last].passes(true) || o == trace.Failed && f.list[last].passes(false)
}

func (f *fetching) unreached(i int, u *unreached) {
	if f.reasons == nil {
		f.reasons = map[int]string{}
	}
	f.reasons[i] = u.why
	f.try(i, u.requests...)
}

// neverAsked returns fetches for what failed before anything was asked: the
// first module of the command line if not even the first entry was reached,
// and the checksum database if it could not be reached directly.
func (v *View) neverAsked(list []*fetching, hosts map[string]*unreached) []*fetching {
	var out []*fetching
	if !slices.ContainsFunc(list, func(f *fetching) bool { return !isSumDB(f.goal.purpose) }) {
		path, version := v.commandModule()
		f := &fetching{goal: goal{module: path, version: version, purpose: trace.PurposeOther}, list: v.Config.listFor(path)}
		for i, e := range f.list {
			u := hosts[e.Host()]
			if u == nil && e.IsURL() {
				u = hosts[anyHost]
			}
			if u == nil {
				break
			}
			f.started = later(f.started, u.at)
			f.unreached(i, u)
			if !e.passes(false) {
				break
			}
		}
		if len(f.reasons) > 0 {
			out = append(out, f)
		}
	}
	asked := slices.ContainsFunc(list, func(f *fetching) bool { return f.goal.purpose == trace.PurposeLookup })
	if u := hosts[v.Config.SumDBHost()]; u != nil && !asked {
		f := &fetching{goal: goal{module: v.Config.sumName, purpose: trace.PurposeLookup}, list: []Entry{{URL: Direct}}, started: u.at}
		f.unreached(0, u)
		out = append(out, f)
	}
	return out
}

// commandModule returns the first argument of the command that looks like
// module@version or a module path; empty without one.
func (v *View) commandModule() (path, version string) {
	if v.Trace.Command == nil {
		return "", ""
	}
	for _, a := range v.Trace.Command.Argv[min(1, len(v.Trace.Command.Argv)):] {
		if path, version, ok := moduleArgument(a); ok {
			return path, version
		}
	}
	return "", ""
}

// moduleArgument reads module@version or a module path.
func moduleArgument(a string) (path, version string, ok bool) {
	path, version, _ = strings.Cut(a, "@")
	first, _, _ := strings.Cut(path, "/")
	return path, version, strings.Contains(first, ".") && !strings.HasPrefix(a, "-") && !strings.HasPrefix(a, ".") && first != a
}

// WantedModules returns the module paths on the command lines of the command and
// of each go command below it; cut says that a command line was cut, so that there
// may be more.
func (v *View) WantedModules() (list []string, cut bool) {
	lines := [][]string{}
	if c := v.Trace.Command; c != nil {
		lines = append(lines, c.Argv)
	}
	for _, p := range v.Trace.Processes {
		if path.Base(p.Exe) == "go" {
			lines = append(lines, p.Argv)
			cut = cut || p.ArgvCut
		}
	}
	for _, argv := range lines {
		for _, a := range argv[min(1, len(argv)):] {
			if mod, _, ok := moduleArgument(a); ok {
				list = append(list, strings.TrimSuffix(mod, "/..."))
			}
		}
	}
	return list, cut
}
