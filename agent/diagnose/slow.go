package diagnose

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// worthSaving is how much time must have been lost before slowness is a fault.
const worthSaving = 3 * time.Second

// slowRules are the rules about time that was lost without a failure. Of a
// command that succeeded, one of them may be the verdict.
func slowRules() []string {
	return []string{"dns-aaaa-blackhole", "dns-first-server-dead", "dead-first-with-pipe", "body-drip"}
}

// slow is a warning about lost time; nil if that is not worth a word.
func slow(found *trace.Finding, lost time.Duration) []*trace.Finding {
	if lost < worthSaving {
		return nil
	}
	found.Severity = trace.Warning
	found.Args["seconds"] = seconds(lost)
	return []*trace.Finding{found}
}

// wait is a stretch in which a process waited for a name server.
type wait struct {
	l        *trace.Lookup
	from, to time.Time
}

// lost is the time that waits cover, each process by itself: what it waited
// for at once counts once.
func lost(waits []wait) time.Duration {
	slices.SortFunc(waits, func(a, b wait) int { return a.from.Compare(b.from) })
	var total time.Duration
	var end time.Time
	for _, w := range waits {
		if w.from.Before(end) {
			w.from = end
		}
		if w.to.After(w.from) {
			total, end = total+w.to.Sub(w.from), w.to
		}
	}
	return total
}

// waitFinding is about waits for one name server.
func waitFinding(waits []wait) []*trace.Finding {
	if len(waits) == 0 {
		return nil
	}
	first := waits[0].l
	args := map[string]string{"host": strings.ToLower(first.Name), "server": first.Server, "resolver": hostOnly(first.Server), "count": strconv.Itoa(len(waits))}
	found := finding(hopResolver, first.StartedAt, args)
	for _, w := range waits[:min(len(waits), maxEvidence)] {
		e := lookupEvidence(w.l)
		e.Text += "; waited for " + seconds(w.to.Sub(w.from)) + " s"
		found.Evidence = append(found.Evidence, e)
	}
	return slow(found, lost(waits))
}

// dnsAAAABlackhole: A is answered at once, AAAA never, and go waits for both.
func dnsAAAABlackhole(f *facts) []*trace.Finding {
	var waits []wait
	for _, l := range f.Lookups() {
		if l.Type != "AAAA" || l.Replies > 0 || l.Error != "" || !f.Resolved(l) || f.answersAAAA(l) {
			continue
		}
		a := slices.IndexFunc(f.Lookups(), func(o *trace.Lookup) bool {
			return o.Type == "A" && o.PID == l.PID && o.Server == l.Server && strings.EqualFold(o.Name, l.Name) && len(o.Answers) > 0
		})
		if next := f.dialledAfter(l); a >= 0 && !next.IsZero() {
			waits = append(waits, wait{l, l.StartedAt, next})
		}
	}
	return waitFinding(waits)
}

// answersAAAA reports whether a name server answered the same question another
// time: then one was lost.
func (f *facts) answersAAAA(l *trace.Lookup) bool {
	return slices.ContainsFunc(f.Lookups(), func(o *trace.Lookup) bool {
		return o.Server == l.Server && o.Type == "AAAA" && o.Replies > 0 && strings.EqualFold(o.Name, l.Name)
	})
}

// dialledAfter is when the process went on with the name of a lookup: its first
// connection to it afterwards; zero if it did not.
func (f *facts) dialledAfter(l *trace.Lookup) time.Time {
	for _, c := range f.Trace.Connections {
		if c.PID == l.PID && c.StartedAt.After(l.StartedAt) && f.Dialled(c) == strings.ToLower(l.Name) {
			return c.StartedAt
		}
	}
	return time.Time{}
}

// dnsFirstServerDead: the first name server is silent, and each question waits
// for it before the next is asked.
func dnsFirstServerDead(f *facts) []*trace.Finding {
	var waits []wait
	for _, l := range f.Lookups() {
		if l.Replies > 0 || l.Error != "" || l.Attempts == 0 {
			continue
		}
		i := slices.IndexFunc(f.Lookups(), func(o *trace.Lookup) bool {
			return o.PID == l.PID && o.Server != l.Server && o.Type == l.Type && o.Replies > 0 && strings.EqualFold(o.Name, l.Name) && o.StartedAt.After(l.StartedAt)
		})
		if i >= 0 && !f.answers(l.Server) {
			waits = append(waits, wait{l, l.StartedAt, f.Lookups()[i].StartedAt})
		}
	}
	return waitFinding(waits)
}

// answers reports whether a name server answered anything.
func (f *facts) answers(server string) bool {
	return slices.ContainsFunc(f.Lookups(), func(l *trace.Lookup) bool { return l.Server == server && l.Replies > 0 })
}

