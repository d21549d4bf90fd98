//go:build linux

package live

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gopx-trace/gopx-trace/capture"
)

// Signals to the tracer reach the command, and the tracer outlives it.
func TestSignalsArePassedOn(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2} {
		t.Run(s.String(), func(t *testing.T) {
			// A session of its own: no terminal gives the command its signals.
			script := fmt.Sprintf("trap 'echo caught; exit 9' %d; echo ready; while :; do sleep 0.05; done", s)
			tr := mustTracer(t, &syscall.SysProcAttr{Setsid: true}, "sh", "-c", script)
			tr.line()
			if err := tr.cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
			if got := tr.line(); got != "caught" {
				t.Errorf("%q", got)
			}
			var e *exec.ExitError
			if err := tr.cmd.Wait(); !errors.As(err, &e) || e.ExitCode() != 9 {
				t.Errorf("tracer: %v", err)
			}
		})
	}
}

// On a terminal the command gets every signal once: from the terminal or a group
// that is signalled, or else from us. SIGQUIT to us alone is none of its business.
func TestSignalsOnATerminal(t *testing.T) {
	const loop = `trap 'echo got INT' INT; trap 'echo got TERM' TERM; trap 'echo got QUIT' QUIT; trap 'exit 0' USR1; echo ready; while :; do sleep 0.02; done`
	kill := func(s syscall.Signal, sign int) func(*tracer, *os.File) error {
		return func(tr *tracer, _ *os.File) error { return syscall.Kill(sign*tr.cmd.Process.Pid, s) }
	}
	types := func(key string) func(*tracer, *os.File) error {
		return func(_ *tracer, master *os.File) error { _, err := master.WriteString(key); return err }
	}
	for _, tt := range []struct {
		name  string
		argv  []string
		do    func(*tracer, *os.File) error
		wants string
	}{
		{"Ctrl-C", nil, types("\x03"), "got INT"},
		{"Ctrl-\\", nil, types("\x1c"), "got QUIT"},
		{"kill -INT of us", nil, kill(syscall.SIGINT, 1), "got INT"},
		{"kill -TERM of us", nil, kill(syscall.SIGTERM, 1), "got TERM"},
		{"kill -QUIT of us", nil, kill(syscall.SIGQUIT, 1), ""},
		{"kill -INT of the group", nil, kill(syscall.SIGINT, -1), "got INT"},
		{"kill -TERM of the group", nil, kill(syscall.SIGTERM, -1), "got TERM"},
		{"setsid, Ctrl-C", []string{"setsid"}, types("\x03"), "got INT"},
		{"setsid, kill of us", []string{"setsid"}, kill(syscall.SIGINT, 1), "got INT"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			master, slave := mustTerminal(t)
			tr := mustTracerOn(t, slave, append(tt.argv, "sh", "-c", loop)...)
			defer time.AfterFunc(20*time.Second, func() { tr.cmd.Process.Kill() }).Stop() // a signal was lost
			if s := tr.line(); s != "ready" {
				t.Fatalf("%q", s)
			}
			for range 2 { // a second one is not taken for the first
				if err := tt.do(tr, master); err != nil {
					t.Fatal(err)
				}
				if tt.wants != "" {
					if s := tr.line(); s != tt.wants {
						t.Fatalf("%q, want %q", s, tt.wants)
					}
				}
				time.Sleep(150 * time.Millisecond) // for one too many to come
			}
			if err := tr.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
				t.Fatal(err)
			}
			rest, err := io.ReadAll(tr.out)
			if err != nil {
				t.Fatal(err)
			}
			if len(rest) > 0 {
				t.Errorf("more than two: %q", rest)
			}
		})
	}
}

// mustTerminal opens a pseudo-terminal (pts(4)).
func mustTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { master.Close() })
	n, err1 := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	err2 := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	slave, err3 := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

// What is ignored when the tracer starts stays ignored (nohup, background jobs):
// the command finds the same mask as without the tracer. Whoever started this
// test may have ignored other signals too.
func TestIgnoredSignalsStayIgnored(t *testing.T) {
	needRoot(t)
	want := ignoredBy(t, "")
	if want&0x7 != 0x7 { // SIGHUP, SIGINT, SIGQUIT
		t.Fatalf("ignored without the tracer %#x", want)
	}
	if got := ignoredBy(t, "/proc/"+strconv.Itoa(os.Getpid())+"/exe"); got != want {
		t.Errorf("ignored %#x, want %#x", got, want)
	}
}

// ignoredBy returns the mask of the signals that a command ignores which a
// shell with three ignored signals starts, through the tracer if it is named.
func ignoredBy(t *testing.T, tracer string) uint64 {
	t.Helper()
	cmd := exec.Command("sh", "-c", `trap '' INT HUP QUIT; exec $0 grep SigIgn /proc/self/status`, tracer)
	if tracer == "" {
		cmd.Args = []string{"sh", "-c", `trap '' INT HUP QUIT; exec grep SigIgn /proc/self/status`}
	}
	cmd.Env = append(os.Environ(), "GOPX_TEST_TRACER=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v %s", err, out)
	}
	_, hex, _ := strings.Cut(string(out), "\t")
	mask, err := strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return mask
}

// Ctrl-C is told in the Exit event.
func TestInterruptedIsTold(t *testing.T) {
	needRoot(t)
	ready := mustFIFO(t)
	go func() {
		b, err := os.ReadFile(ready) // returns when the command has opened and closed it
		if err == nil && len(b) > 0 {
			syscall.Kill(os.Getpid(), syscall.SIGTERM)
		}
	}()
	res := mustRun(t, Options{Argv: []string{"sh", "-c", "echo > $0; exec sleep 60", ready}}, idleKernel)
	exit := only[*capture.Exit](res.events)[0]
	if !exit.Interrupted || exit.Signal != "SIGTERM" || res.code != 143 {
		t.Errorf("%+v, code %d", exit, res.code)
	}
}

// SIGQUIT to us alone asks how things stand, at once, and leaves the command alone.
func TestQuestion(t *testing.T) {
	needRoot(t)
	r, err := startWith(t.Context(), Options{Argv: []string{"sleep", "60"}, Env: os.Environ(), Tick: time.Hour}, idleKernel)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := syscall.Kill(os.Getpid(), syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	for asked := false; !asked; {
		e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if tick, ok := e.(*capture.Tick); ok {
			asked = tick.Asked
		}
	}
	if err := r.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	mustEvents(t, r)
	if _, signal := r.Result(); signal != "SIGTERM" {
		t.Errorf("ended by %q", signal)
	}
}

// Ticks come at their time, while nothing happens.
func TestTicks(t *testing.T) {
	res := mustRun(t, Options{Argv: []string{"sleep", "0.5"}, Tick: 100 * time.Millisecond}, idleKernel)
	if n := len(only[*capture.Tick](res.events)); n < 2 || n > 10 {
		t.Errorf("%d ticks in half a second", n)
	}
}
