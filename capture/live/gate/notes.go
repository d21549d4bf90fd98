//go:build linux

package gate

import "golang.org/x/sys/unix"

// note says what an execve of one process opened.
type note struct {
	at      uint64 // CLOCK_MONOTONIC, ns
	verdict Verdict
}

// Limits of the notes that nobody asked for yet. Past them the oldest are
// dropped, and their process is examined again by whoever asks.
const (
	maxPIDs  = 1 << 14
	maxNotes = 16 // of one process: script, interpreter, loader, and further execs
)

// examine looks at the executable open at fd, which process pid is about to
// run, and notes the result.
func (g *Gate) examine(fd int, pid uint32) {
	v, seen, err := g.examiner.look(fd)
	if err != nil {
		v = Verdict{Missing: unexamined(err)}
	}
	if !seen {
		g.mu.Lock()
		g.stats.Examined++
		g.mu.Unlock()
	}
	g.note(pid, v)
}

// note remembers a verdict on what process pid is about to run.
func (g *Gate) note(pid uint32, v Verdict) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stats.Execs++
	if len(g.notes) >= maxPIDs {
		clear(g.notes)
	}
	n := g.notes[pid]
	if len(n) >= maxNotes {
		n = n[1:]
	}
	g.notes[pid] = append(n, note{at: Monotonic(), verdict: v})
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
	if rank(b) > rank(a) {
		return b
	}
	return a
}

// rank orders verdicts by how much they say. Secrets that cannot be seen say
// more than the loader's lack of any: it stands beside every program that is
// linked dynamically.
func rank(v Verdict) int {
	switch {
	case v.TLS != "" && v.TLS != noTLS:
		return 3
	case v.Missing != "":
		return 2
	case v.TLS == noTLS:
		return 1
	}
	return 0
}

// Monotonic returns CLOCK_MONOTONIC in nanoseconds, the clock of BPF samples.
func Monotonic() uint64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0
	}
	return uint64(ts.Nano())
}
