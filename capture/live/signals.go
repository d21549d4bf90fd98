//go:build linux

package live

import (
	"os"
	"os/signal"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// relay passes the signals that reach us alone on to the command, so that we live
// until it has ended and can report.
type relay struct {
	witness     *witness
	to          *os.Process
	signals     chan os.Signal
	done        chan struct{}
	once        sync.Once
	interrupted atomic.Bool
	// asked is set by a SIGQUIT: somebody wants to see how things stand.
	asked atomic.Bool
}

// newRelay passes signals on to a process until it is stopped. What is ignored
// stays ignored, by us and by the command. exe is our own program.
func newRelay(exe string, to *os.Process, ignored []syscall.Signal) *relay {
	r := &relay{
		witness: newWitness(exe), to: to,
		signals: make(chan os.Signal, 16), done: make(chan struct{}),
	}
	// Without this a report to a closed pipe would end us before its file is there.
	if slices.Contains(ignored, syscall.SIGPIPE) {
		signal.Ignore(syscall.SIGPIPE)
	}
	for _, s := range watched() {
		if slices.Contains(ignored, s) {
			signal.Ignore(s)
		} else {
			signal.Notify(r.signals, s)
		}
	}
	go func() {
		defer close(r.done)
		for s := range r.signals {
			if s, ok := s.(syscall.Signal); ok {
				r.pass(s)
			}
		}
	}()
	return r
}

// pass hands one signal on, unless the command has got it already: with all of
// the process group that it shares with us. SIGQUIT to us alone is a question and
// not meant for it.
func (r *relay) pass(s syscall.Signal) {
	has := r.witness.saw(s) && r.inOurGroup()
	switch s {
	case syscall.SIGQUIT:
		r.asked.Store(true)
		if has {
			r.interrupted.Store(true)
		}
		return
	case syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP:
		r.interrupted.Store(true)
	}
	if !has {
		_ = r.to.Signal(s) // it may have ended by now
	}
}

// inOurGroup reports whether the command is still in our process group: a shell
// with job control, or setsid(1), leaves it.
func (r *relay) inOurGroup() bool {
	group, err := unix.Getpgid(r.to.Pid)
	return err == nil && group == unix.Getpgrp()
}

// stop gives the signals their earlier meaning back.
func (r *relay) stop() {
	r.once.Do(func() {
		signal.Stop(r.signals)
		close(r.signals)
		<-r.done
		r.witness.stop()
	})
	<-r.done
}
