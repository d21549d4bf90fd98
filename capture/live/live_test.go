package live

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/bpf"
	"github.com/gopx-trace/gopx-trace/capture"
)

// TestMain lets the test binary be what the real one is when it is started
// again: the stub, and a tracer of its own for the tests that kill one.
func TestMain(m *testing.M) {
	switch {
	case os.Args[0] == StubName:
		Stub()
	case os.Getenv("GOPX_TEST_TRACER") != "":
		os.Exit(tracerMain(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// tracerMain traces a command and prints nothing of its own.
func tracerMain(argv []string) int {
	env := os.Environ()
	for i, kv := range env {
		if strings.HasPrefix(kv, "GOPX_TEST_TRACER=") {
			env = append(env[:i], env[i+1:]...)
			break
		}
	}
	r, err := startWith(context.Background(), Options{Argv: argv, Env: env}, idleKernel)
	if err != nil {
		var e *StartError
		if errors.As(err, &e) {
			os.Stderr.WriteString("gopx-trace: error: " + e.Error() + "\n")
			return e.Code
		}
		return exitFailure
	}
	for err == nil {
		_, err = r.Next()
	}
	code, _ := r.Result()
	return code
}

// fakeKernel stands in for bpf: it yields the samples it is given.
type fakeKernel struct {
	mu      sync.Mutex
	samples []bpf.Sample
	lost    [2]uint64
	closed  bool
}

func idleKernel(bpf.Options) (kernel, error) { return &fakeKernel{}, nil }

func (k *fakeKernel) AttachTLS(string) error { return bpf.ErrNoGoTLS }
func (k *fakeKernel) Missing() []string      { return []string{"what the kernel side misses"} }
func (k *fakeKernel) Lost() (uint64, uint64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.lost[0], k.lost[1], nil
}

func (k *fakeKernel) Read(s *bpf.Sample) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.closed:
		return os.ErrClosed
	case len(k.samples) == 0:
		k.mu.Unlock()
		time.Sleep(5 * time.Millisecond)
		k.mu.Lock()
		return os.ErrDeadlineExceeded
	}
	*s, k.samples = k.samples[0], k.samples[1:]
	return nil
}

func (k *fakeKernel) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	return nil
}

// needRoot skips where a cgroup cannot be made.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root for cgroups and mount namespaces")
	}
}

// outcome is all that a run gave.
type outcome struct {
	events      []capture.Event
	out, errOut string
	code        int
	signal      string
}

// mustRun runs a command under load to its end.
func mustRun(t *testing.T, o Options, load func(bpf.Options) (kernel, error)) outcome {
	t.Helper()
	needRoot(t)
	out, errOut := mustTemp(t), mustTemp(t)
	o.Stdout, o.Stderr = out, errOut
	if o.Env == nil {
		o.Env = os.Environ()
	}
	r, err := startWith(t.Context(), o, load)
	if err != nil {
		t.Fatal(err)
	}
	res := outcome{events: mustEvents(t, r)}
	res.code, res.signal = r.Result()
	res.out, res.errOut = mustRead(t, out.Name()), mustRead(t, errOut.Name())
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	mustBeGone(t, r)
	return res
}

// mustEvents reads a run to its end. What is valid only until the next event is
// copied.
func mustEvents(t *testing.T, r *Run) []capture.Event {
	t.Helper()
	var events []capture.Event
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return events
		}
		if err != nil {
			t.Fatal(err)
		}
		switch v := e.(type) {
		case *capture.Packet:
			c := *v
			c.Data = bytes.Clone(v.Data)
			e = &c
		case *capture.Secret:
			c := *v
			c.ClientRandom, c.Secret = bytes.Clone(v.ClientRandom), bytes.Clone(v.Secret)
			e = &c
		}
		events = append(events, e)
	}
}

// mustBeGone checks that nothing of a run is left on the system.
func mustBeGone(t *testing.T, r *Run) {
	t.Helper()
	if _, err := os.Stat(r.group.dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there", r.group.dir)
	}
	if r.keys != nil {
		if _, err := os.Stat(r.keys.dir); !os.IsNotExist(err) {
			t.Errorf("%s is still there", r.keys.dir)
		}
	}
}

