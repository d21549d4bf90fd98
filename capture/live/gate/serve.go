//go:build linux

package gate

import (
	"encoding/binary"
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
	buf := make([]byte, 4096)
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
		if fds[0].Revents != 0 && g.answer(buf) != nil {
			return
		}
	}
}

// release takes the marks away, lets everything that still waits go on and
// closes the descriptors. The marks go first, so that nothing more comes; the
// answers are given although closing would do the same, because a mount whose
// server is dead may keep a duplicate of the descriptor open (markAside).
func (g *Gate) release() {
	_ = unix.FanotifyMark(g.fan, unix.FAN_MARK_FLUSH|unix.FAN_MARK_MOUNT, 0, unix.AT_FDCWD, "/")
	buf := make([]byte, 4096)
	for {
		n, err := unix.Read(g.fan, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || g.answerAll(buf[:n]) != nil {
			break
		}
	}
	g.free()
}

// answer reads what waits and lets it go on.
func (g *Gate) answer(buf []byte) error {
	n, err := unix.Read(g.fan, buf)
	if err == unix.EAGAIN || err == unix.EINTR {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read fanotify: %w", err)
	}
	return g.answerAll(buf[:n])
}

// answerAll examines and releases each exec of a batch of events.
func (g *Gate) answerAll(b []byte) error {
	for len(b) >= eventSize {
		e := parseEvent(b)
		if e.Event_len < uint32(eventSize) || int(e.Event_len) > len(b) || e.Vers != unix.FANOTIFY_METADATA_VERSION {
			return fmt.Errorf("fanotify event of version %d, %d bytes", e.Vers, e.Event_len)
		}
		b = b[e.Event_len:]
		if e.Fd < 0 { // FAN_NOFD: the queue overflowed, nobody waits
			continue
		}
		g.examine(int(e.Fd), uint32(e.Pid))
		err := g.allow(e.Fd)
		unix.Close(int(e.Fd))
		if err != nil {
			return err
		}
	}
	return nil
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
