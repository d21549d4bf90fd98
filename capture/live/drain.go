//go:build linux

package live

import (
	"time"

	"github.com/gopx-trace/gopx-trace/bpf"
)

// readWait is how late ordinary samples come ([bpf.Probe.Read]).
const readWait = 20 * time.Millisecond

// How long a run goes on after its command.
const (
	// drainIdle is how long after its exit the packets of a command's closing
	// sockets may come: a FIN is answered within a round trip. What comes must
	// pause for readWait then.
	drainIdle = 50 * time.Millisecond
	// drainMax bounds that when children go on talking.
	drainMax = 2 * time.Second
	// drainWait is the pause that is enough where nobody can answer any more.
	drainWait = time.Millisecond
)

// drain follows the samples of a run for when to stop reading.
type drain struct {
	peers peers
	// leaving is set when the process of the command has ended: what is still to
	// come is waited for with short reads.
	leaving bool
	// reaped is set when its exit status is known.
	reaped bool
	// pause is since when reads have found nothing; zero if the last found a
	// sample.
	pause time.Time
}

// wait is how long the next read may wait.
func (d *drain) wait() time.Duration {
	if d.leaving {
		return drainWait
	}
	return readWait
}

// found takes in a sample of a command with process id pid.
func (d *drain) found(s *bpf.Sample, pid int) {
	d.peers.see(s)
	d.leaving = d.leaving || s.Kind == bpf.KindExit && int(s.PID) == pid
	d.pause = time.Time{}
}

// nothing takes in that a read has waited in vain.
func (d *drain) nothing() {
	if d.pause.IsZero() {
		d.pause = time.Now().Add(-d.wait())
	}
}

// over reports whether all is read of a command that ended at a time. alone
// reports whether none of its processes is left and no sample was lost.
func (d *drain) over(ended time.Time, alone func() bool) bool {
	if !d.reaped { // only a pause from now on counts
		d.leaving, d.reaped, d.pause = true, true, time.Time{}
	}
	since := time.Since(ended)
	switch {
	case since >= drainMax:
		return true
	case d.pause.IsZero():
		return false
	case since >= drainIdle && time.Since(d.pause) >= readWait:
		return true
	}
	return d.peers.silent() && alone()
}
