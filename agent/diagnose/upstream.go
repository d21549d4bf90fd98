package diagnose

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// maxStubEvidence is how many of the command's own lookups stand before those of
// the local resolver that they went to.
const maxStubEvidence = 2

// onHost reports whether a lookup asked a resolver on this host: at a loopback
// address, or at another of its own, which it then comes from too.
func onHost(l *trace.Lookup) bool {
	server, err := netip.ParseAddrPort(l.Server)
	if err != nil {
		return false
	}
	client, err := netip.ParseAddrPort(l.Client)
	return server.Addr().IsLoopback() || err == nil && client.Addr() == server.Addr()
}

// passedOn returns the lookups that a local resolver made for a resolution: for
// its names, and for those that CNAME records of the answers lead to.
func (f *facts) passedOn(r *resolution) []*trace.Lookup {
	names := map[string]bool{}
	for _, l := range r.lookups {
		if onHost(l) {
			names[strings.ToLower(l.Name)] = true
		}
	}
	var list []*trace.Lookup
	for _, l := range f.Trace.Lookups {
		if !l.Upstream || !names[strings.ToLower(l.Name)] {
			continue
		}
		list = append(list, l)
		for _, a := range l.Answers {
			if a.Type == "CNAME" {
				names[strings.ToLower(strings.TrimSuffix(a.Data, "."))] = true
			}
		}
	}
	return list
}

// behind returns what the lookups of the local resolver came to, if that is why
// the local one gave what it gave for l: an answer that it passed on, or a failure
// that it made a failure of. Else the fault is its own.
func (r *resolution) behind(kind string, l *trace.Lookup) (string, *trace.Lookup, bool) {
	if len(r.upstream) == 0 || !onHost(l) || slices.ContainsFunc(r.upstream, resolves) {
		return "", nil, false
	}
	passed, failures := []string{"NXDOMAIN", dnsEmpty}, []string{"SERVFAIL", "REFUSED", dnsSilent}
	k, u := cameTo(r.upstream)
	if k == dnsSilent && r.hasty() {
		return "", nil, false
	}
	if k == kind && slices.Contains(passed, k) || slices.Contains(append(failures, dnsClosed), k) && slices.Contains(failures, kind) {
		return k, u, true
	}
	return "", nil, false
}

// resolves reports whether a lookup got an address.
func resolves(l *trace.Lookup) bool {
	return slices.ContainsFunc(l.Answers, func(a trace.Answer) bool { return a.Type == "A" || a.Type == "AAAA" })
}

// chain is the evidence of a resolution: what the command asked, and what a local
// resolver made of it.
func (f *facts) chain(r *resolution) []trace.Evidence {
	own, upstream := repeated(r.lookups), repeated(r.upstream)
	if len(upstream) > 0 {
		own = own[:min(len(own), maxStubEvidence)]
	}
	var list []trace.Evidence
	for _, l := range slices.Concat(own, upstream) {
		list = append(list, lookupEvidence(l))
	}
	list = list[:min(len(list), maxEvidence)]
	if stub := f.idle(r); stub != "" {
		list = append(list[:min(len(list), maxEvidence-1)], trace.Evidence{Kind: kindConfig, Ref: "resolv.conf",
			Text: "/etc/resolv.conf names " + stub + ", on this host; it was not seen to ask another server for " + r.name})
	}
	return list
}

// idle returns the address of the local resolver that took the questions of a
// resolution and was not seen to pass them on, if it was watched.
func (f *facts) idle(r *resolution) string {
	if f.Trace.Environment == nil || len(f.Trace.Environment.Resolvers) == 0 || len(r.upstream) > 0 {
		return ""
	}
	for _, l := range r.lookups {
		stub := hostOnly(l.Server)
		if l.Error == "" && onHost(l) && slices.Contains(f.Trace.Environment.Watched, stub) {
			return stub
		}
	}
	return ""
}

// stubOf returns the address of the local resolver that asked what is to blame.
func (r *resolution) stubOf(blamed *trace.Lookup) string {
	if !blamed.Upstream {
		return ""
	}
	for _, l := range r.lookups {
		if onHost(l) {
			return hostOnly(l.Server)
		}
	}
	return ""
}

// silenceBehind is for how long the servers behind a local resolver did not
// answer: until it gave up, or the trace ends. attempts is how often they were
// asked; a resolver that gives up has tried.
func (r *resolution) silenceBehind(end time.Time) (waited time.Duration, attempts int) {
	from := r.upstream[0].StartedAt
	for _, l := range r.upstream {
		attempts += l.Attempts
	}
	var gaveUp time.Time
	for _, l := range r.lookups {
		if l.Duration == nil {
			return end.Sub(from), attempts
		}
		if at := l.StartedAt.Add(l.Duration.Duration()); at.After(gaveUp) {
			gaveUp = at
		}
	}
	return gaveUp.Sub(from), max(attempts, enoughTries)
}

// hasty reports whether the local resolver failed too soon for its servers to be
// silent: it could not ask them, or did not need to.
func (r *resolution) hasty() bool {
	answered := !slices.ContainsFunc(r.lookups, func(l *trace.Lookup) bool { return l.Duration == nil })
	waited, _ := r.silenceBehind(time.Time{})
	return answered && waited < shortestSilence
}

// shortestSilence is what no resolver takes for a server that does not answer.
const shortestSilence = 400 * time.Millisecond

// enoughTries is how many questions without an answer show that none comes.
const enoughTries = 2
