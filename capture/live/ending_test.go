//go:build linux

package live

import (
	"context"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/capture"
)

func TestContextEndsTheCommand(t *testing.T) {
	needRoot(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	r, err := startWith(ctx, Options{Argv: []string{"sleep", "60"}, Env: os.Environ()}, idleKernel)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	mustEvents(t, r)
	if code, sig := r.Result(); code != 128+int(syscall.SIGTERM) || sig != "SIGTERM" {
		t.Errorf("result %d %s", code, sig)
	}
}

// What the command started is ended with it when the time is up: with SIGTERM,
// or killed at the end of the grace.
func TestContextEndsTheTree(t *testing.T) {
	needRoot(t)
	for _, tt := range []struct {
		name, trap string
		atLeast    time.Duration
	}{
		{"by SIGTERM", "", 0},
		{"killed", "trap '' TERM; ", killAfter},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := mustTemp(t)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			argv := []string{"sh", "-c", "sh -c \"" + tt.trap + "echo \\$\\$; sleep 60; sleep 60\" & exec sleep 60"}
			r, err := startWith(ctx, Options{Argv: argv, Env: os.Environ(), Stdout: out}, idleKernel)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			from := time.Now()
			exit := only[*capture.Exit](mustEvents(t, r))[0]
			if took := time.Since(from); took < tt.atLeast || took > tt.atLeast+drainMax+time.Second {
				t.Errorf("took %v", took)
			}
			if !exit.TimedOut || exit.Signal != "SIGTERM" {
				t.Errorf("%+v", exit)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(mustRead(t, out.Name())))
			if err != nil {
				t.Fatal(err)
			}
			// Whoever it was left to may not have reaped it.
			if b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat"); err == nil && !strings.Contains(string(b), ") Z ") {
				t.Errorf("it lives: %s", b)
			}
		})
	}
}
