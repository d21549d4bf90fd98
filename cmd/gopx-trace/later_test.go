//go:build linux

package main

import (
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture/lab"
)

// The rules had never seen these; they are for the figures of docs/accuracy.md.
func TestLaterVerdicts(t *testing.T) {
	if *matrix == "" {
		t.Skip("make lab-matrix runs them")
	}
	for _, f := range lab.Later() {
		t.Run(f.Name, func(t *testing.T) {
			if f.Patience > 0 {
				t.Parallel()
			}
			r := traceThis(t, f)
			noteRow(t, laterKind, f, r)
			switch v := r.live.Verdict; {
			case f.Rule == "":
				healthy(t, r, f.Notes)
			case v.Finding != f.Rule || v.Hop != f.Hop:
				t.Errorf("verdict %s at %s, want %s at %s\n%s", v.Finding, v.Hop, f.Rule, f.Hop, r.stderr)
			case f.Slow && v.Outcome != trace.OK:
				t.Errorf("outcome %s\n%s", v.Outcome, r.stderr)
			}
		})
	}
}
