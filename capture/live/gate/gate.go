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
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Options of [New].
type Options struct {
	// Root is a directory through which the mount namespace is reached:
	// /proc/PID/root of a process in it.
	Root string
	// Mounts is its mount table: /proc/PID/mountinfo of the same process.
	Mounts string
	// Attach places a TLS probe into the executable at a path. It returns an
	// error for which NoTLS holds if there is nothing to attach to.
	Attach func(path string) error
	// NoTLS recognises that error.
	NoTLS error
}

// Gate answers for the executables of one mount namespace. Its methods are
// safe for concurrent use.
type Gate struct {
	options Options
	fan     int
	root    int // O_PATH of Options.Root, which outlives the process it was named by
	mounts  *os.File
	stop    int // eventfd
	done    chan struct{}

	mu    sync.Mutex
	known map[inode]Verdict
	notes map[uint32][]note
	marks map[string]bool
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
		options: o, fan: -1, root: -1, stop: -1,
		done:  make(chan struct{}),
		known: map[inode]Verdict{}, notes: map[uint32][]note{}, marks: map[string]bool{},
	}
	if err := g.open(); err != nil {
		g.free()
		return nil, err
	}
	if g.markAll(); g.stats.Mounts == 0 {
		g.free()
		return nil, fmt.Errorf("no mount could be watched: %v: %w", g.stats.Unmarked, errors.ErrUnsupported)
	}
	go g.serve()
	return g, nil
}

// open opens the descriptors.
func (g *Gate) open() error {
	const flags = unix.FAN_CLASS_CONTENT | unix.FAN_CLOEXEC | unix.FAN_NONBLOCK |
		unix.FAN_UNLIMITED_QUEUE | unix.FAN_UNLIMITED_MARKS
	var err error
	if g.fan, err = unix.FanotifyInit(flags, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_LARGEFILE); err != nil {
		return fmt.Errorf("fanotify_init: %w", err)
	}
	if g.root, err = unix.Open(g.options.Root, unix.O_PATH|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("open %s: %w", g.options.Root, err)
	}
	if g.mounts, err = os.Open(g.options.Mounts); err != nil {
		return err
	}
	if g.stop, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
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
func (g *Gate) Close() error {
	if _, err := unix.Write(g.stop, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		return fmt.Errorf("stop the gate: %w", err)
	}
	<-g.done
	return nil
}

// free closes the descriptors. Closing the fanotify one is what releases
// whoever waits.
func (g *Gate) free() {
	for _, fd := range []int{g.fan, g.root, g.stop} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	if g.mounts != nil {
		g.mounts.Close()
	}
}
