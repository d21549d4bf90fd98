//go:build linux

package live

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gopx-trace/gopx-trace/bpf"
	"github.com/gopx-trace/gopx-trace/capture"
	"github.com/gopx-trace/gopx-trace/capture/live/gate"
	"github.com/gopx-trace/gopx-trace/capture/live/upstream"
)

// session holds what a run uses of the system. Its fields are set by the steps
// of Start; those not reached are nil.
type session struct {
	probe    kernel
	group    *group
	keys     *keyDir
	examiner *gate.Examiner
	gate     *gate.Gate // nil where the kernel has no fanotify permission events
	tails    []*tail
	relay    *relay
	process  *os.Process
	exited   chan struct{} // closed when the command has ended and state is set
	state    state

	programs programs

	// foreign says that the process ids of samples are not ours but the host's.
	foreign bool

	// stubs are the resolvers of the command on this host, and upstream is what
	// hears them; nil where there are none.
	stubs    []string
	upstream *upstream.Watcher

	late        atomic.Bool   // the context's deadline passed before the command ended
	ending      atomic.Bool   // the process tree is being ended, until watched
	watched     chan struct{} // closed by watch
	tailDropped uint64
	// unseen are sentences for the report, known from the start.
	unseen []string
	freed  sync.Once

	unloading  sync.Once
	unloadFail error // of probe.Close, once unloading is over
}

// state is how a command ended.
type state struct {
	at          time.Time
	code        int // exit status, or 128+n
	signal      string
	interrupted bool
	timedOut    bool
}

// newState reads a wait status.
func newState(at time.Time, w syscall.WaitStatus) state {
	if w.Signaled() {
		n := w.Signal()
		return state{at: at, code: 128 + int(n), signal: unix.SignalName(n)}
	}
	return state{at: at, code: w.ExitStatus()}
}

// event is the Exit event.
func (s state) event() *capture.Exit {
	e := &capture.Exit{Time: s.at.UTC(), Code: s.code, Signal: s.signal, Interrupted: s.interrupted, TimedOut: s.timedOut}
	if s.signal != "" {
		e.Code = -1
	}
	return e
}

// wait waits for the command in the background.
func (s *session) wait() {
	go func() {
		ps, err := s.process.Wait()
		s.state = state{at: time.Now(), code: exitFailure}
		if err == nil {
			if w, ok := ps.Sys().(syscall.WaitStatus); ok {
				s.state = newState(s.state.at, w)
			}
		}
		s.state.timedOut = s.late.Load()
		close(s.exited)
	}()
}

// verdict returns what was found in the executable of an exec, and takes in that
// it runs.
func (s *session) verdict(e *bpf.Sample) gate.Verdict {
	v := s.found(e)
	s.programs.exec(e.PID, program{e.Process.Dev, e.Process.Ino}, v.TLS == "crypto/tls")
	return v
}

// found returns what was found in the executable of an exec: when it passed the
// gate, at an earlier exec or ahead of the run, or else by looking now.
func (s *session) found(e *bpf.Sample) gate.Verdict {
	if s.gate != nil && !s.foreign {
		if v, ok := s.gate.Exec(e.PID, e.Time); ok {
			return v
		}
	}
	if v, ok := s.examiner.Known(e.Process.Dev, e.Process.Ino); ok {
		return v
	}
	if s.foreign {
		return gate.Verdict{Missing: "its executable could not be examined: its process id is that of another PID namespace"}
	}
	return s.examiner.Late(e.PID)
}

// forget drops what is remembered of a process that ended.
func (s *session) forget(pid uint32) {
	s.programs.exit(pid)
	s.retire()
	if s.gate != nil && !s.foreign {
		s.gate.Forget(pid)
	}
}

// retire takes the probe out of executables that were deleted and that no process
// runs any more. After a loss that is not known of any.
func (s *session) retire() {
	unused := s.programs.unused()
	if len(unused) == 0 {
		return
	}
	if _, lost, err := s.probe.Lost(); err != nil || lost > 0 {
		return
	}
	for _, p := range unused {
		if s.examiner.Retire(p.dev, p.ino, s.probe.DetachDeleted) {
			s.programs.forget(p)
		}
	}
}

// notSeen returns the sentences about what was not observed.
func (s *session) notSeen(failed error) []string {
	texts := append([]string(nil), s.unseen...)
	if failed != nil {
		texts = append(texts, fmt.Sprintf("observation ended before the command did: %v", failed))
	}
	texts = append(texts, s.probe.Missing()...)
	if s.upstream.Encrypted() {
		texts = append(texts, fmt.Sprintf("what the local resolver (%s) asked over TLS, on port 853, during a lookup of the command: which names it is for cannot be seen",
			strings.Join(s.stubs, ", ")))
	}
	if left := describe(s.group.pids()); left != "" {
		texts = append(texts, "after the command ended, processes that it had started went on unobserved: "+left)
	}
	return texts
}

// maxDescribed bounds a list of processes in a sentence.
const maxDescribed = 8

// describe names processes, e.g. "gopls (pid 17)".
func describe(pids []int) string {
	var names []string
	for _, pid := range pids {
		if len(names) == maxDescribed {
			names = append(names, fmt.Sprintf("and %d more", len(pids)-maxDescribed))
			break
		}
		comm, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
		if err != nil {
			continue
		}
		names = append(names, fmt.Sprintf("%s (pid %d)", strings.TrimSpace(string(comm)), pid))
	}
	return strings.Join(names, ", ")
}

// openUp begins to take the gate away if nobody is left who could be held: the kernel
// takes some milliseconds for it.
func (s *session) openUp() {
	if s.gate != nil && !s.group.populated() {
		go func() { _ = s.gate.Close() }()
	}
}

// free gives back everything but the kernel side, in the order that leaves the command alone: the
// gate first, for it holds up whoever executes something.
func (s *session) free() { s.freed.Do(s.release) }

func (s *session) release() {
	if s.gate != nil {
		_ = s.gate.Close()
	}
	s.quiet()
	if s.isEnding() { // what is left may not escape from the cgroup
		<-s.watched
	}
	if s.group != nil {
		_, _ = s.group.remove() // what stays is found by the next run
	}
	if s.keys != nil {
		s.keys.remove()
	}
	s.upstream.Close()
}

// unload takes the kernel side away.
func (s *session) unload() error {
	s.unloading.Do(func() {
		if s.probe != nil {
			s.unloadFail = s.probe.Close()
		}
	})
	return s.unloadFail
}

// quiet ends the tails, after a last read, and the relay of signals.
func (s *session) quiet() {
	for _, t := range s.tails {
		t.close()
	}
	if s.relay != nil {
		s.relay.stop()
	}
}

// isTimeout reports whether a read found nothing for a while.
func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
