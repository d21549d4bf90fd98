//go:build linux

package live

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopx-trace/gopx-trace/bpf"
	"github.com/gopx-trace/gopx-trace/capture/live/gate"
	"github.com/gopx-trace/gopx-trace/capture/live/invoker"
)

func TestStartErrors(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	orphan := filepath.Join(dir, "orphan")
	if err := os.WriteFile(orphan, []byte("#!/no/such/interpreter\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		argv []string
		load func(bpf.Options) (kernel, error)
		code int
		text string
		hint string
	}{
		{"empty", nil, idleKernel, 125, "no command", "gopx-trace go"},
		{"not in PATH", []string{"no-such-command"}, idleKernel, 127, "command not found: no-such-command", "of PATH"},
		{"no such file", []string{dir + "/absent"}, idleKernel, 127, "command not found", "ls -l"},
		{"no x bit", []string{plain}, idleKernel, 126, "not executable", "ls -ld"},
		{"a directory", []string{dir}, idleKernel, 126, "not executable", "ls -ld"},
		{"no interpreter", []string{orphan}, idleKernel, 126, "not executable", "ls -ld"},
		{"no rights", []string{"true", "a b"}, failing(bpf.ErrNotPermitted), 125, "root lacks rights", "--privileged"},
		{"no BTF", []string{"true"}, failing(bpf.ErrNoBTF), 125, "BTF", "CONFIG_DEBUG_INFO_BTF"},
		{"old kernel", []string{"true"}, failing(bpf.ErrKernelTooOld), 125, "too old", "needs Linux"},
		{"no descriptors", []string{"true"}, failing(fmt.Errorf("map: %w", syscall.EMFILE)), 125, "too few file descriptors", "ulimit -n"},
		{"no cgroup2", []string{"true"}, failing(bpf.ErrNoCgroup2), 125, "cgroup2", "mount -t cgroup2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := startWith(t.Context(), Options{Argv: tt.argv, Env: os.Environ()}, tt.load)
			var e *StartError
			if !errors.As(err, &e) {
				t.Fatalf("error %v (%T)", err, err)
			}
			if e.Code != tt.code || !strings.Contains(e.Error(), tt.text) {
				t.Errorf("code %d, %q; want %d, %q", e.Code, e, tt.code, tt.text)
			}
			if !strings.Contains(strings.Join(e.Hints, "\n"), tt.hint) {
				t.Errorf("hints %q, want %q", e.Hints, tt.hint)
			}
		})
	}
	mustLeaveNothing(t)
}

