//go:build linux

package main

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// The shares of the faults below testdata/faults, without those of config and
// host, whose verdict must be right from packets and secrets, and from packets.
const (
	leastWithSecrets = 92
	leastWithout     = 40
)

// A capture file that is no recording of a command has neither settings nor
// processes; most verdicts are the same all the same.
func TestAccuracyOfCaptureFiles(t *testing.T) {
	all := expected(t)
	if len(all) == 0 {
		t.Fatal("no recordings")
	}
	for _, c := range []struct {
		name    string
		secrets bool
		least   int
	}{{"packets and secrets", true, leastWithSecrets}, {"packets alone", false, leastWithout}} {
		right := 0
		for name, want := range all {
			tr := fromPart(t, filepath.Join("../../testdata", name, "capture.pcapng"), c.secrets)
			if got := saidBy(tr); got == want {
				right++
			} else {
				t.Logf("%s: %s: %s, want %s", c.name, name, got, want)
			}
		}
		t.Logf("%s: %s right", c.name, share(right, len(all)))
		if right*100 < c.least*len(all) {
			t.Errorf("%s: %s right, want at least %d %%", c.name, share(right, len(all)), c.least)
		}
	}
}

// What works has no fault, whatever part of it was captured.
func TestHealthyCaptureFiles(t *testing.T) {
	dirs, err := filepath.Glob("../../testdata/healthy/*")
	if err != nil || len(dirs) == 0 {
		t.Fatal(dirs, err)
	}
	for _, dir := range dirs {
		for _, secrets := range []bool{true, false} {
			for _, f := range fromPart(t, filepath.Join(dir, "capture.pcapng"), secrets).Findings {
				if f.Severity != trace.Info {
					t.Errorf("%s: secrets %v: %s %s at %s", dir, secrets, f.Severity, f.Rule, f.Hop)
				}
			}
		}
	}
}

// expected returns what should be said of the recordings of faults that packets
// can show, by the recording's name.
func expected(t *testing.T) map[string]said {
	t.Helper()
	text, err := os.ReadFile("../../testdata/findings.tsv")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]said{}
	for line := range strings.Lines(string(text)) {
		c := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(c) != 6 || c[4] != path.Base(c[0]) || c[5] == "config" || c[5] == "host" || c[0] == "recording" {
			continue
		}
		all[c[0]] = said{c[4], c[5]}
	}
	return all
}
