package diagnose

import (
	"cmp"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// resolution is all that one process asked for one name that it got no address
// for; search domains put after the name belong to it.
type resolution struct {
	name    string
	pid     uint32
	lookups []*trace.Lookup
	// upstream is what a resolver on this host asked other servers for it.
	upstream []*trace.Lookup
}

// ownName reports whether git looked up a name that it was not told: that of
// this machine, which makes the address of a commit's author (git's ident.c).
func (f *facts) ownName(l *trace.Lookup) bool {
	p := f.processes[l.PID]
	if len(f.processes) == 0 {
		return !strings.Contains(l.Name, ".") && f.wentElsewhere() // a name without a domain, which nothing waited for
	}
	return p != nil && f.byGit(l.PID) && !f.transfers(l.PID) &&
		!slices.ContainsFunc(p.Argv, func(a string) bool { return strings.Contains(strings.ToLower(a), strings.ToLower(l.Name)) })
}

// unresolved groups the lookups of names that stayed without an address.
func (f *facts) unresolved() []*resolution {
	var lookups []*trace.Lookup
	for _, l := range f.Lookups() {
		if (l.Type == "A" || l.Type == "AAAA") && !f.Resolved(l) && !f.ownName(l) {
			lookups = append(lookups, l)
		}
	}
	// the bare name before the same with a search domain
	slices.SortStableFunc(lookups, func(a, b *trace.Lookup) int { return cmp.Compare(len(a.Name), len(b.Name)) })
	var list []*resolution
	for _, l := range lookups {
		i := slices.IndexFunc(list, func(r *resolution) bool { return r.pid == l.PID && r.covers(l.Name) })
		if i < 0 {
			i = len(list)
			list = append(list, &resolution{name: strings.ToLower(l.Name), pid: l.PID})
		}
		list[i].lookups = append(list[i].lookups, l)
	}
	for _, r := range list {
		r.upstream = f.passedOn(r)
	}
	return list
}

// covers reports whether name is the resolution's name, or that with a search
// domain.
func (r *resolution) covers(name string) bool {
	name = strings.ToLower(name)
	return name == r.name || strings.HasPrefix(name, r.name+".")
}

// Kinds of [resolution.kind] that are no rcode mnemonics.
const (
	dnsEmpty  = "empty"
	dnsClosed = "closed"
	dnsSilent = "silent"
)

// kind returns what the resolution came to and a lookup that shows it: where a
// resolver on this host only passed on what another server did, one of its own.
func (r *resolution) kind() (string, *trace.Lookup) {
	kind, l := cameTo(r.lookups)
	if k, u, ok := r.behind(kind, l); ok {
		return k, u
	}
	return kind, l
}

// cameTo returns what lookups came to: an rcode before silence, since a resolver
// that answers is alive.
func cameTo(lookups []*trace.Lookup) (string, *trace.Lookup) {
	for _, rcode := range []string{"NXDOMAIN", "SERVFAIL", "REFUSED", "FORMERR", "NOTIMP"} {
		if i := slices.IndexFunc(lookups, func(l *trace.Lookup) bool { return l.RCode == rcode }); i >= 0 {
			return rcode, lookups[i]
		}
	}
	for _, l := range lookups {
		if l.RCode == "" && strings.Contains(l.Error, "port unreachable") || l.Error == "ECONNREFUSED" {
			return dnsClosed, l
		}
	}
	for _, l := range lookups {
		if l.RCode == "" {
			return dnsSilent, l
		}
	}
	if slices.ContainsFunc(lookups, func(l *trace.Lookup) bool { return l.RCode != "NOERROR" }) {
		return "", lookups[0]
	}
	return dnsEmpty, lookups[0]
}

// dnsFault returns the findings for names whose resolution came to kind. A
// name that a more telling rule speaks for is left to that one.
func (f *facts) dnsFault(kind string) []*trace.Finding {
	var list []*trace.Finding
	for _, r := range f.names {
		k, l := r.kind()
		if k != kind || f.spokenFor(r.name) || f.IsProxy(r.name) && (k == "NXDOMAIN" || k == dnsEmpty) {
			continue
		}
		list = append(list, f.resolverFinding(r, l))
	}
	return list
}

// resolverFinding is about the server of a lookup, which did not resolve a name.
func (f *facts) resolverFinding(r *resolution, l *trace.Lookup) *trace.Finding {
	stub := r.stubOf(l)
	return finding(hopResolver, l.StartedAt, map[string]string{
		"host": r.name, "server": l.Server, "resolver": hostOnly(l.Server), "stub": stub, "resolv_conf": stub, "local_resolver": stub,
	}, f.chain(r)...)
}

// repeated makes one of the lookups that asked a server the same question
// without an answer: a resolver that tries again does so from another port.
func repeated(lookups []*trace.Lookup) []*trace.Lookup {
	type question struct{ name, kind, server, err string }
	first := map[question]*trace.Lookup{}
	var list []*trace.Lookup
	for _, l := range lookups {
		q := question{l.Name, l.Type, l.Server, l.Error}
		if same := first[q]; l.RCode == "" && same != nil {
			same.Attempts += l.Attempts
			same.Frames = append(same.Frames, l.Frames...)
			continue
		}
		one := *l
		one.Frames = slices.Clone(l.Frames)
		if l.RCode == "" {
			first[q] = &one
		}
		list = append(list, &one)
	}
	return list
}

func dnsNXDomain(f *facts) []*trace.Finding    { return f.dnsFault("NXDOMAIN") }
func dnsEmptyAnswer(f *facts) []*trace.Finding { return f.dnsFault(dnsEmpty) }
func dnsServFail(f *facts) []*trace.Finding    { return f.dnsFault("SERVFAIL") }
func dnsRefused(f *facts) []*trace.Finding     { return f.dnsFault("REFUSED") }
func dnsPortClosed(f *facts) []*trace.Finding  { return f.dnsFault(dnsClosed) }

// dnsTimeout needs more than a missing answer: the question was sent again, or
// there was time to.
func dnsTimeout(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, r := range f.names {
		k, l := r.kind()
		waited, attempts := r.silence(l, f.End)
		if k != dnsSilent || f.spokenFor(r.name) || attempts < enoughTries && waited < f.Patience() {
			continue
		}
		found := f.resolverFinding(r, l)
		found.Args["seconds"] = seconds(max(waited, 0))
		list = append(list, f.silence(found))
	}
	return list
}

// silence is for how long a lookup's server was waited for, up to the end of the
// trace, and how often it was asked.
func (r *resolution) silence(l *trace.Lookup, end time.Time) (waited time.Duration, attempts int) {
	if l.Upstream {
		return r.silenceBehind(end)
	}
	for _, o := range r.lookups {
		if o.RCode == "" {
			attempts = max(attempts, o.Attempts)
		}
	}
	last := r.lookups[len(r.lookups)-1].StartedAt
	return min(end.Sub(l.StartedAt), last.Sub(l.StartedAt)+resolverPatience), attempts
}

// resolverPatience is how long a resolver is waited for, per question
// (resolv.conf(5), timeout).
const resolverPatience = 5 * time.Second

// proxyNameUnresolvable: the name that *_PROXY gives is none.
func proxyNameUnresolvable(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, r := range f.names {
		if k, l := r.kind(); f.IsProxy(r.name) && (k == "NXDOMAIN" || k == dnsEmpty) {
			found := f.resolverFinding(r, l)
			found.Evidence = append(found.Evidence, f.proxySetting(r.name)...)
			list = append(list, found)
		}
	}
	return list
}

// hostOnly is an "ip:port" without the port, as dig(1) wants it.
func hostOnly(server string) string {
	host, _, err := net.SplitHostPort(server)
	if err != nil {
		return server
	}
	return host
}