func mustTemp(t *testing.T) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func mustRead(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// only returns the events of one type.
func only[E capture.Event](events []capture.Event) []E {
	var list []E
	for _, e := range events {
		if v, ok := e.(E); ok {
			list = append(list, v)
		}
	}
	return list
}

func TestExitCodes(t *testing.T) {
	for _, tt := range []struct {
		script string
		code   int
		signal string
	}{
		{"exit 0", 0, ""},
		{"exit 7", 7, ""},
		{"exit 255", 255, ""},
		{"kill -TERM $$", 128 + 15, "SIGTERM"},
		{"kill -KILL $$", 128 + 9, "SIGKILL"},
	} {
		t.Run(tt.script, func(t *testing.T) {
			res := mustRun(t, Options{Argv: []string{"sh", "-c", tt.script}}, idleKernel)
			if res.code != tt.code || res.signal != tt.signal {
				t.Errorf("result %d %q, want %d %q", res.code, res.signal, tt.code, tt.signal)
			}
			exit := only[*capture.Exit](res.events)
			if len(exit) != 1 || exit[0].Signal != tt.signal || exit[0].Interrupted {
				t.Fatalf("exit events %+v", exit)
			}
			if want := map[bool]int{true: -1, false: tt.code}[tt.signal != ""]; exit[0].Code != want {
				t.Errorf("code of the exit event %d, want %d", exit[0].Code, want)
			}
		})
	}
}

func TestOrderOfEvents(t *testing.T) {
	res := mustRun(t, Options{Argv: []string{"true"}}, idleKernel)
	var kinds []string
	for _, e := range res.events {
		switch e.(type) {
		case *capture.Command:
			kinds = append(kinds, "command")
		case *capture.Environment:
			kinds = append(kinds, "environment")
		case *capture.Exit:
			kinds = append(kinds, "exit")
		case *capture.NotSeen:
			kinds = append(kinds, "not seen")
		default:
			t.Errorf("unexpected %T", e)
		}
	}
	if got, want := strings.Join(kinds, " "), "command environment exit not seen"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestStandardStreams(t *testing.T) {
	in := mustTemp(t)
	if _, err := in.WriteString("from stdin"); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	res := mustRun(t, Options{Argv: []string{"sh", "-c", "cat; echo complaint >&2"}, Stdin: in}, idleKernel)
	if res.out != "from stdin" || res.errOut != "complaint\n" {
		t.Errorf("stdout %q, stderr %q", res.out, res.errOut)
	}
}

// The command finds what it would find without us: environment, directory,
// descriptors, limits, signal dispositions.
func TestCommandFindsNothingChanged(t *testing.T) {
	dir := t.TempDir()
	script := `echo "$A|$(pwd)|$0"; ls /proc/self/fd; ulimit -n; umask; grep -E 'Sig(Blk|Ign)|NoNewPrivs|Seccomp:|CapEff' /proc/self/status`
	plain := exec.Command("sh", "-c", script)
	plain.Dir, plain.Env = dir, append(os.Environ(), "A=x y")
	want, err := plain.Output()
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	res := mustRun(t, Options{Argv: plain.Args, Dir: dir, Env: plain.Env, Stdin: null}, idleKernel)
	if res.out != string(want) {
		t.Errorf("under observation\n%s\nwithout\n%s", res.out, want)
	}
}

func TestBytesThatAreNoText(t *testing.T) {
	res := mustRun(t, Options{Argv: []string{"printf", "%s", "\xff\xfe"}}, idleKernel)
	if res.out != "\xff\xfe" {
		t.Errorf("%q", res.out)
	}
}

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
		{"not in PATH", []string{"no-such-command"}, idleKernel, 127, "command not found: no-such-command", "PATH="},
		{"no such file", []string{dir + "/absent"}, idleKernel, 127, "command not found", "ls -l"},
		{"no x bit", []string{plain}, idleKernel, 126, "not executable", "ls -ld"},
		{"a directory", []string{dir}, idleKernel, 126, "not executable", "ls -ld"},
		{"no interpreter", []string{orphan}, idleKernel, 126, "not executable", "ls -ld"},
		{"no rights", []string{"true", "a b"}, failing(bpf.ErrNotPermitted), 125, "needs root", "sudo gopx-trace -- true 'a b'"},
		{"no BTF", []string{"true"}, failing(bpf.ErrNoBTF), 125, "BTF", "CONFIG_DEBUG_INFO_BTF"},
		{"old kernel", []string{"true"}, failing(bpf.ErrKernelTooOld), 125, "too old", "needs Linux"},
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

func TestScriptWithoutInterpreterLine(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("echo ran $1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	res := mustRun(t, Options{Argv: []string{script, "it"}}, idleKernel)
	if res.out != "ran it\n" {
		t.Errorf("%q", res.out)
	}
}

func TestContextEndsTheCommand(t *testing.T) {
	needRoot(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	r, err := startWith(ctx, Options{Argv: []string{"sleep", "60"}, Env: os.Environ()}, idleKernel)
	if err != nil {
		t.Fatal(err)
	}
	mustEvents(t, r)
	if code, sig := r.Result(); code != 128+int(syscall.SIGTERM) || sig != "SIGTERM" {
		t.Errorf("result %d %s", code, sig)
	}
}

func TestLeftProcessesGoOn(t *testing.T) {
	res := mustRun(t, Options{Argv: []string{"sh", "-c", "sleep 3 & echo $!"}}, idleKernel)
	var found bool
	for _, n := range only[*capture.NotSeen](res.events) {
		found = found || strings.Contains(n.Text, "sleep (pid "+strings.TrimSpace(res.out)+")")
	}
	if !found {
		t.Errorf("nothing said of %s: %v", res.out, res.events)
	}
	if _, err := os.Stat("/proc/" + strings.TrimSpace(res.out)); err != nil {
		t.Error("the process was ended")
	}
}
