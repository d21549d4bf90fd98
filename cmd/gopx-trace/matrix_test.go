//go:build linux

package main

import (
	"flag"
	"fmt"
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
