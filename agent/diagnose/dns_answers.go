package diagnose

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// dnsEDNSRejected: the resolver takes the OPT record that go sends for a fault
// of the question.
func dnsEDNSRejected(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, r := range f.names {
		if k, l := r.kind(); (k == "FORMERR" || k == "NOTIMP") && l.EDNS {
			found := f.resolverFinding(r, l)
			found.Args["rcode"] = k
			found.Confidence = trace.Likely // the same question without it was not asked
			list = append(list, found)
		}
	}
	return list
}

// dnsLame: the server is authoritative for other names and asks nobody.
func dnsLame(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, r := range f.names {
		if i := slices.IndexFunc(r.lookups, func(l *trace.Lookup) bool { return l.Lame }); i >= 0 {
			list = append(list, f.resolverFinding(r, r.lookups[i]))
		}
	}
	return list
}

// dnsAnswersIgnored: answers came back to the question's own port, and with
// another id or question, which a client takes for somebody else's.
func dnsAnswersIgnored(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, l := range f.Lookups() {
		if l.Attempts == 0 || l.Replies > 0 || f.answeredElsewhere(l) {
			continue
		}
		i := slices.IndexFunc(f.Lookups(), func(s *trace.Lookup) bool {
			return s.Attempts == 0 && s.Replies > 0 && s.Client == l.Client && s.Server == l.Server && s.Client != "" && !s.StartedAt.Before(l.StartedAt)
		})
		if i < 0 {
			continue
		}
		stray := f.Lookups()[i]
		e := lookupEvidence(stray)
		e.Text = "a reply from " + stray.Server + " to the same port that fits no question: " + stray.Type + " " + stray.Name + ", " + stray.RCode
		args := map[string]string{"host": strings.ToLower(l.Name), "server": l.Server, "resolver": hostOnly(l.Server)}
		list = append(list, finding(hopResolver, l.StartedAt, args, lookupEvidence(l), e))
	}
	return list
}

// answeredElsewhere reports whether the process got an answer for the name of a
// lookup to a question that was its own.
func (f *facts) answeredElsewhere(l *trace.Lookup) bool {
	return slices.ContainsFunc(f.Lookups(), func(o *trace.Lookup) bool {
		return o.PID == l.PID && o.Attempts > 0 && o.Replies > 0 && strings.EqualFold(o.Name, l.Name) && len(o.Answers) > 0
	})
}

// dnsInjected: two answers to one question that have nothing in common. What
// the client took is the first.
func dnsInjected(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, l := range f.Lookups() {
		if len(l.Disputed) == 0 || !f.mayHaveFailed() || !f.troubled(l.Name, l.Answers) {
			continue
		}
		e := lookupEvidence(l)
		e.Text = "one question, " + times(l.Replies) + " answered: first " + records(l.Answers) + ", then " + records(l.Disputed)
		args := map[string]string{
			"host": strings.ToLower(l.Name), "server": l.Server, "resolver": hostOnly(l.Server), "first": data(l.Answers), "second": data(l.Disputed),
		}
		found := finding(hopResolver, l.StartedAt, args, append([]trace.Evidence{e}, f.troubleAt(l.Name, l.Answers)...)...)
		list = append(list, found)
	}
	return list
}

// data lists what records say, and records that with the time they may be kept.
func data(list []trace.Answer) string {
	var words []string
	for _, a := range list {
		words = append(words, a.Data)
	}
	return strings.Join(words, ", ")
}

func records(list []trace.Answer) string {
	var words []string
	for _, a := range list {
		words = append(words, a.Data+" (TTL "+strconv.FormatUint(uint64(a.TTL), 10)+" s)")
	}
	return strings.Join(words, ", ")
}

// troubleAt returns what went wrong at the addresses that a name was given:
// connections that were not made, and TLS handshakes that failed.
func (f *facts) troubleAt(name string, answers []trace.Answer) []trace.Evidence {
	at := func(c *trace.Connection) bool {
		ip, _ := goproxy.SplitAddress(c.Remote)
		return slices.ContainsFunc(answers, func(a trace.Answer) bool { return a.Data == ip || sinkhole(a.Data) && sinkhole(ip) })
	}
	return f.trouble(func(c *trace.Connection, host string) bool {
		return at(c) && (host == "" || strings.EqualFold(host, name) || isAddress(host))
	})
}

// trouble returns the evidence of failed connections and handshakes that match.
func (f *facts) trouble(match func(c *trace.Connection, host string) bool) []trace.Evidence {
	var list []trace.Evidence
	for _, d := range f.dials {
		if d.kind != "" && match(d.c, d.host) {
			list = append(list, f.dialFinding(d).Evidence[0])
		}
	}
	for _, y := range f.layers {
		why, _ := f.refusal(y)
		_, silent := f.unansweredHello(y)
		if match(y.c, y.host) && (why != "" || silent || len(y.l.NotTLS) > 0 || f.abandoned(y) || y.l.Alert != nil && !y.l.Established) {
			list = append(list, tlsEvidence(y.c, y.l, "the TLS handshake with "+y.c.Remote+" failed"))
		}
	}
	return list[:min(len(list), maxEvidence)]
}

