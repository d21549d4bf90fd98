//go:build linux

package live

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tracer is a tracer in a process of its own, without the kernel side.
type tracer struct {
	t   *testing.T
	cmd *exec.Cmd
	out *bufio.Reader
}

// mustTracer starts one for a command.
func mustTracer(t *testing.T, attr *syscall.SysProcAttr, argv ...string) *tracer {
	t.Helper()
	return startTracer(t, attr, nil, argv)
}

// mustTracerOn starts one in the foreground of a terminal.
func mustTracerOn(t *testing.T, terminal *os.File, argv ...string) *tracer {
	t.Helper()
	return startTracer(t, &syscall.SysProcAttr{Setsid: true, Setctty: true}, terminal, argv)
}

func startTracer(t *testing.T, attr *syscall.SysProcAttr, stdin *os.File, argv []string) *tracer {
	t.Helper()
	needRoot(t)
	cmd := exec.Command("/proc/self/exe", argv...)
	cmd.Args[0] = "gopx-trace"
	cmd.Env = append(os.Environ(), "GOPX_TEST_TRACER=1")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = attr
	if stdin != nil {
		cmd.Stdin = stdin
	}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return &tracer{t: t, cmd: cmd, out: bufio.NewReader(pipe)}
}

// line returns the next line that the command prints.
func (tr *tracer) line() string {
	tr.t.Helper()
	s, err := tr.out.ReadString('\n')
	if err != nil {
		tr.t.Fatalf("%q: %v", s, err)
	}
	return strings.TrimSpace(s)
}

// If the tracer is killed the command goes on, what it executes is not held up,
// and the next run removes what was left.
func TestKilledTracer(t *testing.T) {
	tr := mustTracer(t, nil, "sh", "-c", "echo $$; read x < $0; /bin/echo executed; grep 0:: /proc/self/cgroup; exec sleep 60", mustFIFO(t))
	pid, err := strconv.Atoi(tr.line())
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(pid, syscall.SIGKILL)
	if err := tr.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.cmd.Process.Wait(); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, tr.cmd.Args[len(tr.cmd.Args)-1], "go on\n")
	if s := tr.line(); s != "executed" {
		t.Errorf("%q", s)
	}
	_, left, _ := strings.Cut(tr.line(), "0::")
	if !strings.Contains(left, fmt.Sprintf("%s%d-", ownedPrefix, tr.cmd.Process.Pid)) {
		t.Fatalf("the command runs in %q", left)
	}
	mustRun(t, Options{Argv: []string{"true"}}, idleKernel)
	parents, err := groupParents(proc)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(left)
	for _, dir := range append(parents, keyDirParent()) {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left in %s (%v)", name, dir, err)
		}
	}
	if err := syscall.Kill(pid, 0); err != nil {
		t.Errorf("the command did not survive the cleaning: %v", err)
	}
}

// A tracer that is killed while an exec waits for it lets that go on too.
func TestTracerKilledWhileAnExecWaits(t *testing.T) {
	held := filepath.Join(t.TempDir(), "held")
	b, err := os.ReadFile("/bin/echo")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(held, b, 0o755); err != nil {
		t.Fatal(err)
	}
	tr := mustTracer(t, nil, "sh", "-c", "echo ready; $0 went on", held)
	if s := tr.line(); s != "ready" {
		t.Fatalf("%q", s)
	}
	time.Sleep(50 * time.Millisecond) // for the exec to arrive at the gate
	if err := tr.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if s := tr.line(); s != "went on" {
		t.Errorf("%q", s)
	}
	mustRun(t, Options{Argv: []string{"true"}}, idleKernel) // which cleans up
}

