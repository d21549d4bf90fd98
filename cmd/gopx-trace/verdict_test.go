//go:build linux

package main

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

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
			if f.Rule == "" {
				healthy(t, r)
			} else if v := r.live.Verdict; v.Finding != f.Rule || v.Hop != f.Hop {
				t.Errorf("verdict %s at %s, want %s at %s\n%s", v.Finding, v.Hop, f.Rule, f.Hop, r.stderr)
			}
			if *record && !t.Failed() {
				keep(t, f, r.recording)
			}
		})
	}
}

func healthy(t *testing.T, r *traced) {
	t.Helper()
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

// keep copies a recording to the place of its golden trace: the first fault of
// the lab with a rule is that rule's specification.
func keep(t *testing.T, f lab.Fault, recording string) {
	t.Helper()
	dir := filepath.Join("../../testdata/healthy", f.Name)
	if f.Rule != "" {
		all := lab.Faults()
		if all[slices.IndexFunc(all, func(o lab.Fault) bool { return o.Rule == f.Rule })].Name != f.Name {
			return
		}
		dir = filepath.Join("../../testdata/faults", f.Rule)
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
