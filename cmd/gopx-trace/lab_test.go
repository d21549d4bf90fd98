//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture/lab"
)

// traced is what one traced run in the lab left.
type traced struct {
	code      int
	live      *trace.Trace
	stderr    string
	recording string
	liveJSON  []byte
	lab       *lab.Lab
	childsDir string
}

// traceFault runs the fault's command in its lab under gopx-trace.
func traceFault(t *testing.T, name string, flags ...string) *traced {
	t.Helper()
	f, ok := lab.FaultNamed(name)
	if !ok {
		t.Fatalf("the lab has no fault %q", name)
	}
	return traceThis(t, f, flags...)
}

// traceThis is traceFault for a fault that may have no name of its own.
func traceThis(t *testing.T, f lab.Fault, flags ...string) *traced {
	t.Helper()
	needRoot(t)
	l, err := lab.Start(f.Build())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	r := runTraced(t, l, f, flags)
	if err := f.Happened(l); err != nil {
		t.Fatalf("the fault did not happen: %v\n%s", err, r.stderr)
	}
	return r
}

func runTraced(t *testing.T, l *lab.Lab, f lab.Fault, flags []string) *traced {
	t.Helper()
	dir, err := l.Dir()
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	r := &traced{recording: filepath.Join(out, "t.pcapng"), lab: l, childsDir: dir}
	args := slices.Concat(flags, []string{"-w", r.recording, "-o", "json=" + filepath.Join(out, "t.json")})
	if f.Patience > 0 {
		args = append(args, "--timeout="+f.Patience.String())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := l.Command(ctx, "/proc/self/exe", append(args, f.Argv()...)...)
	c.Args[0] = "gopx-trace"
	c.Dir = dir
	var stderr bytes.Buffer
	c.Stderr = &stderr
	_ = c.Run() // the exit code tells
	r.code, r.stderr = c.ProcessState.ExitCode(), stderr.String()
	r.liveJSON, err = os.ReadFile(filepath.Join(out, "t.json"))
	if err != nil {
		t.Fatalf("%v\n%s", err, r.stderr)
	}
	r.live = &trace.Trace{}
	if err := json.Unmarshal(r.liveJSON, r.live); err != nil {
		t.Fatal(err)
	}
	return r
}

// replay reports from the recording and returns the JSON report.
func (r *traced) replay(t *testing.T) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "replay.json")
	e := &env{args: []string{"report", "-o", "json=" + out, r.recording}, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	if code := run(e); code != 0 {
		t.Fatalf("report: exit code %d", code)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The main test of the project: whoever reads the recording learns what the
// live run knew, no more and no less.
func TestReplayEqualsLive(t *testing.T) {
	for _, name := range []string{
		"healthy", "proxy-407", "git-direct", "socks5", "https-proxy",
		"healthy-proxy", "http1", "tls12", "ipv6", "dns-nxdomain", "stub", "stub-upstream-refused", "tls-unknown-ca", "redirect-cdn-blocked",
	} {
		t.Run(name, func(t *testing.T) {
			r := traceFault(t, name)
			if d := cmp.Diff(string(r.liveJSON), string(r.replay(t))); d != "" {
				t.Errorf("the recording tells something else (-live +replay):\n%s", d)
			}
			if l := r.live.Losses; l != (trace.Losses{}) {
				t.Errorf("lost: %+v", l)
			}
		})
	}
}
