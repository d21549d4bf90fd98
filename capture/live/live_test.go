//go:build linux

package live

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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
			os.Stderr.WriteString("gopx-trace: error: " + e.Error() + "\n" + strings.Join(e.Hints, "\n") + "\n")
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
	bad     int // reads that fail at first
	closed  bool
}

func idleKernel(bpf.Options) (kernel, error) { return &fakeKernel{}, nil }

// AttachTLS never returns for an executable named held.
func (k *fakeKernel) AttachTLS(path string) error {
	if name, err := os.Readlink(path); err == nil && filepath.Base(name) == "held" {
		select {}
	}
	return bpf.ErrNoGoTLS
}

func (k *fakeKernel) DetachDeleted(uint64, uint64) bool { return false }

func (k *fakeKernel) Missing() []string { return []string{"what the kernel side misses"} }
func (k *fakeKernel) Lost() (uint64, uint64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.lost[0], k.lost[1], nil
}

func (k *fakeKernel) Read(s *bpf.Sample, wait time.Duration) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.closed:
		return os.ErrClosed
	case k.bad > 0:
		k.bad--
		return errors.New("a record that makes no sense")
	case len(k.samples) == 0:
		k.mu.Unlock()
		time.Sleep(min(wait, 5*time.Millisecond))
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

// Samples that cannot be read are counted as lost; too many of them end the
// observation, not the command.
func TestUnreadableSamples(t *testing.T) {
	for _, tt := range []struct {
		bad, lost int
		ended     bool
	}{{3, 3, false}, {1 << 30, maxFailing, true}} {
		k := &fakeKernel{bad: tt.bad}
		res := mustRun(t, Options{Argv: []string{"sh", "-c", "sleep 0.1; exit 7"}}, func(bpf.Options) (kernel, error) { return k, nil })
		var lost int
		for _, l := range only[*capture.Lost](res.events) {
			lost += int(l.Events)
		}
		told := false
		for _, n := range only[*capture.NotSeen](res.events) {
			told = told || strings.Contains(n.Text, "observation ended")
		}
		if lost != tt.lost || told != tt.ended || res.code != 7 {
			t.Errorf("%d bad samples: %d lost, end told: %v, code %d", tt.bad, lost, told, res.code)
		}
	}
}

// Losses of the kernel side are told once each.
func TestLosses(t *testing.T) {
	k := &fakeKernel{lost: [2]uint64{5, 2}, samples: []bpf.Sample{{Kind: bpf.KindFork}}}
	res := mustRun(t, Options{Argv: []string{"sleep", "0.1"}}, func(bpf.Options) (kernel, error) { return k, nil })
	lost := only[*capture.Lost](res.events)
	if len(lost) != 1 || lost[0].Packets != 5 || lost[0].Events != 2 {
		t.Errorf("%+v", lost)
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

func TestLeftProcessesGoOn(t *testing.T) {
	res := mustRun(t, Options{Argv: []string{"sh", "-c", "sleep 60 & echo $!"}}, idleKernel)
	var found bool
	for _, n := range only[*capture.NotSeen](res.events) {
		found = found || strings.Contains(n.Text, "(pid "+strings.TrimSpace(res.out)+")")
	}
	if !found {
		t.Errorf("nothing said of %s: %v", res.out, res.events)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(res.out))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("the process was ended: %v", err)
	}
}
