//go:build linux

package live

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gopx-trace/gopx-trace/bpf"
	"github.com/gopx-trace/gopx-trace/capture"
	"github.com/gopx-trace/gopx-trace/capture/live/gate"
	"github.com/gopx-trace/gopx-trace/capture/live/invoker"
	"github.com/gopx-trace/gopx-trace/capture/live/settings"
)

// proc is where the kernel's process files are.
const proc = "/proc"

// resolvConf is the configuration of the command's resolver, resolv.conf(5).
const resolvConf = "/etc/resolv.conf"

// starting is a run on its way; the fields are filled step by step.
type starting struct {
	Options
	load    func(bpf.Options) (kernel, error)
	run     *Run
	inv     invoker.Invoker
	paths   []string // that execvp would try
	exe     string   // the first of them that can be executed, absolute
	stub    *launch  // what becomes the command
	signals dispositions
	// noGate is why executions cannot be held; nil if they can.
	noGate error
}

// Start starts a command under observation. When ctx is done the command gets
// SIGTERM, and its process tree SIGKILL if that does not help. Every error is
// a *[StartError]; nothing is left behind then.
func Start(ctx context.Context, o Options) (*Run, error) {
	return startWith(ctx, o, func(b bpf.Options) (kernel, error) { return bpf.Load(b) })
}

// startWith is Start with a kernel side of the caller's.
func startWith(ctx context.Context, o Options, load func(bpf.Options) (kernel, error)) (*Run, error) {
	s := &starting{Options: o, load: load, run: &Run{ticks: o.Tick}}
	s.run.exited, s.run.watched = make(chan struct{}), make(chan struct{})
	if err := s.all(ctx); err != nil {
		if s.stub != nil {
			s.stub.close()
			<-s.run.exited
		}
		_ = s.run.Close() // err is the one to tell
		return nil, err
	}
	return s.run, nil
}

// all is the order of the steps.
func (s *starting) all(ctx context.Context) error {
	for _, step := range []func() error{s.defaults, s.invoker, s.resolve, s.cgroup, s.keyLog, s.prepare, s.command} {
		if err := step(); err != nil {
			return s.explain(err)
		}
	}
	go s.run.watch(ctx)
	return nil
}

// explain makes a StartError of any error.
func (s *starting) explain(err error) error {
	var e *StartError
	switch {
	case errors.As(err, &e):
		return err
	case errors.Is(err, fs.ErrPermission):
		return notPermitted(err, s.Argv)
	case errors.Is(err, syscall.EMFILE):
		return tooFewDescriptors(err)
	case errors.Is(err, bpf.ErrNoCgroup2):
		return noCgroup2(err)
	}
	return &StartError{Err: err, Code: exitFailure}
}

// defaults checks the options and fills in what was left out.
func (s *starting) defaults() error {
	if len(s.Argv) == 0 || s.Argv[0] == "" {
		e := failure("no command to run")
		e.Hints = []string{"sudo gopx-trace go mod download"}
		return e
	}
	if s.Exe == "" {
		s.Exe = "/proc/self/exe"
	}
	if _, err := os.Stat(proc + "/self/stat"); errors.Is(err, fs.ErrNotExist) {
		return noProc(err)
	}
	return nil
}

// invoker finds the user and the environment of the command.
func (s *starting) invoker() error {
	var err error
	if s.inv, err = invoker.Find(invoker.System(), os.Getpid(), s.Env); err != nil {
		return err
	}
	if s.inv.Note != "" {
		s.run.unseen = append(s.run.unseen, s.inv.Note)
	}
	if s.run.foreign = !initialPIDNamespace(); s.run.foreign {
		s.run.unseen = append(s.run.unseen,
			"process ids as they are here: gopx-trace runs in a PID namespace of its own (a container without --pid=host), and the ids in this report are those of the host")
	}
	return nil
}

