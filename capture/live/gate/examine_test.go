//go:build linux

package gate

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// An exec that did not pass a gate is examined late, and says so the first time.
func TestLate(t *testing.T) {
	x := NewExaminer(func(string) error { return nil }, errAbsent)
	pid := uint32(os.Getpid())
	if v := x.Late(pid); v.TLS != goTLS || !strings.Contains(v.Missing, "after it had started") {
		t.Errorf("first: %+v", v)
	}
	if v := x.Late(pid); v.TLS != goTLS || v.Missing != "" {
		t.Errorf("again: %+v", v)
	}
	if v := x.Late(1 << 30); v.TLS != "" || v.Missing == "" {
		t.Errorf("no such process: %+v", v)
	}
}

func TestVerdicts(t *testing.T) {
	broken := errors.New("no room for a probe")
	for _, tt := range []struct {
		name    string
		attach  error
		tls     string
		missing string
	}{
		{"Go", nil, goTLS, ""},
		{"something else", errAbsent, noTLS, ""},
		{"failed", broken, "", "no room for a probe"},
	} {
		x := NewExaminer(func(string) error { return tt.attach }, errAbsent)
		v, err := x.Path("/proc/self/exe")
		if err != nil || v.TLS != tt.tls || !strings.Contains(v.Missing, tt.missing) || (v.Missing == "") != (tt.missing == "") {
			t.Errorf("%s: %+v, %v", tt.name, v, err)
		}
		var st unix.Stat_t
		if err := unix.Stat("/proc/self/exe", &st); err != nil {
			t.Fatal(err)
		}
		if known, ok := x.Known(st.Dev, st.Ino); !ok || known != v {
			t.Errorf("%s: known %+v, %v", tt.name, known, ok)
		}
	}
}

func TestPathRefuses(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	x := NewExaminer(func(string) error { return nil }, errAbsent)
	for _, name := range []string{fifo, t.TempDir(), "/no/such/file"} {
		if v, err := x.Path(name); err == nil {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// The TLS library of real programs is told.
func TestLinkedTLS(t *testing.T) {
	for name, want := range map[string]string{"curl": openSSL, "openssl": openSSL, "true": noTLS} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Logf("%s is not there", name)
			continue
		}
		if got := linkedTLS(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
