//go:build linux

package main

import (
	"os"
	"strings"
	"testing"

	"github.com/gopx-trace/gopx-trace/capture/lab"
	"github.com/gopx-trace/gopx-trace/capture/lab/servers"
)

// What the lab's own servers do by design, squid, nginx and the others do by
// themselves; the verdict is the same.
func TestRealServers(t *testing.T) {
	for _, s := range servers.Scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			needRoot(t)
			needPrograms(t, s.Programs())
			if s.Patience > 0 {
				t.Parallel()
			}
			l, err := s.Start()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			})
			r := runTraced(t, l, s.Fault, nil)
			if err := s.Happened(l); err != nil {
				t.Fatalf("%v\n%s", err, r.stderr)
			}
			noteRow(t, "other people's servers", s.Fault, r)
			judge(t, s.Fault, r)
		})
	}
}

// judge compares a run with what its fault should give.
func judge(t *testing.T, f lab.Fault, r *traced) {
	t.Helper()
	if f.Rule == "" {
		healthy(t, r, f.Notes)
		return
	}
	if v := r.live.Verdict; v.Finding != f.Rule || v.Hop != f.Hop {
		t.Errorf("verdict %s at %s, want %s at %s\n%s", v.Finding, v.Hop, f.Rule, f.Hop, r.stderr)
	}
	if !strings.Contains(r.stderr, f.Says) {
		t.Errorf("the command does not say %q:\n%s", f.Says, r.stderr)
	}
}

// needPrograms skips a test whose programs are not installed, except in CI.
func needPrograms(t *testing.T, names []string) {
	t.Helper()
	missing := lab.Missing(names...)
	switch {
	case len(missing) == 0:
	case os.Getenv("CI") == "true":
		t.Fatalf("CI must have %v", missing)
	default:
		t.Skipf("needs %v: .ci/packages servers", missing)
	}
}
