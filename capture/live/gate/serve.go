//go:build linux

package gate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// eventSize is sizeof(struct fanotify_event_metadata).
const eventSize = int(unsafe.Sizeof(unix.FanotifyEventMetadata{}))

// serve answers until Close, or until fanotify fails. It keeps a thread of its
// own: an exec waits for it, and a thread that sleeps in poll(2) answers sooner
// than a goroutine that must first find one.
func (g *Gate) serve() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(g.done)
	defer g.release()
	buf := make([]byte, eventSize)
	for {
		fds := []unix.PollFd{
			{Fd: int32(g.fan), Events: unix.POLLIN},
			{Fd: int32(g.stop), Events: unix.POLLIN},
			// A mount table is always readable; POLLPRI says that it changed
			// (proc_pid_mountinfo(5)).
			{Fd: int32(g.mounts), Events: unix.POLLPRI},
		}
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			return
		}
		if fds[1].Revents != 0 {
			return
		}
		if fds[2].Revents&unix.POLLPRI != 0 {
			g.markAll()
		}
		if fds[0].Revents != 0 {
			if err := g.answer(buf); err != nil && !errors.Is(err, errNothing) {
				return
			}
		}
	}
}

// release takes the marks away, lets everything that still waits go on and
// closes the descriptors. The marks go first, so that nothing more comes; the
// answers are given although closing would do the same, because a mount whose
// server is dead may keep a duplicate of the descriptor open (markAside).
func (g *Gate) release() {
	_ = unix.FanotifyMark(g.fan, unix.FAN_MARK_FLUSH|unix.FAN_MARK_MOUNT, 0, unix.AT_FDCWD, "/")
	buf := make([]byte, eventSize)
	for g.answer(buf) == nil {
	}
	g.closeFDs()
}

// errNothing says that nobody waits.
var errNothing = errors.New("nobody waits")

// answer reads one exec that waits, and lets it go on.
func (g *Gate) answer(buf []byte) error {
	examine, err := g.room()
	if err != nil {
		return err
	}
	n, err := unix.Read(g.fan, buf)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return errNothing
	case errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return fmt.Errorf("read fanotify: %w", err)
	}
	return g.answerTo(buf[:n], examine)
}

// answerTo examines and releases the exec of an event.
func (g *Gate) answerTo(b []byte, examine bool) error {
	if len(b) < eventSize {
		return fmt.Errorf("fanotify event of %d bytes", len(b))
	}
	e := parseEvent(b)
	if int(e.Event_len) != len(b) || e.Vers != unix.FANOTIFY_METADATA_VERSION {
		return fmt.Errorf("fanotify event of version %d, %d bytes", e.Vers, e.Event_len)
	}
	if e.Fd < 0 { // FAN_NOFD: the queue overflowed, nobody waits
		return nil
	}
	defer unix.Close(int(e.Fd))
	if examine {
		g.examine(int(e.Fd), uint32(e.Pid))
	} else {
		g.note(uint32(e.Pid), Verdict{Missing: unexamined(unix.EMFILE)})
	}
	return g.allow(e.Fd)
}

// parseEvent reads the metadata at the start of b, which is long enough.
func parseEvent(b []byte) unix.FanotifyEventMetadata {
	e := binary.NativeEndian
	return unix.FanotifyEventMetadata{
		Event_len:    e.Uint32(b),
		Vers:         b[4],
		Metadata_len: e.Uint16(b[6:]),
		Mask:         e.Uint64(b[8:]),
		Fd:           int32(e.Uint32(b[16:])),
		Pid:          int32(e.Uint32(b[20:])),
	}
}

// allow lets the exec that waits on an event go on (struct fanotify_response).
func (g *Gate) allow(fd int32) error {
	var r [8]byte
	binary.NativeEndian.PutUint32(r[0:], uint32(fd))
	binary.NativeEndian.PutUint32(r[4:], unix.FAN_ALLOW)
	// ENOENT: who waited was killed meanwhile.
	if _, err := unix.Write(g.fan, r[:]); err != nil && err != unix.ENOENT {
		return fmt.Errorf("answer fanotify: %w", err)
	}
	return nil
}
