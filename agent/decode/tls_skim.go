package decode

import (
	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/keylog"
)

// What is only counted, as long bodies are while a command runs, need not be
// decrypted: a TLS layer asks
// the stream inside what the next bytes are for, and skims records of which it
// needs little. A skimmed record is not authenticated. That its keys and its
// number are right follows from the records before it: one of application data
// was opened with these keys, and none was lost since.

const (
	// minSkimmed is the length of record, in bytes, from which skimming saves more
	// than it costs. Messages that change the keys and alerts are shorter, unless
	// they are padded.
	minSkimmed = 1 << 10
	// fullRecord is the longest plaintext of a record (RFC 8446, section 5.1).
	// Nothing but application data fills it.
	fullRecord = 1 << 14
)

// skim reads a record of application data in parts; false if it has to be
// opened. Of the record, passed bytes were passed over.
func (t *tlsLayer) skim(h *tlsHalf, r []byte, passed int, m flow.Mark) bool {
	if len(r)+passed < minSkimmed || !h.follows() {
		return false
	}
	if n, counted := ahead(t.inner, h.dir); passed == 0 && !counted && (n >= minSkimmed/2 || t.conn.HashAll) {
		return false
	}
	u := h.opener.Unchecked(r, passed)
	if u == nil {
		return false
	}
	h.read += len(r) + passed
	t.progress.application(t, h, m)
	for off := 0; off < u.Len(); {
		off += t.skimPart(h, u, off, passed, m)
	}
	return true
}

// skimPart hands on the plaintext from byte off on as far as it is for one
// purpose, and returns how much that is.
func (t *tlsLayer) skimPart(h *tlsHalf, u *keylog.Unchecked, off, passed int, m flow.Mark) int {
	next, counted := ahead(t.inner, h.dir)
	n := int(min(next, uint64(u.Len()-off)))
	switch {
	case counted:
		count(t.inner, h.dir, uint64(n), m)
	case off < passed: // the other direction has changed what they are for
		n = passed - off
		t.missing(h, uint64(n), m)
	default:
		t.makeRoom(n)
		u.ReadAt(t.scratch[:n], off)
		t.inner.Data(h.dir, t.scratch[:n], m)
	}
	return n
}

// follows says whether the next record of a direction is the one after the
// last that was opened, and for the stream inside.
func (h *tlsHalf) follows() bool {
	return h.opener != nil && (h.epoch == epochTraffic || h.epoch == epochSealed) &&
		h.unread == 0 && h.failures == 0 && !h.closed && !h.ended
}

// tlsPassed are the bytes of the record in buf that were not kept, for they are
// only counted.
type tlsPassed struct {
	// bytes were passed over so far, left are still to be.
	bytes, left int
}

// passOver drops those bytes of a record that need not be kept until it is
// complete. buf has its header, b goes on from there.
func (t *tlsLayer) passOver(h *tlsHalf, b []byte, size int) (rest []byte) {
	p := &h.passed
	if p.bytes == 0 && p.left == 0 {
		front, n := t.passable(h, size)
		if n == 0 || len(h.buf) > front {
			return b
		}
		if b = h.fill(b, front); len(h.buf) < front {
			return nil
		}
		p.left = n
	}
	n := min(p.left, len(b))
	p.bytes, p.left = p.bytes+n, p.left-n
	return b[n:]
}

// passable is how many bytes of a record can be passed over, and how many in
// front of them are needed. Only a full record is sure to carry application
// data, before its end has come.
func (t *tlsLayer) passable(h *tlsHalf, size int) (front, n int) {
	if h.buf[0] != recordApplication || size < fullRecord || !h.follows() || h.opener.Padded() {
		return 0, 0
	}
	front, ok := h.opener.Uncheckable()
	next, counted := ahead(t.inner, h.dir)
	most := size - front - keylog.MinEnd
	if !ok || !counted || size-h.opener.Overhead() != fullRecord || next < minSkimmed {
		return 0, 0
	}
	return front, int(min(next, uint64(most)))
}

// passedRecord takes the end of a record that was passed over in part.
func (t *tlsLayer) passedRecord(h *tlsHalf, m flow.Mark) {
	passed := h.passed.bytes
	h.passed = tlsPassed{}
	if !t.skim(h, h.buf, passed, m) {
		h.messages.reset()
		t.loseRecord(h, len(h.buf)+passed, m)
	}
	h.buf = h.buf[:0]
}

// ahead implements [counter]: what is left of a record that will not be opened
// is only counted.
func (t *tlsLayer) ahead(d flow.Dir) (n uint64, counted bool) {
	h := &t.half[d]
	if len(t.waiting.pieces) > 0 || h.foreign {
		return unlimited, false
	}
	if left := h.skip + h.passed.left; left > 0 {
		return uint64(left), true
	}
	return unlimited, false
}

// count implements [counter].
func (t *tlsLayer) count(d flow.Dir, n uint64, _ flow.Mark) {
	h := &t.half[d]
	if h.skip > 0 {
		h.skip -= int(n)
		return
	}
	h.passed.bytes, h.passed.left = h.passed.bytes+int(n), h.passed.left-int(n)
}