// abandoned reports whether the client ended a handshake in its middle, for a
// reason that is encrypted.
func (f *facts) abandoned(y layer) bool {
	return y.l.Version != "" && !y.l.Established && !y.l.Decrypted && goproxy.PeerEnded(y.c) == "" && y.c.ClosedBy == "local" && y.c.MissedBytes == 0
}

func (f *facts) troubled(name string, answers []trace.Answer) bool {
	return len(f.troubleAt(name, answers)) > 0
}

// isAddress reports whether a host is an address.
func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// sinkhole reports whether an address is one that a name in DNS has no use for:
// unspecified, which the kernel takes for this machine, or loopback.
func sinkhole(ip string) bool {
	a, err := netip.ParseAddr(ip)
	return err == nil && (a.IsUnspecified() || a.IsLoopback())
}

// unspecified reports whether an address is 0.0.0.0 or ::, which no service has.
func unspecified(ip string) bool {
	a, err := netip.ParseAddr(ip)
	return err == nil && a.IsUnspecified()
}

// dnsSinkhole: the resolver gives an address of this machine for a host that is
// not on it.
func dnsSinkhole(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, l := range f.Lookups() {
		if !slices.ContainsFunc(l.Answers, func(a trace.Answer) bool { return sinkhole(a.Data) }) || l.Name == "localhost" {
			continue
		}
		trouble := f.troubleAt(l.Name, l.Answers)
		if len(trouble) == 0 {
			continue
		}
		args := map[string]string{"host": strings.ToLower(l.Name), "server": l.Server, "resolver": hostOnly(l.Server), "address": data(l.Answers)}
		found := finding(hopResolver, l.StartedAt, args, append([]trace.Evidence{lookupEvidence(l)}, trouble...)...)
		if !slices.ContainsFunc(l.Answers, func(a trace.Answer) bool { return unspecified(a.Data) }) {
			found.Confidence = trace.Likely // it may be a service of this machine that is down
		}
		list = append(list, found)
	}
	return list
}

// dnsNoResolvConf: without a name server go asks this machine
// ($GOROOT/src/net/dnsconfig.go, defaultNS).
func dnsNoResolvConf(f *facts) []*trace.Finding {
	if f.Trace.Environment == nil || len(f.Trace.Environment.Resolvers) > 0 {
		return nil
	}
	var list []*trace.Finding
	for _, r := range f.names {
		if k, l := r.kind(); (k == dnsClosed || k == dnsSilent) && sinkhole(hostOnly(l.Server)) {
			found := f.resolverFinding(r, l)
			found.Hop = hopHost
			found.Evidence = append(found.Evidence, trace.Evidence{Kind: kindConfig, Ref: "resolv.conf", Text: "/etc/resolv.conf has no nameserver line"})
			list = append(list, found)
		}
	}
	return list
}

// dnsTruncatedTCPBlocked: the answer does not fit a datagram, and the server
// does not take the question over TCP (RFC 7766, section 5).
func dnsTruncatedTCPBlocked(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, r := range f.names {
		i := slices.IndexFunc(r.lookups, func(l *trace.Lookup) bool { return l.Truncated })
		if i < 0 {
			continue
		}
		l := r.lookups[i]
		for _, d := range f.dials {
			if d.kind != "" && d.c.Remote == l.Server && d.c.PID == l.PID {
				found := f.resolverFinding(r, l)
				found.Evidence[0].Text += ", truncated"
				found.Args["reason"] = f.dialFinding(d).Evidence[0].Text
				found.Evidence = append(found.Evidence[:min(len(found.Evidence), maxEvidence-1)], f.dialFinding(d).Evidence[0])
				list = append(list, found)
				break
			}
		}
	}
	return list
}

// dnsHostsStale: the hosts file has the name, nobody was asked for it, and at
// that address something is wrong.
func dnsHostsStale(f *facts) []*trace.Finding {
	if f.Trace.Environment == nil {
		return nil
	}
	var list []*trace.Finding
	for name, addresses := range f.Trace.Environment.Hosts {
		looked := func(l *trace.Lookup) bool { return strings.EqualFold(l.Name, name) }
		if slices.ContainsFunc(f.Lookups(), looked) {
			continue
		}
		trouble := f.trouble(func(c *trace.Connection, host string) bool {
			ip, _ := goproxy.SplitAddress(c.Remote)
			return slices.Contains(addresses, ip) && (host == name || host == ip)
		})
		if len(trouble) == 0 {
			continue
		}
		args := map[string]string{"host": name, "address": strings.Join(addresses, ", "), "reason": trouble[0].Text}
		line := trace.Evidence{Kind: kindConfig, Ref: "hosts", Text: "/etc/hosts: " + strings.Join(addresses, " ") + " " + name}
		found := finding(hopHost, f.Trace.Command.StartedAt, args, append([]trace.Evidence{line}, trouble...)...)
		found.Confidence = trace.Likely // the address may be right and its host down
		list = append(list, found)
	}
	slices.SortFunc(list, func(a, b *trace.Finding) int { return strings.Compare(a.Args["host"], b.Args["host"]) })
	return list
}
