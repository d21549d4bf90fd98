package decode

import (
	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/keylog"
)

// Limits of finding the record boundaries again after a loss.
const (
	// A direction may decrypt trialCredit bytes by trial and trialShare more for
	// each byte that it has opened, so that the work stays in proportion to the
	// input; maxTrial bounds it for one candidate under one key.
	trialCredit = 2 << 20
	trialShare  = 8
	maxTrial    = 8 << 20
	// trialCost is what a trial costs beside the record's bytes.
	trialCost = 256
	// minTrials is how many numbers are tried at least, and smallRecord the
	// mean length of records below which a long loss is not bridged.
	minTrials   = 64
	smallRecord = 512
)

// tlsLoss is a place in a direction at which the record boundaries are unknown.
type tlsLoss struct {
	now bool
	// bytes were lost or passed over.
	bytes uint64
	// buf are the bytes in which a record is looked for.
	buf []byte
}

// gap is a hole of n bytes. A hole inside one record costs that record; any
// other costs the record boundaries too.
func (t *tlsLayer) gap(h *tlsHalf, n uint64, m flow.Mark) {
	if skipped := min(n, uint64(h.skip)); skipped > 0 {
		h.skip -= int(skipped)
		n -= skipped
	}
	if n == 0 || h.foreign {
		return
	}
	if h.dir == t.handshake.client {
		t.partialHello(h, m)
	}
	h.messages.reset()
	if !h.lost.now && len(h.buf) >= recordHeader {
		size, _ := h.recordSize(h.buf)
		if left := uint64(size - len(h.buf) - h.passed.bytes); n <= left {
			h.skip = int(left - n)
			t.loseRecord(h, size, m)
			return
		}
	}
	h.lose(n)
}

// loseRecord drops the record in buf, of size bytes, the end of which is known.
func (t *tlsLayer) loseRecord(h *tlsHalf, size int, m flow.Mark) {
	typ := h.buf[0]
	h.buf, h.passed = h.buf[:0], tlsPassed{}
	if !h.protects(typ) {
		return
	}
	h.unread++
	h.closed = h.closed || h.opener != nil && h.opener.Chained()
	t.unopened(h, typ, size, m)
}

// lose begins the search for the next record after n lost bytes.
func (h *tlsHalf) lose(n uint64) {
	if !h.lost.now {
		h.lost = tlsLoss{now: true}
	}
	h.lost.bytes += n + uint64(len(h.buf)+h.passed.bytes) + uint64(len(h.lost.buf))
	h.buf, h.lost.buf = h.buf[:0], nil
	h.passed = tlsPassed{}
	h.messages.reset()
}

// resync looks for the next record. It returns what follows it in the stream,
// and false if a secret has to come before the search makes sense.
func (t *tlsLayer) resync(h *tlsHalf, b []byte, m flow.Mark) (rest []byte, done bool) {
	if t.awaits(h) {
		return b, false
	}
	h.lost.buf = append(h.lost.buf, b...)
	return t.search(h, m, false), true
}

// search looks for a record in the search buffer and returns what follows it.
// A candidate may have its end in a later segment, unless this is the last.
func (t *tlsLayer) search(h *tlsHalf, m flow.Mark, last bool) (rest []byte) {
	for len(h.lost.buf) >= recordHeader {
		size, ok := recordSize(h.lost.buf)
		whole := len(h.lost.buf) >= size
		if ok && !whole && !last {
			return nil
		}
		if ok && whole && h.lost.plausible(size) && t.resumeAt(h, size, m) {
			return h.found(size)
		}
		h.lost.buf = h.lost.buf[1:]
		h.lost.bytes++
	}
	return nil
}

// endLoss ends a search because the direction ends.
func (t *tlsLayer) endLoss(h *tlsHalf, m flow.Mark) {
	for h.lost.now && len(h.lost.buf) >= recordHeader {
		t.read(h, t.search(h, m, true), m)
	}
	if h.lost.now && (h.epoch == epochTraffic || h.epoch == epochSealed) {
		t.missing(h, h.lost.bytes, m)
	}
}

// awaits says whether a secret may come with which a record could be proven to
// be one.
func (t *tlsLayer) awaits(h *tlsHalf) bool {
	if h.closed {
		return false
	}
	if h.opener == nil && t.hopeful(h.dir, h.epoch) {
		return true
	}
	for _, e := range t.later(h) {
		if t.hopeful(h.dir, e) {
			return true
		}
	}
	return false
}

// found ends the search; the record that was found has size bytes.
func (h *tlsHalf) found(size int) (rest []byte) {
	rest = h.lost.buf[size:]
	h.lost = tlsLoss{}
	return rest
}

