package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// writeText writes the report for a person: verdict and fix, the chain hop by
// hop, other findings, what was not seen; with Verbose every fact after that.
func writeText(w io.Writer, t *trace.Trace, o Options) error {
	b := bufio.NewWriter(w)
	p := &printer{w: b, color: o.Color, frames: o.Recording+o.File != ""}
	p.selection(t)
	p.verdict(t)
	p.chain(t)
	p.others(t)
	p.losses(t)
	if o.Verbose {
		p.detail(t)
	}
	p.footer(o)
	return cmp.Or(p.err, b.Flush())
}

// printer writes lines and remembers the first error.
type printer struct {
	w     io.Writer
	color bool
	// frames is set when there is a file in which a reader can look frames up.
	frames bool
	err    error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

// Styles of [printer.paint], SGR parameters.
const (
	bold   = "1"
	dim    = "2"
	red    = "1;31"
	green  = "32"
	yellow = "33"
)

func (p *printer) paint(style, s string) string {
	if !p.color {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

// outcomeWords are how a verdict's outcome is written, with its style.
func outcomeWords(outcome string) (word, style string) {
	switch outcome {
	case trace.OK:
		return "OK", green
	case trace.Failed:
		return "FAILED", red
	case trace.Hung:
		return "HUNG", red
	case trace.Interrupted:
		return "INTERRUPTED", yellow
	}
	return "UNKNOWN", yellow
}

// selection says of which part of the facts the report is.
func (p *printer) selection(t *trace.Trace) {
	s := t.Selection
	if s == nil {
		return
	}
	var only []string
	if s.Host != "" {
		only = append(only, "host "+s.Host)
	}
	if s.Connection != 0 {
		only = append(only, fmt.Sprintf("connection %d", s.Connection))
	}
	if !s.Since.IsZero() {
		only = append(only, "since "+s.Since.Format(time.RFC3339Nano))
	}
	if !s.Until.IsZero() {
		only = append(only, "until "+s.Until.Format(time.RFC3339Nano))
	}
	p.printf("gopx-trace: only %s (%d of %d lookups, %d of %d connections, %d of %d requests, %d of %d findings)\n",
		clean(strings.Join(only, ", ")), len(t.Lookups), s.Of.Lookups, len(t.Connections), s.Of.Connections,
		len(t.Requests), s.Of.Requests, len(t.Findings), s.Of.Findings)
}

// verdict prints the answer, why, what to type, and what proves it.
func (p *printer) verdict(t *trace.Trace) {
	word, style := outcomeWords(t.Verdict.Outcome)
	where := ""
	if t.Verdict.Hop != "" && t.Verdict.Outcome != trace.OK {
		where = " at " + t.Verdict.Hop
	}
	p.printf("gopx-trace: %s%s: %s\n", p.paint(style, word), where, clean(t.Verdict.Summary))
	for _, f := range t.Findings {
		if f.Rule == t.Verdict.Finding && f.Hop == t.Verdict.Hop {
			p.explain(f)
			return
		}
	}
}

// explain prints the parts of a finding below its summary.
func (p *printer) explain(f *trace.Finding) {
	if f.Because != "" {
		p.printf("  why    %s\n", clean(f.Because))
	}
	for i, fix := range f.Fix {
		p.printf("  %-6s %s\n", label(i, "fix"), clean(fix))
	}
	for i, e := range distinct(f.Evidence) {
		p.printf("  %-6s %s\n", label(i, "proof"), p.paint(dim, clean(p.proof(e))))
	}
	p.printf("  %-6s %s, %s\n", "rule", f.Rule, f.Confidence)
}

func label(i int, s string) string {
	if i > 0 {
		return ""
	}
	return s
}

// distinct leaves out the evidence that says what an earlier piece says: the go
// command meets the same fault once for each request.
func distinct(list []trace.Evidence) []trace.Evidence {
	var out []trace.Evidence
	for _, e := range list {
		if !slices.ContainsFunc(out, func(o trace.Evidence) bool { return o.Text == e.Text }) {
			out = append(out, e)
		}
	}
	return out
}

// proof is one piece of evidence with the place where a reader can check it.
func (p *printer) proof(e trace.Evidence) string {
	if len(e.Frames) == 0 || !p.frames {
		return e.Text
	}
	frames := slices.Compact(slices.Sorted(slices.Values(e.Frames)))
	if len(frames) == 1 {
		return fmt.Sprintf("%s (frame.number == %d)", e.Text, frames[0])
	}
	list := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(frames)), ", "), "[]")
	return fmt.Sprintf("%s (frame.number in {%s})", e.Text, list)
}

