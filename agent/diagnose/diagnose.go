// Package diagnose holds the fault rules: each reads a complete trace and says
// what is broken, at which link of the module proxy chain, and what proves it.
//
// [Rules] is the list, from the lowest layer to the highest; adding a rule is a
// function in its layer's file and a line there. A rule names its finding by id
// and arguments only; package words makes the sentences.
//
// A rule never blames a peer for bytes that the tracer lost, and never fires on
// what the command could do without.
package diagnose

import (
	"cmp"
	"maps"
	"slices"

	"github.com/gopx-trace/gopx-trace/agent/goproxy"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// maxEvidence bounds the evidence of one finding; a broken hop fails the same
// way for each request.
const maxEvidence = 6

// Diagnose fills Findings, Hops and Verdict of an explained trace. The most
// severe finding comes first and, among equals, the one of the lowest layer:
// what is broken below explains what fails above.
func Diagnose(t *trace.Trace) {
	f := newFacts(t)
	t.Findings = f.find()
	t.Verdict = verdict(t)
	t.Hops = f.hops()
}

// Narrow lets narrow take facts and findings out of a diagnosed trace and makes
// Verdict and Hops those of the rest, as of a capture without a command. What
// the hosts are to each other is still told by the whole trace, of which narrow
// gets a view.
func Narrow(t *trace.Trace, narrow func(*goproxy.View)) {
	f := newFacts(t)
	narrow(f.View)
	rest := *t
	rest.Command = nil
	t.Verdict = verdict(&rest)
	t.Hops = f.hops()
}

// find runs the rules and orders what they find.
func (f *facts) find() []*trace.Finding {
	var list []*trace.Finding
	order := map[string]int{}
	for i, r := range Rules() {
		order[r.ID] = i
		all := r.find(f)
		for _, found := range all {
			f.limit(found)
		}
		for _, found := range merge(all) {
			found.Rule = r.ID
			f.soften(found)
			list = append(list, found)
		}
	}
	explain(list, order)
	slices.SortStableFunc(list, func(a, b *trace.Finding) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(order[a.Rule], order[b.Rule]), a.At.Compare(b.At))
	})
	return list
}

func rank(f *trace.Finding) int {
	return slices.Index([]string{trace.Error, trace.Warning, trace.Info}, f.Severity)
}

// merge joins findings of one rule at one hop: the first stands for all and
// takes over their evidence.
func merge(list []*trace.Finding) []*trace.Finding {
	type place struct{ hop, host, severity string }
	first := map[place]*trace.Finding{}
	var out []*trace.Finding
	for _, f := range list {
		p := place{f.Hop, f.Args["host"], f.Severity}
		if same := first[p]; same != nil {
			same.Evidence = append(same.Evidence, f.Evidence[:min(len(f.Evidence), maxEvidence-min(maxEvidence, len(same.Evidence)))]...)
			continue
		}
		first[p] = f
		out = append(out, f)
	}
	return out
}

// soften makes an error a warning if the command succeeded in spite of it.
func (f *facts) soften(found *trace.Finding) {
	c := f.Trace.Command
	if found.Severity != trace.Error {
		return
	}
	if c != nil && c.ExitCode != nil && *c.ExitCode == 0 || f.survived(found) {
		found.Severity = trace.Warning
	}
}

// mayHaveFailed reports whether the command failed, as far as is known: a capture
// file that is no recording of a command does not say how it ended.
func (f *facts) mayHaveFailed() bool { return f.Trace.Command == nil || failed(f.Trace.Command) }

func failed(c *trace.Command) bool { return c != nil && c.ExitCode != nil && *c.ExitCode != 0 }

// verdict says how the command ended and which finding explains it. Its
// summary is left to package words.
func verdict(t *trace.Trace) trace.Verdict {
	v := trace.Verdict{Outcome: outcome(t)}
	if len(t.Findings) > 0 && explains(t.Findings[0], v.Outcome) {
		v.Finding, v.Hop = t.Findings[0].Rule, t.Findings[0].Hop
	}
	return v
}

// explains reports whether a finding, the first, is what there is to say about
// the outcome: an error, or what slowed down a command that succeeded, or of which that is not known.
func explains(found *trace.Finding, outcome string) bool {
	return found.Severity == trace.Error ||
		found.Severity == trace.Warning && (outcome == trace.OK || outcome == trace.Unknown) && slices.Contains(slowRules(), found.Rule)
}

func outcome(t *trace.Trace) string {
	broken := len(t.Findings) > 0 && t.Findings[0].Severity == trace.Error
	hung := broken && slices.Contains(waits(), t.Findings[0].Rule)
	c := t.Command
	switch {
	case c == nil && hung:
		return trace.Hung
	case c == nil && broken:
		return trace.Failed
	case c == nil && slices.ContainsFunc(t.Requests, answered):
		return trace.OK
	case c == nil:
		return trace.Unknown
	case goproxy.Crashed(c):
		return trace.Failed
	case c.Interrupted || c.TimedOut || c.Signal != "":
		if hung {
			return trace.Hung
		}
		return trace.Interrupted
	case c.ExitCode == nil:
		return trace.Unknown
	case *c.ExitCode == 0:
		return trace.OK
	}
	return trace.Failed
}

func answered(r *trace.Request) bool {
	return r.Method != "CONNECT" && r.Status >= 200 && r.Status < 300 && r.ResponseComplete
}

// waits lists the rules about something that never came: if the command was
// ended from outside meanwhile, it hung.
func waits() []string {
	return []string{
		"hang-no-response", "body-stall", "sumdb-hang", "git-hang", "proxy-hang-connect",
		"proxy-tunnel-silent", "tls-silent-server", "tcp-syn-dropped", "dns-timeout",
		"tcp-midstream-blackhole", "pq-hello-dropped", "mtu-blackhole-client",
		"h2-goaway-loop", "h2-refused-stream",
	}
}

// with returns args with more in it.
func with(args map[string]string, more ...string) map[string]string {
	out := maps.Clone(args)
	for i := 0; i+1 < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}
