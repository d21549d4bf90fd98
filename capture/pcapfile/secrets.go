package pcapfile

import (
	"bytes"
	"encoding/hex"
	"time"

	"github.com/gopx-trace/gopx-trace/capture"
)

// recordingMark is the first line of the secrets blocks of a recording: a
// comment to other readers. The secrets below it are delivered where the
// stream refers to them.
const recordingMark = "# gopx1\n"

// maxPending bounds the bytes of key log lines that wait for the time of the
// next event, and maxKept those that wait for a reference; what is beyond is
// delivered at once.
const (
	maxPending = 8 << 20
	maxKept    = 32 << 20
)

// maxLine bounds a line of the key log in bytes, as we write it.
const maxLine = 4096

// secretQueue holds the key log lines that were read and not yet delivered.
type secretQueue struct {
	// lines are to be delivered next.
	lines []byte
	// kept are lines of a recording, starts the offset of each, and delivered
	// tells which of them were.
	kept      []byte
	starts    []uint32
	delivered []bool
	// full is set when there were more lines than may be kept.
	full  bool
	ready *capture.Secret
}

// add takes over the key log of a secrets block.
func (q *secretQueue) add(log []byte, recording bool) {
	marked, ours := bytes.CutPrefix(log, []byte(recordingMark))
	if recording && ours && len(q.kept)+len(marked) > maxKept {
		q.full = true
	}
	if !recording || !ours || q.full {
		q.lines = append(append(q.lines, log...), '\n')
		return
	}
	for len(marked) > 0 {
		line, rest, _ := bytes.Cut(marked, []byte("\n"))
		if len(line) == 0 { // the room
			break
		}
		q.starts = append(q.starts, uint32(len(q.kept)))
		q.kept = append(append(q.kept, line...), '\n')
		marked = rest
	}
	q.delivered = append(q.delivered, make([]bool, len(q.starts)-len(q.delivered))...)
}

// pending tells whether next has a secret to give.
func (q *secretQueue) pending() bool {
	for q.ready == nil && len(q.lines) > 0 {
		line, rest, _ := bytes.Cut(q.lines, []byte("\n"))
		if s, ok := capture.ParseSecret(line); ok {
			s.From = "file"
			q.ready = &s
		}
		q.lines = rest
	}
	return q.ready != nil
}

// large tells whether there are more lines than may wait for the next event.
func (q *secretQueue) large() bool { return len(q.lines) > maxPending && q.pending() }

// next returns the next secret, stamped with t. pending must have said that
// there is one.
func (q *secretQueue) next(t time.Time) *capture.Secret {
	s := q.ready
	q.ready = nil
	s.Time = t
	return s
}

// release queues the kept secrets that nothing referred to, as at the end of a
// recording that was cut off, forgets the others, and returns pending.
func (q *secretQueue) release() bool {
	for i, done := range q.delivered {
		if !done {
			line, _, _ := bytes.Cut(q.kept[q.starts[i]:], []byte("\n"))
			q.lines = append(append(q.lines, line...), '\n')
		}
	}
	q.kept, q.starts, q.delivered, q.full = nil, nil, nil, false
	return q.pending()
}

// keptLine returns the secret in the line of that number, from 0.
func (q *secretQueue) keptLine(n int) (capture.Secret, bool) {
	if n < 0 || n >= len(q.starts) {
		return capture.Secret{}, false
	}
	line, _, _ := bytes.Cut(q.kept[q.starts[n]:], []byte("\n"))
	q.delivered[n] = true
	return capture.ParseSecret(line)
}

// appendSecret appends s as a line, newline included, and tells whether it can
// be written so that [capture.ParseSecret] gives back the same.
func appendSecret(b []byte, s *capture.Secret) ([]byte, bool) {
	if s.Label == "" || s.Label[0] == '#' || len(s.ClientRandom) == 0 || len(s.Secret) == 0 {
		return b, false
	}
	if len(s.Label)+2*len(s.ClientRandom)+2*len(s.Secret) > maxLine {
		return b, false
	}
	for _, c := range []byte(s.Label) {
		if c <= ' ' || c > '~' {
			return b, false
		}
	}
	b = append(append(b, s.Label...), ' ')
	b = append(hex.AppendEncode(b, s.ClientRandom), ' ')
	return append(hex.AppendEncode(b, s.Secret), '\n'), true
}