// chain prints the hops in the order in which the command met them.
func (p *printer) chain(t *trace.Trace) {
	if len(t.Hops) == 0 {
		return
	}
	p.printf("\n")
	width := 0
	for _, h := range t.Hops {
		width = max(width, len(h.Name))
	}
	for _, h := range t.Hops {
		mark := p.paint(green, "ok    ")
		switch h.State {
		case trace.Failed:
			mark = p.paint(red, "FAILED")
		case trace.Hung:
			mark = p.paint(red, "HUNG  ")
		case trace.Slow:
			mark = p.paint(yellow, "SLOW  ")
		}
		p.printf("%s\n", strings.TrimRight(fmt.Sprintf("  %s  %-*s  %s", mark, width, clean(h.Name), clean(hopFacts(h))), " "))
	}
}

// hopFacts says in a few words what happened at a hop.
func hopFacts(h *trace.Hop) string {
	var s []string
	if h.Address != "" && !strings.Contains(h.Name, h.Address) {
		s = append(s, strings.Join(append([]string{h.Address}, listed(h.Upstream)...), " → "))
	}
	s = append(s, h.Protocol, count(h.Lookups, "lookup"), count(h.Connections, "connection"), answers(h))
	if h.Slowest > 0 {
		s = append(s, "slowest "+ms(h.Slowest))
	}
	return join(s)
}

// listed joins servers to one element; none for none.
func listed(servers []string) []string {
	if len(servers) == 0 {
		return nil
	}
	return []string{strings.Join(servers, ", ")}
}

func answers(h *trace.Hop) string {
	s := count(h.Requests, "request")
	if s == "" || len(h.Statuses) == 0 {
		return s
	}
	var parts []string
	for _, status := range sortedKeys(h.Statuses) {
		parts = append(parts, fmt.Sprintf("%d×%d", h.Statuses[status], status))
	}
	return s + " (" + strings.Join(parts, " ") + ")"
}

// others prints the findings that are not the verdict.
func (p *printer) others(t *trace.Trace) {
	first := true
	for _, f := range t.Findings {
		if f.Rule == t.Verdict.Finding && f.Hop == t.Verdict.Hop {
			continue
		}
		if first {
			p.printf("\n")
			first = false
		}
		style := map[string]string{trace.Error: red, trace.Warning: yellow, trace.Info: dim}[f.Severity]
		p.printf("  %s %s: %s\n", p.paint(style, f.Severity), clean(f.Hop), clean(f.Summary))
		for _, fix := range f.Fix {
			if f.Severity != trace.Info {
				p.printf("         %s\n", clean(fix))
			}
		}
	}
}

// losses says what the tracer did not see. A complete run says nothing.
func (p *printer) losses(t *trace.Trace) {
	var lines []string
	l := t.Losses
	if lost := join([]string{count(int(l.Packets), "packet"), count(int(l.Events), "event")}); lost != "" {
		lines = append(lines, "we lost "+lost+" in the kernel: the machine was faster than our reader")
	}
	if l.MissedBytes > 0 {
		lines = append(lines, size(l.MissedBytes)+" of the streams: no captured packet holds them")
	}
	if l.CutPackets > 0 {
		lines = append(lines, fmt.Sprintf("the size limit cut %s out of %s of the recording", size(l.CutBytes), count(int(l.CutPackets), "packet")))
	}
	lines = append(lines, t.NotSeen...)
	if len(lines) == 0 {
		return
	}
	p.printf("\n")
	for _, s := range lines {
		p.printf("  %s %s\n", p.paint(yellow, "not seen:"), clean(s))
	}
}

// footer says how to see more.
func (p *printer) footer(o Options) {
	if o.Recording == "" {
		return
	}
	p.printf("\n  recording: %s opens decrypted in Wireshark; it holds the TLS secrets and all that was sent, passwords too\n", o.Recording)
}
