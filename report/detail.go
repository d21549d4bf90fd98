package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// detail prints every fact: settings, fetches, requests, lookups, connections
// and processes.
func (p *printer) detail(t *trace.Trace) {
	p.settings(t)
	p.fetches(t)
	p.requests(t)
	p.lookups(t)
	p.connections(t)
	p.processes(t)
}

func (p *printer) title(s string) { p.printf("\n%s\n", p.paint(bold, s)) }

func (p *printer) settings(t *trace.Trace) {
	e := t.Environment
	if e == nil {
		return
	}
	p.title("settings as the command saw them " + parenthesis(e.GoVersion))
	for _, k := range sortedKeys(e.GoEnv) {
		if s := e.GoEnv[k]; s.Value != "" {
			p.printf("  %s=%s  %s\n", k, clean(s.Value), p.paint(dim, parenthesis(s.Origin)))
		}
	}
	for _, m := range []map[string]string{e.Proxy, e.TLS} {
		for _, k := range sortedKeys(m) {
			p.printf("  %s=%s\n", k, clean(m[k]))
		}
	}
	if len(e.Resolvers) > 0 {
		p.printf("  resolvers: %s\n", strings.Join(e.Resolvers, " "))
	}
}

func (p *printer) fetches(t *trace.Trace) {
	if len(t.Fetches) == 0 {
		return
	}
	p.title("module fetches, and the GOPROXY entries tried")
	for _, f := range t.Fetches {
		p.printf("  %-9s %s %s\n", f.Outcome, f.Purpose, clean(strings.TrimSuffix(f.Module+"@"+f.Version, "@")))
		for _, a := range f.Attempts {
			p.printf("    %-9s %s  %s  %s\n", a.Outcome, clean(a.Entry), ids(a.Requests), clean(a.NextBecause))
		}
	}
}

func ids(list []int) string {
	if len(list) == 0 {
		return ""
	}
	var s []string
	for _, id := range list {
		s = append(s, fmt.Sprintf("#%d", id))
	}
	return strings.Join(s, " ")
}

func (p *printer) requests(t *trace.Trace) {
	if len(t.Requests) == 0 {
		return
	}
	p.title("requests")
	start := t.Requests[0].StartedAt
	if t.Command != nil {
		start = t.Command.StartedAt
	}
	for _, r := range t.Requests {
		p.printf("  #%-3d %9s  %s %s  %s\n", r.ID, ms(trace.Since(start, r.StartedAt)), r.Method, clean(r.URL), p.status(r))
		p.printf("       %9s  %s\n", "", p.paint(dim, clean(requestFacts(r))))
	}
}

func (p *printer) status(r *trace.Request) string {
	if r.Status == 0 {
		return p.paint(red, clean(r.Error))
	}
	s := strings.TrimSpace(fmt.Sprintf("%d %s", r.Status, clean(r.StatusText)))
	if r.Error != "" {
		s += ", " + clean(r.Error)
	}
	if r.Status >= 400 || r.Error != "" {
		return p.paint(red, s)
	}
	return p.paint(green, s)
}

func requestFacts(r *trace.Request) string {
	facts := []string{
		r.Protocol, "connection " + fmt.Sprint(r.Connection), r.Purpose,
		strings.TrimSuffix(r.Module+"@"+r.Version, "@"), size(r.ResponseBytes),
	}
	if r.PID != 0 {
		facts = append(facts, fmt.Sprintf("pid %d", r.PID))
	}
	if r.RedirectedFrom != 0 {
		facts = append(facts, fmt.Sprintf("redirected from #%d", r.RedirectedFrom))
	}
	return join(append(facts, phases(r.Timings)))
}

// phases lists the HAR phases that happened.
func phases(t trace.Timings) string {
	var s []string
	for _, ph := range []struct {
		name string
		ms   trace.Millis
	}{{"dns", t.DNS}, {"connect", t.Connect}, {"tls", t.TLS}, {"send", t.Send}, {"wait", t.Wait}, {"receive", t.Receive}} {
		if ph.ms >= 0 {
			s = append(s, ph.name+" "+ms(ph.ms))
		}
	}
	return strings.Join(s, ", ")
}

