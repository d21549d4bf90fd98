//go:build linux

package gate

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var errAbsent = errors.New("no Go TLS")

// namespace is a shell in a mount namespace of its own, under a gate.
type namespace struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// mustNamespace starts a shell that reads commands.
func mustNamespace(t *testing.T) *namespace {
	t.Helper()
	switch {
	case os.Geteuid() == 0:
	case os.Getenv("CI") == "true":
		t.Fatal("CI must run this as root")
	default:
		t.Skip("needs root for a mount namespace and fanotify")
	}
	cmd := exec.Command("/bin/sh")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	n := &namespace{t: t, cmd: cmd, in: in, out: bufio.NewReader(out)}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	return n
}

// run has the shell run a line and returns its output.
func (n *namespace) run(line string) string {
	n.t.Helper()
	if _, err := fmt.Fprintf(n.in, "%s\necho END\n", line); err != nil {
		n.t.Fatal(err)
	}
	var out strings.Builder
	for {
		s, err := n.out.ReadString('\n')
		if err != nil {
			n.t.Fatalf("%s: %v after %q", line, err, out.String())
		}
		if s == "END\n" {
			return out.String()
		}
		out.WriteString(s)
	}
}

// gate opens a gate around the shell.
func (n *namespace) gate(attach func(string) error) *Gate {
	n.t.Helper()
	dir := fmt.Sprintf("/proc/%d", n.cmd.Process.Pid)
	g, err := New(Options{
		Examiner: NewExaminer(attach, errAbsent), Root: dir + "/root", Mounts: dir + "/mountinfo",
	})
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, os.ErrPermission) {
		n.t.Skip(err)
	}
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { g.Close() })
	return g
}

// attachRecorder notes what it is asked to attach to.
type attachRecorder struct {
	mu    sync.Mutex
	paths []string
}

func (a *attachRecorder) attach(path string) error {
	name, err := os.Readlink(path)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.paths = append(a.paths, name)
	return errors.Join(err, errAbsent)
}

func (a *attachRecorder) seen(path string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, p := range a.paths {
		if p == path {
			n++
		}
	}
	return n
}

func TestGateExaminesBeforeExec(t *testing.T) {
	n := mustNamespace(t)
	exe := mustCopy(t, "/bin/true", t.TempDir())
	var rec attachRecorder
	g := n.gate(rec.attach)
	for range 3 {
		n.run(exe)
	}
	if got := rec.seen(exe); got != 1 {
		t.Errorf("examined %d times, want once", got)
	}
	s := g.Stats()
	if s.Mounts == 0 || s.Execs < 3 || s.Examined < 1 || len(s.Unmarked) != 0 {
		t.Errorf("stats %+v", s)
	}
}

// A file that is written anew is another executable, though its inode is the same.
func TestGateExaminesRewrittenFile(t *testing.T) {
	n := mustNamespace(t)
	exe := mustCopy(t, "/bin/true", t.TempDir())
	var rec attachRecorder
	n.gate(rec.attach)
	n.run(exe)
	b, err := os.ReadFile("/bin/echo")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(exe, b, 0o755); err != nil {
		t.Fatal(err)
	}
	if out := n.run(exe + " again"); out != "again\n" {
		t.Errorf("output %q", out)
	}
	if got := rec.seen(exe); got != 2 {
		t.Errorf("examined %d times, want 2", got)
	}
}

// An exec waits until the examination is over, and nobody outside waits.
func TestGateHoldsOnlyItsNamespace(t *testing.T) {
	n := mustNamespace(t)
	dir := t.TempDir()
	exe := mustCopy(t, "/bin/true", dir)
	entered, leave := make(chan bool), make(chan bool)
	var once sync.Once
	n.gate(func(path string) error {
		once.Do(func() { entered <- true; <-leave })
		return errAbsent
	})
	if _, err := fmt.Fprintf(n.in, "%s; echo ran\necho END\n", exe); err != nil {
		t.Fatal(err)
	}
	<-entered
	if out, err := exec.Command(exe).CombinedOutput(); err != nil {
		t.Errorf("outside of the namespace: %v %s", err, out)
	}
	ran := make(chan string)
	go func() { s, _ := n.out.ReadString('\n'); ran <- s }()
	select {
	case s := <-ran:
		t.Errorf("%q while the examination was under way", s)
	case <-time.After(50 * time.Millisecond):
	}
	close(leave)
	if s := <-ran; s != "ran\n" {
		t.Errorf("after it: %q", s)
	}
}

// A mount that comes later is watched too.
func TestGateFollowsMounts(t *testing.T) {
	n := mustNamespace(t)
	n.run("mount --make-rprivate /") // nothing must reach the machine
	dir := t.TempDir()
	var rec attachRecorder
	g := n.gate(rec.attach)
	before := g.Stats().Mounts
	n.run("mount -t tmpfs none " + dir)
	for start := time.Now(); g.Stats().Mounts == before; time.Sleep(time.Millisecond) {
		if time.Since(start) > 5*time.Second {
			t.Fatalf("the new mount was not watched: %+v %s", g.Stats(), n.run("grep "+dir+" /proc/self/mountinfo"))
		}
	}
	exe := filepath.Join(dir, "true")
	n.run("cp /bin/true " + exe + " && " + exe)
	if got := rec.seen(exe); got != 1 {
		t.Errorf("examined %d times on the new mount, want once", got)
	}
}

