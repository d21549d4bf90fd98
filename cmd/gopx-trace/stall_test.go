//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture/lab"
)

// stallLine is a line about a wait: the age of the run, what is awaited, the hop
// and since when.
var stallLine = regexp.MustCompile(`^gopx-trace: (\d+) s: waiting for (.*) \(([^ ]+), since (\d+) s\)`)

// Each fault of the lab that makes the command wait is told while it does, with
// its hop, within a second after the 5 s of the default. Ctrl-C then gives the
// verdict that it hung there.
func TestStallLines(t *testing.T) {
	says := map[string]string{
		"dns-timeout":         "the answer of the resolver ",
		"tcp-syn-dropped":     "the SYN-ACK of goproxy.test (10.77.",
		"proxy-hang-connect":  "to CONNECT goproxy.test:443",
		"proxy-tunnel-silent": "the ServerHello of goproxy.test through proxy.test:3128, CONNECT answered 200",
		"tls-silent-server":   "the ServerHello of goproxy.test (10.77.",
		"hang-no-response":    "the answer of goproxy.test (10.77.0.10:443) to GET https://goproxy.test/mod.test/",
		"body-stall":          "the rest of the answer of cdn.test",
		"sumdb-hang":          "the answer of sum.test",
		"git-hang":            "answer of git.test",
	}
	needRoot(t)
	for _, f := range lab.Faults() {
		want, silent := says[f.Rule]
		if !silent || f.Name == "stub-upstream-silent" { // whose local resolver soon gives up
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			line, report := interruptStalled(t, f)
			if line[3] != f.Hop || !strings.Contains(line[2], want) {
				t.Errorf("%s\nwant %s and %q", line[0], f.Hop, want)
			}
			if since, err := strconv.Atoi(line[4]); err != nil || since < 5 || since > 6 {
				t.Errorf("said after %s s", line[4])
			}
			if v := report.Verdict; v.Outcome != trace.Hung || v.Hop != f.Hop {
				t.Errorf("verdict %s at %s", v.Outcome, v.Hop)
			}
		})
	}
}

// interruptStalled traces a fault's command until a stall is told, interrupts it
// and returns that line and the report.
func interruptStalled(t *testing.T, f lab.Fault) ([]string, *trace.Trace) {
	t.Helper()
	l, err := lab.Start(f.Build())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	dir, err := l.Dir()
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "t.json")
	c := l.Command(t.Context(), "/proc/self/exe", append([]string{"-o", "json=" + out}, f.Argv()...)...)
	c.Args[0], c.Dir = "gopx-trace", dir
	pipe, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var line []string
	var said strings.Builder
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if m := stallLine.FindStringSubmatch(lines.Text()); m != nil && line == nil {
			line = m
			if err := c.Process.Signal(os.Interrupt); err != nil {
				t.Error(err)
			}
		}
	}
	_ = c.Wait() // the report tells
	if line == nil {
		t.Fatalf("nothing said:\n%s", said.String())
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	report := &trace.Trace{}
	if err := json.Unmarshal(b, report); err != nil {
		t.Fatal(err)
	}
	return line, report
}

// A run that gets on says nothing, however short the patience with silence.
func TestNoStallLine(t *testing.T) {
	for _, flag := range []string{"--stall=5s", "--stall=0"} {
		r := traceFault(t, "healthy", flag)
		if strings.Contains(r.stderr, "waiting for") {
			t.Errorf("%s: %s", flag, r.stderr)
		}
	}
}
