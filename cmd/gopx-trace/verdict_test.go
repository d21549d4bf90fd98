//go:build linux

package main

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture/lab"
)

// record keeps the recordings of the lab's faults as golden traces.
var record = flag.Bool("record", false, "rewrite ../../testdata/faults and ../../testdata/healthy (then run go test ./report -update)")

// Every fault of the lab really happens, and the verdict names its rule and
// its hop; a healthy run has no error and no warning.
func TestVerdicts(t *testing.T) {
	for _, f := range lab.Faults() {
		t.Run(f.Name, func(t *testing.T) {
			if f.Patience > 0 { // it waits for a time-out of the go command
				if testing.Short() {
					t.Skip("takes a time-out")
				}
				t.Parallel()
			}
			r := traceFault(t, f.Name)
			noteRow(t, "own servers", f, r)
			if f.Rule == "" {
				healthy(t, r, f.Notes)
			} else if v := r.live.Verdict; v.Finding != f.Rule || v.Hop != f.Hop {
				t.Errorf("verdict %s at %s, want %s at %s\n%s", v.Finding, v.Hop, f.Rule, f.Hop, r.stderr)
			}
			if !*record {
				sameFindings(t, f, r.live)
			} else if !t.Failed() {
				keep(t, f, r.recording)
			}
		})
	}
}

// healthy checks that there is no fault, and that a rule noted what it should.
func healthy(t *testing.T, r *traced, note string) {
	t.Helper()
	if note != "" && !slices.ContainsFunc(r.live.Findings, func(f *trace.Finding) bool { return f.Rule == note }) {
		t.Errorf("%s was not noted", note)
	}
	if r.code != 0 || r.live.Verdict.Outcome != trace.OK {
		t.Errorf("exit code %d, outcome %s\n%s", r.code, r.live.Verdict.Outcome, r.stderr)
	}
	for _, f := range r.live.Findings {
		if f.Severity != trace.Info {
			t.Errorf("a healthy run has the %s %s at %s: %s", f.Severity, f.Rule, f.Hop, f.Summary)
		}
	}
	if r.live.Losses != (trace.Losses{}) {
		t.Errorf("lost: %+v", r.live.Losses)
	}
}

// folder is where the recording of a fault is kept: the first fault of the lab
// with a rule is that rule's specification. It is empty for others.
func folder(f lab.Fault) string {
	if f.Rule == "" {
		return filepath.Join("../../testdata/healthy", f.Name)
	}
	all := lab.Faults()
	if all[slices.IndexFunc(all, func(o lab.Fault) bool { return o.Rule == f.Rule })].Name != f.Name {
		return ""
	}
	return filepath.Join("../../testdata/faults", f.Rule)
}

// sameFindings compares the errors and warnings of a live run with those of the
// recording. What is information may depend on who was faster.
func sameFindings(t *testing.T, f lab.Fault, live *trace.Trace) {
	t.Helper()
	dir := folder(f)
	// Which of several requests at once find a port is a matter of time.
	if dir == "" || f.Rule == "tcp-ephemeral-exhausted" {
		return
	}
	want := recorded(t, filepath.Base(filepath.Dir(dir)), filepath.Base(dir))
	if d := cmp.Diff(told(want), told(live)); d != "" {
		t.Errorf("other findings than in the recording (-recording +live):\n%s", d)
	}
}

// told lists the errors and warnings of a trace.
func told(tr *trace.Trace) []string {
	var list []string
	for _, f := range tr.Findings {
		if f.Severity != trace.Info {
			list = append(list, f.Severity+" "+f.Rule+" at "+f.Hop)
		}
	}
	return list
}

// keep copies a recording to the place of its golden trace.
func keep(t *testing.T, f lab.Fault, recording string) {
	t.Helper()
	dir := folder(f)
	if dir == "" {
		return
	}
	b, err := os.ReadFile(recording)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "capture.pcapng"), b, 0o644); err != nil {
		t.Fatal(err)
	}
}