// initialPIDNamespace reports whether our process ids are those of the kernel
// side. The inode of the initial namespace is fixed (PROC_PID_INIT_INO of
// include/linux/proc_ns.h).
func initialPIDNamespace() bool {
	name, err := os.Readlink(proc + "/self/ns/pid")
	return err != nil || name == "pid:[4026531836]"
}

// resolve looks for the command before anything is set up for it. What can
// really be executed the kernel decides later.
func (s *starting) resolve() error {
	s.paths = candidates(s.Argv[0], s.inv.Env)
	found, exe, err := runnable(s.inv.User, s.workDir(), s.paths)
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		return notFound(s.Argv[0], s.inv.Env)
	case exe == "":
		return notExecutable(found[0], fs.ErrPermission)
	}
	s.exe = exe
	return nil
}

// workDir is the working directory of the command.
func (s *starting) workDir() string {
	if dir, err := filepath.Abs(s.Dir); err == nil {
		return dir
	}
	return "/"
}

// cgroup creates the cgroup.
func (s *starting) cgroup() (err error) {
	if s.run.group, err = newGroup(proc); errors.Is(err, syscall.EROFS) {
		return readOnlyGroups(err)
	}
	return err
}

// keyLog arranges for the TLS secrets of programs that are not Go: a key log of
// our own, or the one that the user has asked for already.
func (s *starting) keyLog() error {
	name, set := getenv(s.inv.Env, keyLogVariable)
	if set && name != "" {
		t, err := newTail(absolute(s.workDir(), name), s.inv.User)
		if err != nil {
			s.run.unseen = append(s.run.unseen, fmt.Sprintf(
				"TLS secrets of programs other than Go: %s=%s of the environment is respected and cannot be read (%v)", keyLogVariable, name, err))
			return nil
		}
		s.run.tails = append(s.run.tails, t)
		return nil
	}
	keys, err := newKeyDir(proc, keyDirParent(), s.inv.User)
	if err != nil {
		return err
	}
	s.run.keys = keys
	t, err := newTail(keys.file(), invoker.Self())
	if err != nil {
		return err
	}
	s.run.tails = append(s.run.tails, t)
	return nil
}

// environ is the environment of the command.
func (s *starting) environ() []string {
	if s.run.keys == nil {
		return s.inv.Env
	}
	return append(unset(s.inv.Env, keyLogVariable), keyLogVariable+"="+s.run.keys.file())
}

// prepare loads the kernel side while the stub starts, or after it where the
// command is to keep a limit that is too low for that.
func (s *starting) prepare() error {
	if fewDescriptors() {
		if err := s.startStub(); err != nil {
			return err
		}
		raiseDescriptors()
		return s.kernel()
	}
	started := make(chan error, 1)
	go func() { started <- s.startStub() }()
	err := s.kernel()
	if failed := <-started; err == nil {
		err = failed
	}
	return err
}

// startStub starts the process that will become the command.
func (s *starting) startStub() error {
	s.noGate = gate.Usable()
	l, err := start(s.Options, s.run.group, s.noGate == nil)
	if err != nil {
		return fmt.Errorf("start the command: %w", err)
	}
	s.stub, s.run.process = l, l.process
	s.signals = inherited()
	s.run.relay = newRelay(s.Exe, l.process, s.signals.Ignored)
	s.run.wait()
	s.run.relay.witness.standsBy()
	return nil
}

// kernel loads the kernel side.
func (s *starting) kernel() error {
	probe, err := s.load(bpf.Options{
		Cgroup: s.run.group.dir, RingBytes: s.RingBytes, Snaplen: s.Snaplen, Ahead: []string{s.exe},
	})
	if err != nil {
		return kernelError(err, s.Argv)
	}
	s.run.probe = probe
	s.run.examiner = gate.NewExaminer(probe.AttachTLS, bpf.ErrNoGoTLS)
	return nil
}

