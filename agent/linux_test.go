//go:build linux

package agent

import (
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The tables are those of the host that runs this test, where a number has one
// name only.
func TestNumbersAreLinux(t *testing.T) {
	aliases := map[string]bool{"ENOTSUP": true, "EFSCORRUPTED": true, "EWOULDBLOCK": true, "EDEADLOCK": true}
	for n := uint32(1); n < uint32(len(linuxErrnos)); n++ {
		if want := unix.ErrnoName(syscall.Errno(n)); !aliases[want] && linuxErrnos[n] != want {
			t.Errorf("errno %d is %s, not %s", n, want, errnoName(n))
		}
	}
	for n := uint32(1); n < 32; n++ {
		if want := unix.SignalName(syscall.Signal(n)); signalName(n) != want {
			t.Errorf("signal %d is %s, not %s", n, want, signalName(n))
		}
	}
	if linuxInProgress != unix.EINPROGRESS || linuxStream != unix.SOCK_STREAM || linuxTCP != unix.IPPROTO_TCP {
		t.Error("a number is not that of this host")
	}
}

func TestExitStatus(t *testing.T) {
	for _, status := range []uint32{0, 1 << 8, 255 << 8, 9, 15, 11 | 0x80, 34} {
		w := syscall.WaitStatus(status)
		code, signal := exitStatus(status)
		switch {
		case w.Exited() && (code == nil || *code != w.ExitStatus() || signal != ""):
			t.Errorf("%#x: got %v %q", status, code, signal)
		case w.Signaled() && (code != nil || signal == ""):
			t.Errorf("%#x: got %v %q", status, code, signal)
		}
	}
}

func TestUnknownNumbers(t *testing.T) {
	if got := errnoName(4242); got != "errno 4242" {
		t.Errorf("got %q", got)
	}
	if got := signalName(64); got != "signal 64" {
		t.Errorf("got %q", got)
	}
}
