//go:build linux

package live

import (
	"context"
	"errors"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// killAfter is how long a process tree may take to end after its SIGTERM.
const killAfter = 5 * time.Second

// endingStep is how often is looked whether it has ended.
const endingStep = 20 * time.Millisecond

// watch ends the process tree of the command when ctx is done before the command
// ends: the command gets SIGTERM, as of timeout(1), those that outlive it get
// theirs, and what is left after a grace is killed.
func (s *session) watch(ctx context.Context) {
	defer close(s.watched)
	select {
	case <-s.exited:
		return
	case <-ctx.Done():
	}
	if s.hasExited() { // at the same time
		return
	}
	s.late.Store(errors.Is(ctx.Err(), context.DeadlineExceeded))
	s.ending.Store(true)
	_ = s.process.Signal(syscall.SIGTERM)
	grace := time.After(killAfter)
	select {
	case <-s.exited:
	case <-grace:
		s.kill()
		return
	}
	for _, pid := range s.group.pids() {
		_ = unix.Kill(pid, unix.SIGTERM) // it may have ended by now
	}
	for s.group.populated() {
		select {
		case <-grace:
			s.kill()
			return
		case <-time.After(endingStep):
		}
	}
}

// hasExited reports whether the command has ended.
func (s *session) hasExited() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

// isEnding reports whether the process tree is still being ended.
func (s *session) isEnding() bool {
	select {
	case <-s.watched:
		return false
	default:
		return s.ending.Load()
	}
}

// kill ends what is left of the process tree and waits until it is gone, or for
// as long as a process may be stuck in the kernel.
func (s *session) kill() {
	_ = s.group.kill() // fails only after Close, with the cgroup gone
	for end := time.Now().Add(killAfter); s.group.populated() && time.Now().Before(end); {
		time.Sleep(endingStep)
	}
}