// Without descriptors an exec is let through unexamined, and said so; with them
// again it is examined.
func TestGateWithoutDescriptors(t *testing.T) {
	n := mustNamespace(t)
	exe := mustCopy(t, "/bin/true", t.TempDir())
	var rec attachRecorder
	g := n.gate(rec.attach)
	mustRunOut(t, func() {
		for range 20 {
			if out := n.run(exe + " && echo ran"); out != "ran\n" {
				t.Fatalf("the exec was refused: %q", out)
			}
		}
	})
	if seen := rec.seen(exe); seen != 0 {
		t.Errorf("examined %d times", seen)
	}
	told := 0
	for _, of := range g.notes {
		for _, note := range of {
			if strings.Contains(note.verdict.Missing, unix.EMFILE.Error()) {
				told++
			}
		}
	}
	if told == 0 {
		t.Error("nothing is missing")
	}
	n.run(exe)
	if seen := rec.seen(exe); seen != 1 {
		t.Errorf("examined %d times with descriptors again, want 1", seen)
	}
}

// mustRunOut takes all descriptors of this process while f runs.
func mustRunOut(t *testing.T, f func()) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 128, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	var taken []int
	defer func() {
		closeAll(taken)
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
			t.Error(err)
		}
	}()
	for {
		fd, err := unix.Dup(1)
		if err != nil {
			break
		}
		taken = append(taken, fd)
	}
	f()
}

func TestCloseReleases(t *testing.T) {
	n := mustNamespace(t)
	var rec attachRecorder
	g := n.gate(rec.attach)
	n.run("/bin/true")
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if out := n.run("/bin/echo on"); out != "on\n" {
		t.Errorf("after Close: %q", out)
	}
}

func TestExecTakesItsOwnNotes(t *testing.T) {
	g := &Gate{notes: map[uint32][]note{7: {
		{at: 10, verdict: Verdict{TLS: noTLS}},         // the script
		{at: 20, verdict: Verdict{TLS: openSSL}},       // its interpreter
		{at: 30, verdict: Verdict{TLS: noTLS}},         // the loader
		{at: 100, verdict: Verdict{TLS: "crypto/tls"}}, // the next exec of the same process
	}}}
	if v, ok := g.Exec(7, 50); !ok || v.TLS != openSSL {
		t.Errorf("first exec: %+v, %v", v, ok)
	}
	if v, ok := g.Exec(7, 60); ok {
		t.Errorf("nothing passed the gate between 50 and 60: %+v", v)
	}
	if v, ok := g.Exec(7, 110); !ok || v.TLS != goTLS {
		t.Errorf("second exec: %+v, %v", v, ok)
	}
	if len(g.notes) != 0 {
		t.Errorf("notes left: %v", g.notes)
	}
}

// A program whose secrets cannot be seen is told of, although the loader beside
// it has none.
func TestExecTellsWhatIsMissing(t *testing.T) {
	closed := Verdict{Missing: "no TLS probe in its executable"}
	for _, tt := range []struct{ program, loader, want Verdict }{
		{closed, Verdict{TLS: noTLS}, closed},
		{Verdict{TLS: goTLS}, Verdict{TLS: noTLS}, Verdict{TLS: goTLS}},
		{Verdict{TLS: noTLS}, closed, closed},
		{closed, Verdict{TLS: openSSL}, Verdict{TLS: openSSL}},
		{Verdict{}, Verdict{TLS: noTLS}, Verdict{TLS: noTLS}},
	} {
		g := &Gate{notes: map[uint32][]note{7: {{at: 10, verdict: tt.program}, {at: 20, verdict: tt.loader}}}}
		if v, ok := g.Exec(7, 50); !ok || v != tt.want {
			t.Errorf("%+v and %+v: %+v, want %+v", tt.program, tt.loader, v, tt.want)
		}
	}
}

func TestNotesAreBounded(t *testing.T) {
	g := &Gate{notes: map[uint32][]note{}, examiner: NewExaminer(func(string) error { return errAbsent }, errAbsent)}
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i := range maxPIDs + 10 {
		g.examine(int(f.Fd()), uint32(i))
	}
	for range 3 * maxNotes {
		g.examine(int(f.Fd()), 1)
	}
	if len(g.notes) > maxPIDs || len(g.notes[1]) > maxNotes {
		t.Errorf("%d processes, %d notes of one", len(g.notes), len(g.notes[1]))
	}
}

// TestPause measures what the gate costs an exec of a known and of a new
// executable, without a probe being placed.
func TestPause(t *testing.T) {
	if testing.Short() {
		t.Skip("a measurement")
	}
	n := mustNamespace(t)
	dir := t.TempDir()
	var fresh []string
	for i := range 100 {
		fresh = append(fresh, mustCopy(t, "/bin/true", dir, fmt.Sprint(i)))
	}
	exe := fresh[0]
	loop := func() time.Duration {
		start := time.Now()
		n.run("i=0; while [ $i -lt 100 ]; do " + exe + "; i=$((i+1)); done")
		return time.Since(start) / 100
	}
	var open, closed []time.Duration
	for range 5 {
		open = append(open, loop())
	}
	var rec attachRecorder
	n.gate(rec.attach)
	for range 5 {
		closed = append(closed, loop())
	}
	start := time.Now()
	n.run(strings.Join(fresh[1:], "\n"))
	first := time.Since(start) / time.Duration(len(fresh)-1)
	slices.Sort(open)
	slices.Sort(closed)
	t.Logf("fork+exec: without gate %v, known %v, never seen %v (medians of 5 x 100)", open[2], closed[2], first)
}

// mustCopy copies an executable into dir.
func mustCopy(t *testing.T, from, dir string, name ...string) string {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, filepath.Base(from)+strings.Join(name, ""))
	if err := os.WriteFile(to, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestMonotonicRuns(t *testing.T) {
	a := Monotonic()
	unix.Nanosleep(&unix.Timespec{Nsec: 1e6}, nil)
	if b := Monotonic(); b < a+1e6 {
		t.Errorf("%d then %d", a, b)
	}
}