// command opens the gate around the stub and lets it become the command.
func (s *starting) command() error {
	if s.noGate == nil {
		s.noGate = s.openGate()
	}
	if s.noGate != nil {
		s.withoutGate(s.noGate)
	}
	s.run.translator = translator{
		offset: wallOffset(), from: gate.Monotonic(), verdict: s.run.session.verdict,
		forked: s.run.programs.fork, ended: s.run.forget,
	}
	s.watchResolvers(settings.Resolvers(resolvConf))
	from := time.Now().UTC()
	a, err := s.stub.release(order{
		Paths: s.paths, Argv: s.Argv, Env: s.environ(), Dir: s.Dir, User: s.inv.User, Signals: s.signals,
	})
	if err != nil || a.Errno != 0 {
		return s.notStarted(a, err)
	}
	s.run.queue = s.first(from)
	return nil
}

// openGate holds the executions of the stub's mount namespace.
func (s *starting) openGate() (err error) {
	dir := fmt.Sprintf("%s/%d", proc, s.run.process.Pid)
	s.run.gate, err = gate.New(gate.Options{Examiner: s.run.examiner, Root: dir + "/root", Mounts: dir + "/mountinfo"})
	return err
}

// withoutGate places the probes into what can be foreseen: the command, the go
// command and the toolchains that it may switch to.
func (s *starting) withoutGate(why error) {
	s.run.unseen = append(s.run.unseen, fmt.Sprintf(
		"the first TLS handshakes of Go programs that were built or downloaded during the run: executions cannot be held here (%v)", why))
	for _, exe := range s.foreseen() {
		_, _ = s.run.examiner.Path(exe) // looked at again when it is executed
	}
}

// maxForeseen bounds the executables that are probed ahead.
const maxForeseen = 64

// foreseen lists the command, go and the toolchains of the module cache.
func (s *starting) foreseen() []string {
	list := []string{s.exe}
	env := s.settings(time.Now())
	if env.GOROOT != "" {
		list = append(list, filepath.Join(env.GOROOT, "bin", "go"))
	}
	// The cache's own layout; a name with glob characters in it finds nothing.
	toolchains, err := filepath.Glob(filepath.Join(env.GoEnv["GOMODCACHE"].Value, "golang.org", "toolchain@*", "bin", "go"))
	if err == nil {
		list = append(list, toolchains...)
	}
	return list[:min(len(list), maxForeseen)]
}

// settings reads the go command's configuration as the user may.
func (s *starting) settings(now time.Time) *capture.Environment {
	e := &capture.Environment{Time: now}
	goExe := s.exe
	if filepath.Base(s.exe) != "go" {
		_, goExe, _ = runnable(s.inv.User, s.workDir(), candidates("go", s.inv.Env))
	}
	_ = s.inv.User.Do(func() { // without the rights nothing can be read: an empty event
		e = settings.Reader{Env: s.inv.Env, Dir: s.workDir(), Go: goExe, ResolvConf: resolvConf, Hosts: "/etc/hosts"}.Read(now)
	})
	return e
}

// first returns the events that precede all others.
func (s *starting) first(at time.Time) []capture.Event {
	c := &capture.Command{
		Time: at, Argv: s.Argv, PID: uint32(s.run.process.Pid), UID: s.inv.User.UID, Dir: s.workDir(),
	}
	e := s.settings(at)
	e.Watched = s.run.stubs
	return []capture.Event{c, e}
}

// notStarted explains why the stub did not become the command.
func (s *starting) notStarted(a answer, err error) error {
	<-s.run.exited
	end := s.run.state
	switch {
	case err != nil && end.signal != "": // Ctrl-C while the kernel side was being loaded
		return &StartError{Err: fmt.Errorf("%s came before the command was started", end.signal), Code: end.code}
	case err != nil:
		return err
	case a.Step != "exec":
		return failure("start the command: %s: %w", a.Step, a.Errno)
	case a.Errno == syscall.ENOENT && !fileExists(s.exe):
		return notFound(s.Argv[0], s.inv.Env)
	}
	return notExecutable(s.exe, a.Errno)
}

// fileExists reports whether a name is there: an ENOENT of execve can also mean
// the interpreter of a script or the loader of a program.
func fileExists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