// resumeAt reads the candidate of size bytes at the start of the search buffer
// if it is a record.
func (t *tlsLayer) resumeAt(h *tlsHalf, size int, m flow.Mark) bool {
	r := h.lost.buf[:size]
	if !h.closed && t.mayProtect(h, r[0]) {
		before := h.epoch
		t.makeRoom(size)
		typ, plain, ok := t.tryOpen(h, r)
		if ok {
			t.resumed(h, before, m)
			t.facts.Decrypted = true
			t.scratch = plain[:0]
			t.content(h, typ, plain, m)
		}
		if ok || h.opener != nil && !h.closed {
			return ok
		}
	}
	if h.protects(r[0]) {
		t.unopened(h, r[0], size, m)
	} else {
		t.content(h, r[0], r[recordHeader:], m)
	}
	return true
}

// mayProtect says whether a record of a type can be a protected one, though
// the step to its epoch may have been lost.
func (t *tlsLayer) mayProtect(h *tlsHalf, typ uint8) bool {
	s := t.handshake.server
	return h.protects(typ) || h.epoch == epochPlain && s != nil && !s.tls13()
}

// resumed tells the stream inside what was lost, now that a record was opened
// behind it; before is the epoch in which the loss began.
func (t *tlsLayer) resumed(h *tlsHalf, before epoch, m flow.Mark) {
	records := h.unread
	h.unread = 0
	if h.epoch != epochHandshake && (records > 0 || h.epoch == before) {
		t.missing(h, h.lost.estimate(records, h.overhead()), m)
	}
}

// plausible says whether a record of size bytes at the start of the buffer may
// be one: another follows it, as far as can be seen.
func (l *tlsLoss) plausible(size int) bool {
	next := l.buf[size:]
	if len(next) < recordHeader {
		return true
	}
	_, ok := recordSize(next)
	return ok
}

// estimate is how many plaintext bytes were lost, in about that many records.
func (l *tlsLoss) estimate(records uint64, overhead int) uint64 {
	cost := records * uint64(overhead)
	if cost >= l.bytes {
		return 1
	}
	return l.bytes - cost
}

// tryOpen finds the keys and the sequence number of a record, and gives the
// direction up when it has tried too much.
func (t *tlsLayer) tryOpen(h *tlsHalf, r []byte) (typ uint8, plain []byte, ok bool) {
	if typ, plain, ok = t.tryEpoch(h, r); ok {
		return typ, plain, true
	}
	if typ, plain, ok = t.tryLater(h, r); ok {
		return typ, plain, true
	}
	h.closed = h.closed || h.credit() <= 0
	return 0, nil, false
}

// tryEpoch tries the keys of the epoch and, for a KeyUpdate may have been
// lost, those that follow them.
func (t *tlsLayer) tryEpoch(h *tlsHalf, r []byte) (typ uint8, plain []byte, ok bool) {
	if h.opener == nil && h.epoch != epochPlain && h.epoch != epochEarly {
		h.opener, _ = t.newOpener(h.dir, h.epoch)
	}
	if h.opener == nil {
		return 0, nil, false
	}
	if h.opener.Chained() {
		h.closed = true
		return 0, nil, false
	}
	if typ, plain, ok = h.tryKeys(h.opener, h.unread, t.scratch, r); ok {
		return typ, plain, true
	}
	next := h.opener.Next()
	if next == nil {
		return 0, nil, false
	}
	if typ, plain, ok = h.tryKeys(next, 0, t.scratch, r); ok {
		t.facts.KeyUpdates++
		h.opener = next
	}
	return typ, plain, ok
}

// credit is how many bytes may still be decrypted by trial.
func (h *tlsHalf) credit() int { return trialCredit + trialShare*h.read - h.tried }

// tryLater tries the keys of later epochs, the step to which may have been lost.
func (t *tlsLayer) tryLater(h *tlsHalf, r []byte) (typ uint8, plain []byte, ok bool) {
	for _, e := range t.later(h) {
		o, _ := t.newOpener(h.dir, e)
		if o == nil || o.Chained() {
			continue
		}
		if typ, plain, ok = h.tryKeys(o, 0, t.scratch, r); ok {
			n := h.unread
			h.enter(e)
			h.opener, h.unread = o, n
			return typ, plain, true
		}
	}
	return 0, nil, false
}

// tryKeys tries the sequence numbers that the lost bytes leave possible: known
// records were lost for certain, and of the others no fewer than of the
// greatest length and not many more than of a small one. The number found is in unread.
func (h *tlsHalf) tryKeys(o *keylog.Opener, known uint64, scratch, r []byte) (typ uint8, plain []byte, ok bool) {
	low := known
	if o == h.opener {
		low += h.lost.bytes / (recordHeader + maxRecordBody)
	}
	high := low + minTrials + h.lost.bytes/smallRecord
	credit := min(h.credit(), maxTrial)
	for n := low; n <= high && credit > 0; n++ {
		credit -= len(r) + trialCost
		h.tried += len(r) + trialCost
		if typ, plain, err := o.OpenAt(n, scratch, r); err == nil {
			h.unread, h.failures = n, 0
			return typ, plain, true
		}
	}
	return 0, nil, false
}
