//go:build linux

package gate

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// The kernel opens the file of every exec that waits for us, in this process,
// and denies the exec if that fails (fanotify_read, fs/notify/fanotify). So no
// event is read unless there is a descriptor for it.

// headroom is how many descriptors must be free for an exec to be examined: its
// file, those of the probe, and some for other goroutines meanwhile. As many are
// held in reserve, for execs that are let through unexamined.
const headroom = 8

// How long is waited for a free descriptor before executions are no more held.
const (
	starveStep  = 2 * time.Millisecond
	starveSteps = 100
)

// room makes sure that an event can be read. examine is false if what there is
// must be kept for others that wait.
func (g *Gate) room() (examine bool, err error) {
	for range starveSteps {
		free := g.free(2 * headroom)
		if len(g.reserve) == 0 && free == 2*headroom {
			g.reserve = g.dup(headroom)
		}
		switch {
		case len(g.reserve) > 0 && free >= headroom:
			return true, nil
		case free > 0:
			return false, nil
		case len(g.reserve) > 0:
			closeAll(g.reserve)
			g.reserve = nil
			return false, nil
		}
		time.Sleep(starveStep)
	}
	return false, fmt.Errorf("no descriptor for an exec that waits: %w", unix.EMFILE)
}

// free counts the free descriptors, up to most.
func (g *Gate) free(most int) int {
	fds := g.dup(most)
	closeAll(fds)
	return len(fds)
}

// dup opens up to n descriptors.
func (g *Gate) dup(n int) []int {
	var fds []int
	for range n {
		fd, err := unix.FcntlInt(uintptr(g.stop), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			break
		}
		fds = append(fds, fd)
	}
	return fds
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}
