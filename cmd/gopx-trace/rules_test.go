//go:build linux

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/diagnose"
	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture/lab"
)

// notes are the rules whose findings are information and never the verdict, each
// with the healthy recording that shows one.
func notes() map[string]string {
	return map[string]string{
		"dns-search-ndots":   "search-domains",
		"proxy-stale-latest": "old-list",
		"tls-no-secret":      "without-secrets", // the trace lacks something, the command does not
	}
}

// Each rule has a fault of the lab, and the recording of that is its verdict.
// Rules that only note something have a recording in which they do.
func TestRulesHaveRecordings(t *testing.T) {
	faults := lab.Faults()
	for _, r := range diagnose.Rules() {
		if name, ok := notes()[r.ID]; ok {
			f, ok := lab.FaultNamed(name)
			if tr := recorded(t, "healthy", name); !ok || f.Notes != r.ID || !slices.ContainsFunc(tr.Findings, func(f *trace.Finding) bool { return f.Rule == r.ID }) {
				t.Errorf("nothing shows the note %s", r.ID)
			}
			continue
		}
		if !slices.ContainsFunc(faults, func(f lab.Fault) bool { return f.Rule == r.ID }) {
			t.Errorf("no fault of the lab shows %s", r.ID)
		}
		if got := recorded(t, "faults", r.ID).Verdict.Finding; got != r.ID {
			t.Errorf("the verdict of the recording of %s is %q", r.ID, got)
		}
	}
}

// recorded reads the golden trace of a recording; an empty one if there is none.
func recorded(t *testing.T, kind, name string) *trace.Trace {
	t.Helper()
	tr := &trace.Trace{}
	b, err := os.ReadFile(filepath.Join("../../testdata", kind, name, "trace.json"))
	if err == nil {
		err = json.Unmarshal(b, tr)
	}
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return tr
}
