//go:build linux

package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gopx-trace/gopx-trace/agent"
	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture"
	"github.com/gopx-trace/gopx-trace/capture/lab"
	"github.com/gopx-trace/gopx-trace/capture/pcapfile"
)

// make lab-matrix runs the lab twice over: once to fill a table of rows, once
// to write them up.
var (
	matrix   = flag.String("matrix", "", "append what each run of the lab gave to this file, as tab-separated values")
	accuracy = flag.String("accuracy", "", "write the table of -matrix to this Markdown file")
)

// laterKind is what the runs of [lab.Later] are called.
const laterKind = "variants not looked at"

// A row of the matrix: what a fault should give, and what was said live, from
// the recording's packets and secrets, and from its packets alone.
type row struct {
	kind, name string
	want       said
	got        [3]said
}

// said is a verdict.
type said struct{ rule, hop string }

func saidBy(t *trace.Trace) said { return said{t.Verdict.Finding, t.Verdict.Hop} }

func (s said) String() string {
	if s.rule == "" {
		return "nothing"
	}
	return s.rule + " at " + s.hop
}

// noteRow adds a run to the matrix, if there is one.
func noteRow(t *testing.T, kind string, f lab.Fault, r *traced) {
	t.Helper()
	if *matrix == "" {
		return
	}
	w := row{kind: kind, name: f.Name, want: said{f.Rule, f.Hop}, got: [3]said{
		saidBy(r.live), saidBy(fromPart(t, r.recording, true)), saidBy(fromPart(t, r.recording, false)),
	}}
	cells := []string{w.kind, w.name, w.want.rule, w.want.hop}
	for _, s := range w.got {
		cells = append(cells, s.rule, s.hop)
	}
	file, err := os.OpenFile(*matrix, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := fmt.Fprintln(file, strings.Join(cells, "\t")); err != nil {
		t.Fatal(err)
	}
}

// part is a source of which only packets, and secrets if wanted, remain: what
// tcpdump would have written, with nothing of processes, sockets and settings.
type part struct {
	capture.Source
	secrets bool
}

// Next implements [capture.Source].
func (p part) Next() (capture.Event, error) {
	for {
		e, err := p.Source.Next()
		if err != nil {
			return nil, err
		}
		switch e := e.(type) {
		case *capture.Packet:
			return &capture.Packet{Time: e.Time, Frame: e.Frame, Link: e.Link, Data: e.Data, Length: e.Length}, nil
		case *capture.Secret:
			if p.secrets {
				return e, nil
			}
		}
	}
}

// fromPart reports from part of a recording.
func fromPart(t *testing.T, recording string, secrets bool) *trace.Trace {
	t.Helper()
	r, err := pcapfile.Open(recording)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	tr, err := agent.Run(part{r, secrets})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// TestWriteAccuracy writes the matrix up.
func TestWriteAccuracy(t *testing.T) {
	if *accuracy == "" {
		t.Skip("make lab-matrix calls this")
	}
	text, err := os.ReadFile(*matrix)
	if err != nil {
		t.Fatal(err)
	}
	rows := readRows(t, string(text))
	if err := os.WriteFile(*accuracy, []byte(writeUp(rows)), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readRows(t *testing.T, text string) (rows []row) {
	t.Helper()
	for line := range strings.Lines(text) {
		c := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(c) != 10 {
			t.Fatalf("a row of %d cells: %q", len(c), line)
		}
		rows = append(rows, row{kind: c[0], name: c[1], want: said{c[2], c[3]},
			got: [3]said{{c[4], c[5]}, {c[6], c[7]}, {c[8], c[9]}}})
	}
	slices.SortFunc(rows, func(a, b row) int {
		return strings.Compare(a.want.rule+"\t"+a.kind+"\t"+a.name, b.want.rule+"\t"+b.kind+"\t"+b.name)
	})
	return rows
}

// accuracyHead begins docs/accuracy.md.
const accuracyHead = `# How often the verdict is right

Written by ` + "`make lab-matrix`" + `: every fault of the lab (` + "`capture/lab`" + `: our own servers, with the variants of each fault) and
every scenario with other people's servers (` + "`capture/lab/servers`" + `: squid, nginx, unbound and so on, written after the rules) really
happens, to a real go, git or curl. The verdict is right when its rule, or its hop, is the one that was written down before.
"Packets and secrets" is the same recording without anything of processes, sockets and settings, as from a capture file with a
key log; "packets alone" has no TLS secrets either. Those two leave out faults of ` + "`config` and `host`" + `, which no packet shows.

`

func writeUp(rows []row) string {
	var b strings.Builder
	b.WriteString(accuracyHead)
	b.WriteString("| runs | faults | rule right | hop right | healthy runs | with a false alarm |\n|---|---|---|---|---|---|\n")
	kinds := map[string][]row{}
	for _, r := range rows {
		kinds[r.kind] = append(kinds[r.kind], r)
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		c := count(kinds[kind], 0)
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %d | %d |\n", kind, c.faults, share(c.rule, c.faults), share(c.hop, c.faults), c.healthy, c.alarms)
	}
	b.WriteString("\n| seen | faults | rule and hop right |\n|---|---|---|\n")
	for i, name := range []string{"all, live", "packets and secrets", "packets alone"} {
		c := count(onWire(rows), i)
		fmt.Fprintf(&b, "| %s | %d | %s |\n", name, c.faults, share(c.both, c.faults))
	}
	b.WriteString("\n## Each fault\n\n| rule | runs | live | packets and secrets | packets alone |\n|---|---|---|---|---|\n")
	for _, r := range rows {
		if r.want.rule != "" {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.want.rule, r.name, verdict(r, 0), verdict(r, 1), verdict(r, 2))
		}
	}
	return b.String()
}

// verdict is a cell: what was said if it is not what should be.
func verdict(r row, i int) string {
	if r.got[i] == r.want {
		return "right"
	}
	return r.got[i].String()
}

// onWire are the rows whose fault packets can show.
func onWire(rows []row) []row {
	return slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.want.hop == "config" || r.want.hop == "host" })
}

type tally struct{ faults, rule, hop, both, healthy, alarms int }

// count counts what was right in the i-th verdict of rows.
func count(rows []row, i int) (c tally) {
	for _, r := range rows {
		if r.want.rule == "" {
			c.healthy++
			c.alarms += btoi(r.got[i].rule != "")
			continue
		}
		c.faults++
		c.rule += btoi(r.got[i].rule == r.want.rule)
		c.hop += btoi(r.got[i].hop == r.want.hop)
		c.both += btoi(r.got[i] == r.want)
	}
	return c
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func share(n, of int) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%d (%.1f %%)", n, 100*float64(n)/float64(of))
}
