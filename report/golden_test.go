package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gopx-trace/gopx-trace/agent"
	"github.com/gopx-trace/gopx-trace/agent/diagnose"
	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture/pcapfile"
)

// The folders of golden traces: capture.pcapng is a recording of the lab
// (go test ./cmd/gopx-trace -run Verdicts -record), trace.json and report.txt
// what is made of it (go test ./report -update).
const (
	faultDir   = "../testdata/faults"
	healthyDir = "../testdata/healthy"
)

// A rule's specification is its capture: exactly its id is the verdict.
func TestFaultCaptures(t *testing.T) {
	for _, dir := range folders(t, faultDir) {
		rule := filepath.Base(dir)
		t.Run(rule, func(t *testing.T) {
			if got := replay(t, dir).Verdict.Finding; got != rule {
				t.Errorf("the verdict is %q", got)
			}
		})
	}
}

// No finding but information on a healthy run.
func TestHealthyCaptures(t *testing.T) {
	for _, dir := range folders(t, healthyDir) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			tr := replay(t, dir)
			for _, f := range tr.Findings {
				if f.Severity != trace.Info {
					t.Errorf("%s at %s: %s", f.Rule, f.Hop, f.Summary)
				}
			}
			if tr.Verdict.Outcome != trace.OK {
				t.Errorf("outcome %s", tr.Verdict.Outcome)
			}
		})
	}
}

// Every capture belongs to a rule.
func TestCapturesHaveRules(t *testing.T) {
	rules := map[string]bool{}
	for _, r := range diagnose.Rules() {
		rules[r.ID] = true
	}
	for _, dir := range folders(t, faultDir) {
		if !rules[filepath.Base(dir)] {
			t.Errorf("%s: there is no such rule", dir)
		}
	}
}

// One line for each finding shows at a glance, and in each change, which
// recording tells what.
func TestFindingsOfCaptures(t *testing.T) {
	var all bytes.Buffer
	fmt.Fprintln(&all, "recording\toutcome\tseverity\tconfidence\trule\thop")
	for _, dir := range slices.Concat(folders(t, faultDir), folders(t, healthyDir)) {
		b, err := os.ReadFile(filepath.Join(dir, "trace.json"))
		if err != nil {
			t.Fatal(err)
		}
		tr := &trace.Trace{}
		if err := json.Unmarshal(b, tr); err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(filepath.Dir(dir)) + "/" + filepath.Base(dir)
		if len(tr.Findings) == 0 {
			fmt.Fprintf(&all, "%s\t%s\n", name, tr.Verdict.Outcome)
		}
		for _, f := range tr.Findings {
			fmt.Fprintf(&all, "%s\t%s\t%s\t%s\t%s\t%s\n", name, tr.Verdict.Outcome, f.Severity, f.Confidence, f.Rule, f.Hop)
		}
	}
	golden(t, "../testdata/findings.tsv", all.Bytes())
}

func folders(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(dir + "/*/capture.pcapng")
	if err != nil || len(list) < 5 {
		t.Fatalf("%d captures below %s (%v)", len(list), dir, err)
	}
	for i := range list {
		list[i] = filepath.Dir(list[i])
	}
	return list
}

// replay reads the capture of a folder, compares the reports with the golden
// ones and returns the trace.
func replay(t *testing.T, dir string) *trace.Trace {
	t.Helper()
	src, err := pcapfile.Open(filepath.Join(dir, "capture.pcapng"))
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	tr, err := agent.Run(src)
	if err != nil {
		t.Fatal(err)
	}
	var doc, text bytes.Buffer
	if err := Write(&doc, "json", tr, Options{}); err != nil {
		t.Fatal(err)
	}
	if err := validate(t, doc.Bytes()); err != nil {
		t.Errorf("the report does not fit its schema: %v", err)
	}
	if err := Write(&text, "text", tr, Options{Verbose: true, File: "capture.pcapng"}); err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join(dir, "trace.json"), doc.Bytes())
	golden(t, filepath.Join(dir, "report.txt"), text.Bytes())
	told := &trace.Trace{}
	if err := json.Unmarshal(doc.Bytes(), told); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "trace.json")); err != nil {
		t.Error(err)
	}
	return told
}
