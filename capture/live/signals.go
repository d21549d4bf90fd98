//go:build linux

package live

import (
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// relay passes the signals that reach us on to the command, so that we live
// until it has ended and can report.
type relay struct {
	signals     chan os.Signal
	done        chan struct{}
	once        sync.Once
	interrupted atomic.Bool
	// asked is set by a SIGQUIT: somebody wants to see how things stand.
	asked atomic.Bool
}

// relayed are the signals that users and service managers send. What is
// ignored when we start (nohup, a background job of a shell) stays ignored, by
// us and by the command.
func relayed() []os.Signal {
	var list []os.Signal
	for _, s := range []os.Signal{
		syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2,
	} {
		if !signal.Ignored(s) {
			list = append(list, s)
		}
	}
	return list
}

// ignored returns the signals that the command must find ignored because we
// did. The Go runtime keeps an ignored SIGINT and SIGHUP but not SIGQUIT, which
// a shell without job control ignores together with SIGINT for a background
// job (POSIX, 2.11 Signals and Error Handling).
func ignored() []syscall.Signal {
	var list []syscall.Signal
	if signal.Ignored(syscall.SIGHUP) {
		list = append(list, syscall.SIGHUP)
	}
	if signal.Ignored(syscall.SIGINT) {
		list = append(list, syscall.SIGINT, syscall.SIGQUIT)
	}
	return list
}

// newRelay passes signals on with send until it is stopped.
func newRelay(send func(os.Signal) error) *relay {
	r := &relay{signals: make(chan os.Signal, 16), done: make(chan struct{})}
	signal.Notify(r.signals, relayed()...)
	go func() {
		defer close(r.done)
		for s := range r.signals {
			r.pass(s, send)
		}
	}()
	return r
}

// pass hands one signal on, unless the terminal has given it to the command
// already: it sends Ctrl-C and Ctrl-\ to all of the foreground process group.
func (r *relay) pass(s os.Signal, send func(os.Signal) error) {
	if s == syscall.SIGQUIT {
		r.asked.Store(true)
	}
	switch s {
	case syscall.SIGINT, syscall.SIGQUIT:
		r.interrupted.Store(true)
		if foreground() {
			return
		}
	case syscall.SIGTERM, syscall.SIGHUP:
		r.interrupted.Store(true)
	}
	_ = send(s) // it may have ended by now
}

// stop gives the signals their earlier meaning back.
func (r *relay) stop() {
	r.once.Do(func() {
		signal.Stop(r.signals)
		close(r.signals)
	})
	<-r.done
}

// foreground reports whether we are in the foreground process group of our
// controlling terminal.
func foreground() bool {
	fd, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}