// What the system lacks is told as what it is, with the command that helps.
func TestSystemLacks(t *testing.T) {
	needRoot(t)
	for _, tt := range []struct{ name, lack, text, hint string }{
		{"a writable cgroup2", "mount -o remount,ro,bind " + cgroupPoint(proc), "no cgroup can be made", "remount,rw " + cgroupPoint(proc)},
		{"proc", "umount -l /proc", "no proc file system", "mount -t proc"},
		{"descriptors", "ulimit -n 8", "too few file descriptors", "ulimit -n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			exe, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			// All in a mount namespace of its own, so that the machine sees nothing.
			cmd := exec.Command("sh", "-c", tt.lack+` && exec "$0" true`, exe)
			cmd.Env = append(os.Environ(), "GOPX_TEST_TRACER=1")
			cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != exitFailure || !strings.Contains(string(out), tt.text) || !strings.Contains(string(out), tt.hint) {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// Ctrl-C while the kernel side is being loaded ends what would be the command.
func TestSignalBeforeTheCommand(t *testing.T) {
	needRoot(t)
	load := func(o bpf.Options) (kernel, error) {
		stub := 0
		for gone := false; !gone; time.Sleep(time.Millisecond) {
			for _, pid := range groupPIDs(o.Cgroup) {
				stub = pid
				line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
				if err == nil && strings.HasPrefix(string(line), StubName) {
					gone = syscall.Kill(pid, syscall.SIGINT) == nil
				}
			}
		}
		for { // its cgroup is empty before its pipes are closed
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", stub))
			if err != nil || strings.Contains(string(stat), ") Z ") {
				return &fakeKernel{}, nil
			}
			time.Sleep(time.Millisecond)
		}
	}
	_, err := startWith(t.Context(), Options{Argv: []string{"true"}, Env: os.Environ()}, load)
	var e *StartError
	if !errors.As(err, &e) || e.Code != 128+int(syscall.SIGINT) || !strings.Contains(e.Error(), "SIGINT") {
		t.Errorf("error %v, want SIGINT and %d", err, 128+int(syscall.SIGINT))
	}
	mustLeaveNothing(t)
}

func failing(err error) func(bpf.Options) (kernel, error) {
	return func(bpf.Options) (kernel, error) { return nil, err }
}

// mustLeaveNothing checks that this process has no cgroup and no directory left.
func mustLeaveNothing(t *testing.T) {
	t.Helper()
	name, err := ownedName(proc)
	if err != nil {
		t.Fatal(err)
	}
	parents, err := groupParents(proc)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range append(parents, keyDirParent()) {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s is left in %s", name, dir)
		}
	}
}

// Without a gate the probes are placed ahead, into the command, go and the
// toolchains of the module cache.
func TestWithoutGate(t *testing.T) {
	root := t.TempDir()
	goExe := filepath.Join(root, "go", "bin", "go")
	toolchain := filepath.Join(root, "cache", "golang.org", "toolchain@v0.0.1-go1.99.0.linux-amd64", "bin", "go")
	command := filepath.Join(root, "command")
	for _, name := range []string{goExe, toolchain, command} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, nil, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(root, "go", "pkg", "tool"), 0o755); err != nil {
		t.Fatal(err)
	}
	var probed []string
	attach := func(path string) error {
		name, err := os.Readlink(path)
		probed = append(probed, name)
		return err
	}
	s := &starting{run: &Run{}, exe: command, inv: invoker.Invoker{User: invoker.Self()}}
	s.inv.Env = []string{"PATH=" + filepath.Dir(goExe), "GOMODCACHE=" + filepath.Join(root, "cache"), "HOME=" + root}
	s.run.examiner = gate.NewExaminer(attach, bpf.ErrNoGoTLS)
	s.withoutGate(errors.ErrUnsupported)
	want := []string{goExe, toolchain, command}
	slices.Sort(want)
	slices.Sort(probed)
	if diff := cmp.Diff(want, probed); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if len(s.run.unseen) != 1 || !strings.Contains(s.run.unseen[0], "cannot be held") {
		t.Errorf("%q", s.run.unseen)
	}
}

// A key log variable that is set to nothing is replaced: a C program would find
// the first of two.
func TestEmptyKeyLogVariable(t *testing.T) {
	env := append([]string{keyLogVariable + "="}, unset(os.Environ(), keyLogVariable)...)
	res := mustRun(t, Options{Argv: []string{"env"}, Env: env}, idleKernel)
	var got []string
	for line := range strings.Lines(res.out) {
		if strings.HasPrefix(line, keyLogVariable+"=") {
			got = append(got, line)
		}
	}
	if len(got) != 1 || !strings.HasSuffix(got[0], "/keys.log\n") {
		t.Errorf("%q, want one that names our key log", got)
	}
	if env[0] != keyLogVariable+"=" {
		t.Errorf("the caller's environment was changed: %q", env[0])
	}
}

func TestCandidates(t *testing.T) {
	for _, tt := range []struct {
		name string
		env  []string
		want []string
	}{
		{"go", []string{"PATH=/a:/b"}, []string{"/a/go", "/b/go"}},
		{"go", []string{"PATH=:/b:"}, []string{"./go", "/b/go", "./go"}},
		{"go", []string{"PATH="}, []string{"./go"}},
		{"go", nil, []string{"/bin/go", "/usr/bin/go"}},
		{"./go", []string{"PATH=/a"}, []string{"./go"}},
		{"/x/go", nil, []string{"/x/go"}},
	} {
		if diff := cmp.Diff(tt.want, candidates(tt.name, tt.env)); diff != "" {
			t.Errorf("%s in %v: -want +got\n%s", tt.name, tt.env, diff)
		}
	}
}

// The process id of another PID namespace is not looked up in ours, where it is
// nobody's or another's.
func TestForeignProcessIDs(t *testing.T) {
	s := &session{foreign: true, examiner: gate.NewExaminer(func(string) error { return bpf.ErrNoGoTLS }, bpf.ErrNoGoTLS)}
	v := s.verdict(&bpf.Sample{Kind: bpf.KindExec, PID: uint32(os.Getpid())})
	if v.TLS != "" || !strings.Contains(v.Missing, "PID namespace") {
		t.Errorf("%+v", v)
	}
}