func (p *printer) lookups(t *trace.Trace) {
	if len(t.Lookups) == 0 {
		return
	}
	p.title("lookups")
	for _, l := range t.Lookups {
		var data []string
		for _, a := range l.Answers {
			data = append(data, a.Data)
		}
		took := "no answer"
		if l.Duration != nil {
			took = ms(*l.Duration)
		}
		by := ""
		if l.Upstream {
			by = ", asked by the local resolver"
		}
		p.printf("  %s %s at %s/%s%s: %s\n", clean(l.Name), l.Type, l.Server, l.Transport, by,
			clean(join([]string{l.RCode, strings.Join(data, " "), l.Error, took})))
	}
}

func (p *printer) connections(t *trace.Trace) {
	if len(t.Connections) == 0 {
		return
	}
	p.title("connections")
	for _, c := range t.Connections {
		p.printf("  %-3d %s → %s  %s\n", c.ID, c.Local, c.Remote, clean(connectionFacts(c)))
		if u := c.Tunnel; u != nil {
			p.printf("      tunnel %s to %s: %d %s\n", u.Protocol, clean(u.Authority), u.Status, clean(u.StatusText))
		}
		for _, l := range c.TLS {
			p.printf("      %s\n", clean(tlsFacts(l)))
			for _, cert := range l.Certificates {
				p.printf("        certificate %s, issued by %s, until %s\n", clean(cert.Subject), clean(cert.Issuer), cert.NotAfter.Format("2006-01-02"))
			}
		}
	}
}

func connectionFacts(c *trace.Connection) string {
	facts := []string{c.State}
	if c.Reached != "" {
		facts = append(facts, "led to "+c.Reached+" by this host")
	}
	if c.Stream != nil {
		facts = append(facts, fmt.Sprintf("tcp.stream %d", *c.Stream))
	}
	if c.PID != 0 {
		facts = append(facts, fmt.Sprintf("pid %d", c.PID))
	}
	if c.Connect != nil {
		facts = append(facts, "connect "+ms(*c.Connect))
	}
	if c.ResetBy != "" {
		facts = append(facts, "reset by "+c.ResetBy)
	}
	return join(append(facts, "sent "+size(c.BytesSent), "received "+size(c.BytesReceived),
		count(c.Retransmits, "retransmit"), c.Errno, c.ICMP))
}

func tlsFacts(l *trace.TLS) string {
	facts := []string{l.Version, l.CipherSuite, l.ServerName, l.ALPN, l.JA4}
	if l.Resumed {
		facts = append(facts, "resumed")
	}
	if !l.Decrypted {
		facts = append(facts, "not decrypted")
	}
	if l.Alert != nil {
		facts = append(facts, fmt.Sprintf("alert %s sent by %s", l.Alert.Description, l.Alert.SentBy))
	}
	if l.Duration != nil {
		facts = append(facts, "handshake "+ms(*l.Duration))
	}
	return join(facts)
}

func (p *printer) processes(t *trace.Trace) {
	if len(t.Processes) == 0 {
		return
	}
	p.title("processes")
	known := map[uint32]bool{}
	for _, c := range t.Processes {
		known[c.PID] = true
	}
	for _, c := range t.Processes {
		if !known[c.PPID] {
			p.tree(t, c, 1)
		}
	}
}

// tree prints a process and what it started. A loop of pids cannot arise:
// each level goes down to processes that were started by the one above.
func (p *printer) tree(t *trace.Trace, c *trace.Process, depth int) {
	end := ""
	switch {
	case c.Signal != "":
		end = c.Signal
	case c.ExitCode != nil:
		end = fmt.Sprintf("exit %d", *c.ExitCode)
	}
	p.printf("%s%d %s  %s\n", strings.Repeat("  ", depth), c.PID, clean(c.CommandLine()),
		p.paint(dim, join([]string{c.TLS, end, c.Missing})))
	if depth > 32 {
		return
	}
	for _, child := range t.Processes {
		if child.PPID == c.PID && child != c {
			p.tree(t, child, depth+1)
		}
	}
}

func sortedKeys[K int | string, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
