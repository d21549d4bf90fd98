//go:build linux

package main

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/trace"
	"github.com/gopx-trace/gopx-trace/capture/lab"
)

// What another process asks the same local resolver for leaves no trace: neither
// in the report nor in the recording.
func TestOthersNamesAreNotRecorded(t *testing.T) {
	needRoot(t)
	f, _ := lab.FaultNamed("stub")
	l, err := lab.Start(f.Build())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	other := l.Command(ctx, "sh", "-c", "while getent hosts "+lab.MirrorHost+"; do sleep 0.02; done")
	var answers bytes.Buffer
	other.Stdout = &answers
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	r := runTraced(t, l, f, nil)
	cancel()
	_ = other.Wait() // it was killed
	if n := strings.Count(answers.String(), lab.MirrorHost); n < 3 {
		t.Fatalf("the other process got %d answers", n)
	}
	for _, q := range r.live.Lookups {
		if strings.EqualFold(q.Name, lab.MirrorHost) {
			t.Errorf("lookup %+v", q)
		}
	}
	if !slices.ContainsFunc(r.live.Lookups, func(q *trace.Lookup) bool { return q.Upstream }) {
		t.Error("nothing of the local resolver's was seen at all")
	}
	b, err := os.ReadFile(r.recording)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(bytes.ToLower(b), []byte("\x06mirror\x04test")) {
		t.Error("the name is in the recording")
	}
}

// The text names the server behind the local resolver, or the local one where it
// asked nobody.
func TestUpstreamIsTold(t *testing.T) {
	const behind = "the resolver 10.77.0.53:53, which the local resolver 127.0.0.53 asked, "
	for name, told := range map[string][]string{
		"stub-upstream-refused": {
			behind + "refuses to answer for goproxy.test (REFUSED)", "127.0.0.53:53 → 10.77.0.53:53",
			"dig @10.77.0.53 goproxy.test   # ask the same resolver by hand; it is set in the configuration of the local resolver 127.0.0.53",
		},
		"stub-upstream-closed": {behind + "turned the query for goproxy.test away", "by the local resolver: port unreachable"},
		"stub-upstream-silent": {behind + "did not answer for goproxy.test within"},
		"stub-muted":           {"the resolver 127.0.0.53:53 did not answer", "it was not seen to ask another server for goproxy.test"},
		"stub-down":            {"the resolver 127.0.0.53:53 turned the query for goproxy.test away"},
	} {
		t.Run(name, func(t *testing.T) {
			if f, _ := lab.FaultNamed(name); f.Patience > 0 {
				if testing.Short() {
					t.Skip("takes a time-out")
				}
				t.Parallel()
			}
			r := traceFault(t, name)
			for _, want := range told {
				if !strings.Contains(r.stderr, want) {
					t.Errorf("no %q in\n%s", want, r.stderr)
				}
			}
			if l := r.live.Losses; l != (trace.Losses{}) {
				t.Errorf("lost: %+v", l)
			}
		})
	}
}
