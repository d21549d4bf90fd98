package gate

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Verdict is what the examination of an executable found.
type Verdict struct {
	// TLS is the stack: "crypto/tls", "openssl", "gnutls" or "none".
	TLS string
	// Missing says why the secrets of its crypto/tls cannot be seen; empty
	// otherwise.
	Missing string
}

// inode tells one state of a file from another. Ino and device alone do not:
// a file may be written anew in place.
type inode struct {
	dev, ino uint64
	ctime    unix.Timespec
}

// note says what was opened by an exec of one process.
type note struct {
	at      uint64 // CLOCK_MONOTONIC, ns
	verdict Verdict
}

// Limits of what is remembered. Past them memory is dropped and an executable
// is examined again, which costs time only.
const (
	maxKnown = 1 << 15
	maxPIDs  = 1 << 14
	maxNotes = 16 // of one process: script, interpreter, loader, and execs not yet asked for
)

// examine looks at the executable open at fd, which process pid is about to
// run, and remembers the result.
func (g *Gate) examine(fd int, pid uint32) {
	v, seen, err := g.look(fd)
	if err != nil {
		v = Verdict{Missing: fmt.Sprintf("the executable could not be examined: %v", err)}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stats.Execs++
	if !seen {
		g.stats.Examined++
	}
	if len(g.notes) >= maxPIDs {
		clear(g.notes)
	}
	n := g.notes[pid]
	if len(n) >= maxNotes {
		n = n[1:]
	}
	g.notes[pid] = append(n, note{at: Monotonic(), verdict: v})
}

// look returns the verdict on an open executable and whether it was known.
func (g *Gate) look(fd int) (Verdict, bool, error) {
	key, err := identify(fd)
	if err != nil {
		return Verdict{}, false, err
	}
	g.mu.Lock()
	v, seen := g.known[key]
	g.mu.Unlock()
	if seen {
		return v, true, nil
	}
	v = g.judge("/proc/self/fd/" + strconv.Itoa(fd))
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.known) >= maxKnown {
		clear(g.known)
	}
	g.known[key] = v
	return v, false, nil
}

// judge attaches the probe and otherwise looks for the libraries it needs.
func (g *Gate) judge(path string) Verdict {
	err := g.options.Attach(path)
	switch {
	case err == nil:
		return Verdict{TLS: "crypto/tls"}
	case errors.Is(err, g.options.NoTLS):
		return Verdict{TLS: linkedTLS(path)}
	}
	return Verdict{TLS: "crypto/tls", Missing: fmt.Sprintf("no TLS probe in its executable: %v", err)}
}

// identify returns the key of an open file.
func identify(fd int) (inode, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return inode{}, err
	}
	return inode{dev: st.Dev, ino: st.Ino, ctime: st.Ctim}, nil
}

// Exec returns what was found when process pid made the execve that succeeded
// at time at (CLOCK_MONOTONIC, ns), and forgets it. Of a script, its
// interpreter and the loader the one that speaks TLS counts. ok is false if the
// exec did not pass the gate.
func (g *Gate) Exec(pid uint32, at uint64) (v Verdict, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	rest := g.notes[pid]
	for len(rest) > 0 && rest[0].at <= at {
		v, ok = stronger(v, rest[0].verdict), true
		rest = rest[1:]
	}
	if len(rest) == 0 {
		delete(g.notes, pid)
	} else {
		g.notes[pid] = rest
	}
	return v, ok
}

// Forget drops what is remembered of a process that ended.
func (g *Gate) Forget(pid uint32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.notes, pid)
}

// stronger returns the verdict that says more.
func stronger(a, b Verdict) Verdict {
	rank := func(v Verdict) int {
		switch v.TLS {
		case "":
			return 0
		case "none":
			return 1
		}
		return 2
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}

// Late examines the executable that process pid runs by now, for an exec that
// did not pass the gate: from another mount namespace, from memory, from a
// mount that cannot be watched. What it did before this is not observed.
func (g *Gate) Late(pid uint32) Verdict {
	f, err := os.Open(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return Verdict{Missing: "it ended before its executable could be examined"}
	}
	defer f.Close()
	v, seen, err := g.look(int(f.Fd()))
	switch {
	case err != nil:
		v.Missing = fmt.Sprintf("the executable could not be examined: %v", err)
	case !seen && v.TLS == "crypto/tls" && v.Missing == "":
		v.Missing = "the TLS probe was placed after it had started: a first handshake may stay closed"
	}
	return v
}

// Monotonic returns CLOCK_MONOTONIC in nanoseconds, the clock of BPF.
func Monotonic() uint64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0
	}
	return uint64(ts.Nano())
}
