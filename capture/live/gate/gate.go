//go:build linux

// Package gate holds every execve of a mount namespace until the executable
// has been examined: that is the one moment at which a TLS probe can be placed
// into a program that was never seen before without losing its first handshake.
//
// It is made of fanotify's FAN_OPEN_EXEC_PERM on the mounts of a private mount
// namespace, so that no process outside of it is ever delayed. If this process
// dies, the kernel lets everything that waits go on and drops the marks: no
// guardian is needed.
package gate

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// Options of [New].
type Options struct {
	// Examiner looks at what is executed.
	Examiner *Examiner
	// Root is a directory through which the mount namespace is reached:
	// /proc/PID/root of a process in it.
	Root string
	// Mounts is its mount table: /proc/PID/mountinfo of the same process.
	Mounts string
}

// Gate answers for the executables of one mount namespace. Its methods are
// safe for concurrent use.
type Gate struct {
	examiner *Examiner
	fan      int
	root     int // O_PATH of Options.Root, which outlives the process it was named by
	// mounts is the mount table. It is no os.File: the runtime's poller would
	// take the notice of a change away from our own poll.
	mounts int
	stop   int // eventfd
	// reserve are descriptors that are given up for execs when there are no others.
	reserve []int
	done    chan struct{}
	closed  sync.Once

	mu    sync.Mutex
	notes map[uint32][]note
	marks map[string]bool // ids of the mounts that were seen to
	stats Stats
}

// Stats counts what the gate did.
type Stats struct {
	// Execs are the executables that were let through, interpreters and
	// loaders included; Examined those that were looked at, once per inode.
	Execs, Examined int
	// Mounts are the mounts that are watched; Unmarked says of each mount that
	// should be watched and is not, why.
	Mounts   int
	Unmarked []string
}

// New opens the gate for a mount namespace: every execve in it waits for this
// process from now on. errors.Is(err, errors.ErrUnsupported) or
// os.ErrPermission where the kernel offers no such thing
// (fanotify_init(2): CONFIG_FANOTIFY_ACCESS_PERMISSIONS, CAP_SYS_ADMIN).
func New(o Options) (*Gate, error) {
	g := &Gate{
		examiner: o.Examiner, fan: -1, root: -1, stop: -1, mounts: -1,
		done:  make(chan struct{}),
		notes: map[uint32][]note{}, marks: map[string]bool{},
	}
	if err := g.open(o); err != nil {
		g.closeFDs()
		return nil, err
	}
	g.markAll()
	if s := g.Stats(); s.Mounts == 0 {
		g.closeFDs()
		return nil, fmt.Errorf("no mount could be watched: %v: %w", s.Unmarked, errors.ErrUnsupported)
	}
	go g.serve()
	return g, nil
}

// open opens the descriptors.
func (g *Gate) open(o Options) error {
	const flags = unix.FAN_CLASS_CONTENT | unix.FAN_CLOEXEC | unix.FAN_NONBLOCK |
		unix.FAN_UNLIMITED_QUEUE | unix.FAN_UNLIMITED_MARKS
	var err error
	if g.fan, err = unix.FanotifyInit(flags, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_LARGEFILE); err != nil {
		return fmt.Errorf("fanotify_init: %w", err)
	}
	if g.root, err = unix.Open(o.Root, unix.O_PATH|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("open %s: %w", o.Root, err)
	}
	if g.mounts, err = unix.Open(o.Mounts, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("open %s: %w", o.Mounts, err)
	}
	if g.stop, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	g.reserve = g.dup(headroom)
	return nil
}

// Stats returns the counts so far.
func (g *Gate) Stats() Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.stats
	s.Unmarked = append([]string(nil), s.Unmarked...)
	return s
}

// Close lets everything that waits go on and takes the marks away.
func (g *Gate) Close() (err error) {
	g.closed.Do(func() {
		if _, err = unix.Write(g.stop, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
			err = fmt.Errorf("stop the gate: %w", err)
			return
		}
		<-g.done
	})
	return err
}

// closeFDs closes the descriptors. Closing the fanotify one is what releases
// whoever waits.
func (g *Gate) closeFDs() {
	for _, fd := range append([]int{g.root, g.stop, g.mounts}, g.reserve...) {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	if g.fan >= 0 {
		closeLater(g.fan)
	}
}