// deadFirstWithPipe: an entry fails again and again, and "|" goes on to the
// next each time, at the price of the time that the failure takes.
func deadFirstWithPipe(f *facts) []*trace.Finding {
	type toll struct {
		entry, next string
		waits       []wait
		evidence    []trace.Evidence
	}
	var tolls []*toll
	for _, fetch := range f.Trace.Fetches {
		for i, a := range fetch.Attempts {
			if !f.anyError(a) || a.Outcome != trace.Failed && a.Outcome != trace.Hung || i+1 >= len(fetch.Attempts) {
				continue
			}
			n := slices.IndexFunc(tolls, func(t *toll) bool { return t.entry == a.Entry })
			if n < 0 {
				n = len(tolls)
				tolls = append(tolls, &toll{entry: a.Entry, next: fetch.Attempts[i+1].Entry})
			}
			for _, id := range a.Requests {
				r := f.Request(id)
				tolls[n].waits = append(tolls[n].waits, wait{from: r.StartedAt, to: later(r.EndedAt, r.AnsweredAt)})
				tolls[n].evidence = append(tolls[n].evidence, answerEvidence(r))
			}
		}
	}
	var list []*trace.Finding
	for _, t := range tolls {
		host := urlHost(t.entry)
		waits, evidence := f.failedAt(host)
		waits, evidence = append(waits, t.waits...), append(evidence, t.evidence...)
		if len(waits) == 0 {
			continue
		}
		i := slices.IndexFunc(f.Config.List, func(e goproxy.Entry) bool { return e.String() == t.entry })
		rest := cmp.Or(f.listWithout(i), t.next)
		args := map[string]string{"host": host, "entry": t.entry, "next": t.next, "count": strconv.Itoa(len(waits)), "rest": rest}
		found := finding(f.hop(host), waits[0].from, args, evidence[:min(len(evidence), maxEvidence)]...)
		found.Evidence = append(found.Evidence, f.listEvidence()...)
		list = append(list, slow(found, lost(waits))...)
	}
	return list
}

// anyError reports whether go goes on from an entry after any error. Where the
// list is not known, that it did shows it.
func (f *facts) anyError(a trace.Attempt) bool {
	return a.Separator == "|" || a.Separator == "" && len(f.Config.List) == 0 && a.Entry != goproxy.Direct
}

// failedAt returns how long connections to a host took that came to nothing.
func (f *facts) failedAt(host string) (waits []wait, evidence []trace.Evidence) {
	for _, c := range f.Trace.Connections {
		if why, _ := f.Failure(c); why != "" && f.Target(c) == host {
			waits = append(waits, wait{from: c.StartedAt, to: f.EndOf(c)})
			evidence = append(evidence, connectionEvidence(c, why))
		}
	}
	return waits, evidence
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Speeds below which a body drips, where it takes longer than worthSaving.
const dripRate = 16 << 10 // bytes per second

// bodyDrip: an answer that comes whole, and so slowly that something between
// must hold it back: no segment was lost.
func bodyDrip(f *facts) []*trace.Finding {
	var list []*trace.Finding
	for _, r := range f.Trace.Requests {
		c := f.Connection(r.Connection)
		took := r.LastByteAt.Sub(r.AnsweredAt)
		if !isModuleFile(r) || r.Status != 200 || r.ResponseBytes == 0 || c == nil || r.AnsweredAt.IsZero() || r.LastByteAt.IsZero() || c.Retransmits > 0 || f.waitedLast(r) {
			continue
		}
		if rate := float64(r.ResponseBytes) / max(took.Seconds(), 1e-3); rate < dripRate {
			found := f.requestFinding(r, "got", strconv.FormatUint(r.ResponseBytes, 10), "rate", strconv.FormatFloat(rate, 'f', 0, 64))
			found.Evidence[0].Text += ", " + found.Args["got"] + " bytes in " + seconds(took) + " s"
			list = append(list, slow(found, took)...)
		}
	}
	return list
}

// isModuleFile reports whether a request is for a file that a module proxy has
// ready: a git server may take its time to make a pack.
func isModuleFile(r *trace.Request) bool {
	switch r.Purpose {
	case trace.PurposeList, trace.PurposeInfo, trace.PurposeMod, trace.PurposeZip, trace.PurposeLatest, trace.PurposeToolchain:
		return true
	}
	return false
}

// waitedLast reports whether an answer stopped for long at its end, which
// another rule tells of.
func (f *facts) waitedLast(r *trace.Request) bool { return f.Waited(r) >= f.Patience() }
