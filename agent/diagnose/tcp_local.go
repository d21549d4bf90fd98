package diagnose

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

func routeProhibited(f *facts) []*trace.Finding { return f.dialFault(dialForbidden) }
func routeBlackhole(f *facts) []*trace.Finding  { return f.dialFault(dialBlackhole) }

// tcpEphemeralExhausted: the kernel has no local port left for another
// connection to that address (inet_hash_connect in net/ipv4/inet_hashtables.c).
func tcpEphemeralExhausted(f *facts) []*trace.Finding {
	list := f.dialFault(dialNoPort)
	for _, found := range list {
		open := 0
		for _, c := range f.Trace.Connections {
			if c.Remote == found.Args["address"] && goproxy.Connected(c) {
				open++
			}
		}
		found.Args["open"] = strconv.Itoa(open)
	}
	return list
}

// ipv6OnlyHost: the name has IPv6 addresses only, and this machine no IPv6 way
// out.
func ipv6OnlyHost(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, d := range f.dials {
		if d.kind != dialNoNetwork || !strings.HasPrefix(d.c.Remote, "[") || d.c.ICMP != "" {
			continue
		}
		none, given := f.familyOf(d, "A"), f.familyOf(d, "AAAA")
		if none == nil || given == nil || len(none.Answers) > 0 || len(given.Answers) == 0 {
			continue
		}
		found := f.dialFinding(d)
		found.Evidence = append(found.Evidence, lookupEvidence(none), lookupEvidence(given))
		list = append(list, found)
	}
	return list
}

// familyOf returns the answered lookup of one type for the host of a dial.
func (f *facts) familyOf(d dial, kind string) *trace.Lookup {
	i := slices.IndexFunc(f.Lookups(), func(l *trace.Lookup) bool {
		return l.PID == d.c.PID && l.Type == kind && l.RCode == "NOERROR" && strings.EqualFold(l.Name, d.host)
	})
	if i < 0 {
		return nil
	}
	return f.Lookups()[i]
}

// tcpMultiAddressDead: every address of one family that a name has was tried,
// and none answered. What go prints is about the first.
func tcpMultiAddressDead(f *facts) []*trace.Finding {
	var list []*trace.Finding
	seen := map[string]bool{}
	groups := f.alike()
	for _, d := range f.dials {
		if d.kind == "" {
			continue
		}
		of := d.target()
		group, key := groups[of].dials, d.host+" "+of.port
		addresses := groups[of].addresses
		if seen[key] || len(addresses) < 2 || f.spokenFor(d.host) || f.deadEntry(d) {
			continue
		}
		seen[key] = true
		found := f.dialFinding(d)
		found.Evidence = nil
		for _, o := range group[:min(len(group), maxEvidence)] {
			found.Evidence = append(found.Evidence, f.dialFinding(o).Evidence[0])
		}
		last := group[len(group)-1].c
		found.Args["count"], found.Args["addresses"] = strconv.Itoa(len(addresses)), strings.Join(addresses, ", ")
		found.Args["within"] = ""
		if took := f.EndOf(last).Sub(d.c.StartedAt); took >= 100*time.Millisecond {
			found.Args["within"] = seconds(took)
		}
		if d.proxy {
			found.Hop = f.proxyHop(d.c)
		} else {
			found.Hop = f.hop(d.host)
		}
		list = append(list, found)
	}
	return list
}

// target is what dials have in common that try the addresses of one name in turn.
type target struct {
	host, port string
	pid        uint32
	v6         bool
}

func (d dial) target() target {
	_, port := goproxy.SplitAddress(d.c.Remote)
	return target{host: d.host, port: port, pid: d.c.PID, v6: strings.HasPrefix(d.c.Remote, "[")}
}

// tried are failed dials with one target, and the addresses that they went to,
// each once.
type tried struct {
	dials     []dial
	addresses []string
}

// alike groups the failed dials in one pass: a flood has tens of thousands.
func (f *facts) alike() map[target]*tried {
	groups := map[target]*tried{}
	type address struct {
		target
		remote string
	}
	known := map[address]bool{}
	for _, d := range f.dials {
		if d.kind == "" {
			continue
		}
		of := d.target()
		g := groups[of]
		if g == nil {
			g = &tried{}
			groups[of] = g
		}
		g.dials = append(g.dials, d)
		if a := (address{of, d.c.Remote}); !known[a] {
			known[a] = true
			g.addresses = append(g.addresses, d.c.Remote)
		}
	}
	return groups
}