// mustFIFO makes one for a command to wait on.
func mustFIFO(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// Descriptors that a shell opened for the command keep their numbers.
func TestInheritedDescriptors(t *testing.T) {
	needRoot(t)
	cmd := exec.Command("sh", "-c", `exec 3<<END 7>&1
three
END
exec "$0" sh -c 'cat <&3; echo seven >&7'`, "/proc/"+strconv.Itoa(os.Getpid())+"/exe")
	cmd.Env = append(os.Environ(), "GOPX_TEST_TRACER=1")
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "three\nseven\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// A low limit of descriptors stays the command's, and does not stop us.
func TestFewDescriptors(t *testing.T) {
	needRoot(t)
	for _, limit := range []string{"-n 48", "-Sn 48"} {
		script := "ulimit " + limit + `; ulimit -Sn; ulimit -Hn; "$0" sh -c 'ulimit -Sn; ulimit -Hn; grep "Max open" /proc/$PPID/limits'`
		cmd := exec.Command("sh", "-c", script, "/proc/"+strconv.Itoa(os.Getpid())+"/exe")
		cmd.Env = append(os.Environ(), "GOPX_TEST_TRACER=1")
		out, err := cmd.CombinedOutput()
		f := strings.Fields(string(out))
		if err != nil || len(f) < 9 || f[0] != "48" || f[2] != "48" || f[3] != f[1] {
			t.Fatalf("ulimit %s: %v: %s", limit, err, out)
		}
		if ours, err := strconv.Atoi(f[7]); (err != nil || ours < maxDescriptors) && mayRaise(t) {
			t.Errorf("ulimit %s: ours is %q", limit, f[7])
		}
	}
}

// mayRaise reports whether hard limits may be raised (CAP_SYS_RESOURCE, which
// containers withhold from root too).
func mayRaise(t *testing.T) bool {
	t.Helper()
	status := mustRead(t, "/proc/self/status")
	_, after, _ := strings.Cut(status, "CapEff:\t")
	caps, err := strconv.ParseUint(strings.Fields(after)[0], 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return caps&(1<<unix.CAP_SYS_RESOURCE) != 0
}

// The mounts of the command are not cut off from those of the machine: what it
// mounts below a shared mount is there for others.
func TestMountPropagationIsKept(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	// All in a mount namespace of its own, so that the machine sees nothing.
	cmd := exec.Command("sh", "-c", `mount --make-rshared / && "$0" mount -t tmpfs gopx-test "$1" && grep -c gopx-test /proc/self/mountinfo`,
		"/proc/"+strconv.Itoa(os.Getpid())+"/exe", dir)
	cmd.Env = append(os.Environ(), "GOPX_TEST_TRACER=1")
	// Unlike Cloneflags, Unshareflags makes the mounts private first.
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "1\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// sudo by an ordinary user: the command gets that user's identity, groups and
// environment, with what was set by name on top, and leaves no file of root.
func TestSudo(t *testing.T) {
	needRoot(t)
	name := mustUser(t)
	exe := mustShareExecutable(t)
	home := mustOutput(t, name, "echo $HOME")
	script := `id -un; id -G; echo $HOME; echo "$HTTPS_PROXY|$GOPROXY|$SET|$ENV"; env | grep -c ^SUDO_; command -v only-theirs; mkdir -p $HOME/go/pkg/mod; touch $HOME/go/pkg/mod/x; stat -c %U $HOME/go/pkg/mod/x; test -w $SSLKEYLOGFILE && echo writable`
	line := fmt.Sprintf(`mkdir -p $HOME/bin; printf '#!/bin/sh\n' > $HOME/bin/only-theirs; chmod +x $HOME/bin/only-theirs
PATH=$HOME/bin:$PATH HTTPS_PROXY=http://u.test GOPROXY=https://user.test ENV=theirs sudo -n SET=1 GOPX_TEST_TRACER=1 env GOPROXY=off %s sh -c '%s'`, exe, script)
	got := mustOutput(t, name, line)
	want := strings.Join([]string{
		name, mustOutput(t, name, "id -G"), home, "http://u.test|off|1|theirs", "0",
		home + "/bin/only-theirs", name, "writable",
	}, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// On a terminal sudo puts a process of its own between the user and us
// (use_pty): the groups are still those of the user who called it.
func TestSudoOnATerminal(t *testing.T) {
	needRoot(t)
	if _, err := exec.LookPath("script"); err != nil {
		t.Skip(err)
	}
	name := mustUser(t)
	mustAppend(t, "/etc/sudoers.d/"+name, "Defaults:"+name+" use_pty\n")
	// Into a file: the terminal adds to the output what it echoes.
	line := fmt.Sprintf(`script -qec 'sudo -n GOPX_TEST_TRACER=1 %s sh -c "id -G >$HOME/groups"' /dev/null </dev/null >/dev/null
cat $HOME/groups`, mustShareExecutable(t))
	got := mustOutput(t, name, line)
	if want := mustOutput(t, name, "id -G"); got != want {
		t.Errorf("groups %q, want %q", got, want)
	}
}

// mustUser creates an ordinary user that may use sudo, for the time of a test.
func mustUser(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"sudo", "useradd", "userdel", "setpriv"} {
		if _, err := exec.LookPath(tool); err != nil && os.Getenv("CI") != "true" {
			t.Skip(err)
		}
	}
	name := fmt.Sprintf("gopxtest%d", os.Getpid())
	rule := "/etc/sudoers.d/" + name
	if out, err := exec.Command("useradd", "-m", "-s", "/bin/sh", "-G", "users", name).CombinedOutput(); err != nil {
		t.Fatalf("useradd: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("userdel", "-r", name).CombinedOutput(); err != nil {
			t.Errorf("userdel: %v %s", err, out)
		}
		if err := os.Remove(rule); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(rule, []byte(name+" ALL=(ALL) NOPASSWD: SETENV: ALL\n"), 0o440); err != nil {
		t.Fatal(err)
	}
	return name
}

// mustShareExecutable copies the test binary where any user can run it.
func mustShareExecutable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gopx-trace-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(dir, "gopx-trace")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(exe, b, 0o755)); err != nil {
		t.Fatal(err)
	}
	return exe
}

// mustOutput runs a script as a user in a login environment.
func mustOutput(t *testing.T, name, script string) string {
	t.Helper()
	cmd := exec.Command("setpriv", "--reuid="+name, "--regid="+name, "--init-groups", "--reset-env", "sh", "-c", script)
	cmd.Dir = "/"
	cmd.WaitDelay = 30 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return strings.TrimSpace(string(out))
}
