//go:build linux

package gate

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Verdict is what the examination of an executable found.
type Verdict struct {
	// TLS is the stack: "crypto/tls", "openssl", "gnutls" or "none"; empty where
	// it could not be examined.
	TLS string
	// Missing says why the secrets of its crypto/tls cannot be seen; empty
	// otherwise.
	Missing string
}

// TLS stacks ([Verdict]).
const (
	goTLS   = "crypto/tls"
	openSSL = "openssl"
	gnuTLS  = "gnutls"
	noTLS   = "none"
)

// inode is a file of the machine, as stat(2) names it.
type inode struct{ dev, ino uint64 }

// finding is the verdict on one state of a file, which may be written anew in
// place: that changes its ctime.
type finding struct {
	ctime   unix.Timespec
	verdict Verdict
	// looked is when it was executed, or examined, last (CLOCK_MONOTONIC, ns).
	looked uint64
}

// maxKnown bounds what is remembered. Past it an executable is examined again,
// which costs time only.
const maxKnown = 1 << 15

// Examiner looks at executables, at each once, and places a TLS probe into
// those that contain crypto/tls. Its methods are safe for concurrent use.
type Examiner struct {
	attach func(path string) error
	absent error

	mu    sync.Mutex
	known map[inode]finding
}

// NewExaminer returns an examiner that places the probe with attach, whose
// error is absent (errors.Is) for an executable without crypto/tls.
func NewExaminer(attach func(path string) error, absent error) *Examiner {
	return &Examiner{attach: attach, absent: absent, known: map[inode]finding{}}
}

// Path examines the executable at a path ahead of its first use.
func (x *Examiner) Path(path string) (Verdict, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return Verdict{}, err
	}
	defer f.Close()
	v, _, err := x.look(int(f.Fd()))
	return v, err
}

// Late examines the executable that process pid runs by now, for an exec that
// did not pass a gate: from another mount namespace, from memory, from a mount
// that cannot be watched. What it did before this is not observed.
func (x *Examiner) Late(pid uint32) Verdict {
	f, err := os.Open(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return Verdict{Missing: "it ended before its executable could be examined"}
	}
	defer f.Close()
	v, seen, err := x.look(int(f.Fd()))
	switch {
	case err != nil:
		v.Missing = unexamined(err)
	case !seen && v.TLS == goTLS && v.Missing == "":
		v.Missing = "the TLS probe was placed after it had started: a first handshake may stay closed"
	}
	return v
}

// unexamined is the sentence about an executable that could not be looked at.
func unexamined(err error) string {
	return fmt.Sprintf("its executable could not be examined: %v", err)
}

// Known returns what was found last in the file with that device and inode
// number (stat(2)).
func (x *Examiner) Known(dev, ino uint64) (Verdict, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f, ok := x.known[inode{dev, ino}]
	return f.verdict, ok
}

// settled is how long ago an executable must have been looked at to be retired:
// whose execve it was has been seen to run by then.
const settled = time.Second

// Retire forgets an executable in which detach finds no probe, or none any more,
// and reports whether it did: it is examined again when it is executed. It does
// nothing if the executable was executed a moment ago.
func (x *Examiner) Retire(dev, ino uint64, detach func(dev, ino uint64) bool) bool {
	x.mu.Lock() // whoever looks at it now does so after this
	defer x.mu.Unlock()
	key := inode{dev, ino}
	if f, ok := x.known[key]; ok && time.Duration(Monotonic()-f.looked) < settled || !detach(dev, ino) {
		return false
	}
	delete(x.known, key)
	return true
}

// look returns the verdict on an open executable and whether it was known.
func (x *Examiner) look(fd int) (Verdict, bool, error) {
	key, ctime, err := identify(fd)
	if err != nil {
		return Verdict{}, false, err
	}
	x.mu.Lock()
	old, seen := x.known[key]
	if seen = seen && old.ctime == ctime; seen {
		old.looked = Monotonic()
		x.known[key] = old
	}
	x.mu.Unlock()
	if seen {
		return old.verdict, true, nil
	}
	v, err := x.judge("/proc/self/fd/" + strconv.Itoa(fd))
	if errors.Is(err, unix.EMFILE) { // says nothing of the executable
		return v, false, nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.known) >= maxKnown {
		clear(x.known)
	}
	x.known[key] = finding{ctime, v, Monotonic()}
	return v, false, nil
}

// judge attaches the probe and otherwise looks for the libraries it needs. err is
// why the probe could not be attached.
func (x *Examiner) judge(path string) (v Verdict, err error) {
	err = x.attach(path)
	switch {
	case err == nil:
		return Verdict{TLS: goTLS}, nil
	case errors.Is(err, x.absent):
		return Verdict{TLS: linkedTLS(path)}, nil
	}
	v = Verdict{Missing: fmt.Sprintf("no TLS probe in its executable: %v", err)}
	if linked := linkedTLS(path); linked != noTLS {
		v.TLS = linked
	}
	return v, err
}

// identify returns which regular file is open, and its ctime.
func identify(fd int) (inode, unix.Timespec, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return inode{}, unix.Timespec{}, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return inode{}, unix.Timespec{}, errors.New("not a regular file")
	}
	return inode{dev: st.Dev, ino: st.Ino}, st.Ctim, nil
}
