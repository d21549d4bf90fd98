package lab

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// needRoot skips a test that makes network namespaces where that is not
// possible; in CI that is a failure.
func needRoot(t testing.TB) {
	t.Helper()
	switch {
	case os.Geteuid() == 0:
	case os.Getenv("CI") == "true":
		t.Fatal("CI must run this as root")
	default:
		t.Skip("network namespaces need root")
	}
}

// start starts a lab that ends with the test.
func start(t testing.TB, s Setup) *Lab {
	t.Helper()
	needRoot(t)
	l, err := Start(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return l
}

// run runs a command in a fresh module of the lab and returns what it printed.
// After limit it is killed with its children.
func run(t testing.TB, l *Lab, limit time.Duration, argv ...string) (string, error) {
	t.Helper()
	dir, err := l.Dir()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := l.Command(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return string(out), err
}

// testLimit is how long a fault's command may take; soonLimit how long it is
// watched where the whole of its time-out is not worth waiting for.
const (
	testLimit = 30 * time.Second
	soonLimit = 3 * time.Second
)

// patient has TestFaults wait for the go command's own time-outs, a minute at most.
var patient = flag.Bool("patient", false, "wait for the go command's time-outs")

func TestFaults(t *testing.T) {
	for _, f := range Faults() {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			checkFault(t, f)
		})
	}
}

// checkFault runs the go command against a fault.
func checkFault(t *testing.T, f Fault) {
	l := start(t, f.Build())
	limit, ended := testLimit, true
	switch {
	case f.Patience > 0 && *patient:
		limit, ended = f.Patience+testLimit, f.Says != ""
		if !ended {
			limit = f.Patience
		}
	case f.Patience > 0:
		limit, ended = soonLimit, false
	}
	out, err := run(t, l, limit, f.Argv()...)
	if herr := f.Happened(l); herr != nil {
		t.Errorf("%v\n%s", herr, out)
	}
	var exit *exec.ExitError
	switch {
	case !ended:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended by itself: %v\n%s", err, out)
		}
	case f.Rule == "" || f.Slow:
		if err != nil {
			t.Errorf("%v: %v\n%s", f.Argv(), err, out)
		}
	case !errors.As(err, &exit) || exit.ExitCode() != 1:
		t.Errorf("%v: %v, want exit status 1\n%s", f.Argv(), err, out)
	case !strings.Contains(out, f.Says):
		t.Errorf("%v does not say %q:\n%s", f.Argv(), f.Says, out)
	}
}
