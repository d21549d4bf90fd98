package decode

import (
	"slices"

	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/keylog"
)

// Record content types (RFC 8446, section 5.1; RFC 6520).
const (
	recordChangeCipherSpec = 20
	recordAlert            = 21
	recordHandshake        = 22
	recordApplication      = 23
	recordHeartbeat        = 24
)

const (
	recordHeader = 5
	// maxRecordBody is the longest fragment, that of TLS 1.2 (RFC 5246,
	// section 6.2.3).
	maxRecordBody = 1<<14 + 2048
	// maxNotTLS is how many bytes of an answer that is no TLS are kept.
	maxNotTLS = 64
)

// tlsHalf is one direction of a TLS layer.
type tlsHalf struct {
	dir flow.Dir
	// buf is the start of a record that goes on in a later segment.
	buf []byte
	// passed is what was left out of buf.
	passed tlsPassed
	// skip is what is left of a record that will not be opened.
	skip int
	// seen: a record was read. foreign: the direction is not TLS at all.
	seen, foreign bool
	lost          tlsLoss
	// read counts the bytes of opened records, tried those of failed trials.
	read, tried int
	messages    tlsMessages

	epoch  epoch
	opener *keylog.Opener
	// unread counts the records, since the last one opened, that were lost or
	// did not open: the opener has not counted them.
	unread uint64
	// failures counts records in a row that did not open.
	failures int
	// closed: no record of the epoch will be opened any more.
	closed bool

	// missing are application bytes lost before there was a stream inside.
	missing uint64
	// ended: the stream inside has ended in this direction, as how and endMark say.
	ended   bool
	how     flow.Ending
	endMark flow.Mark
	// done: what carries the layer has ended in this direction.
	done bool
}

// read takes the bytes of one segment. It returns what it could not use yet
// and false if a secret has to come first.
func (t *tlsLayer) read(h *tlsHalf, b []byte, m flow.Mark) (rest []byte, done bool) {
	for {
		switch {
		case h.foreign:
			t.notTLS(h, b)
			return nil, true
		case h.skip > 0:
			n := min(h.skip, len(b))
			h.skip, b = h.skip-n, b[n:]
		case h.lost.now:
			if b, done = t.resync(h, b, m); !done {
				return b, false
			}
		default:
			if b, done = t.nextRecord(h, b, m); !done {
				return b, false
			}
		}
		if len(b) == 0 {
			return nil, true
		}
	}
}

// nextRecord reads the record that b begins with or goes on with.
func (t *tlsLayer) nextRecord(h *tlsHalf, b []byte, m flow.Mark) (rest []byte, done bool) {
	if len(h.buf) > 0 {
		return t.bufferedRecord(h, b, m)
	}
	if len(b) < recordHeader {
		h.buf = append(h.buf, b...)
		return nil, true
	}
	size, ok := h.recordSize(b)
	switch {
	case !ok:
		t.malformed(h)
		return b, true
	case t.skips(h, b[0], size, m):
		h.skip = size
		return b, true
	case len(b) < size:
		h.buf = append(h.buf, b[:recordHeader]...)
		return t.bufferedRecord(h, b[recordHeader:], m)
	case !t.record(h, b[:size], m):
		return b, false
	}
	return b[size:], true
}

// bufferedRecord goes on with a record that began in an earlier segment.
func (t *tlsLayer) bufferedRecord(h *tlsHalf, b []byte, m flow.Mark) (rest []byte, done bool) {
	if b = h.fill(b, recordHeader); len(h.buf) < recordHeader {
		return nil, true
	}
	size, ok := h.recordSize(h.buf)
	switch {
	case !ok:
		b = slices.Concat(h.buf, b)
		h.buf = h.buf[:0]
		t.malformed(h)
		return b, true
	case t.skips(h, h.buf[0], size, m):
		h.skip = size - len(h.buf)
		h.buf = h.buf[:0]
		return b, true
	}
	b = t.passOver(h, b, size)
	if b = h.fill(b, size-h.passed.bytes); len(h.buf)+h.passed.bytes < size {
		return nil, true
	}
	if h.passed.bytes > 0 {
		t.passedRecord(h, m)
		return b, true
	}
	if !t.record(h, h.buf, m) {
		return b, false
	}
	h.buf = h.buf[:0]
	return b, true
}

// fill moves bytes from b until buf has n.
func (h *tlsHalf) fill(b []byte, n int) (rest []byte) {
	k := min(max(n-len(h.buf), 0), len(b))
	h.buf = append(h.buf, b[:k]...)
	return b[k:]
}

// recordSize is the function of that name, and knows what a direction may
// begin with.
func (h *tlsHalf) recordSize(b []byte) (n int, ok bool) {
	if !h.seen && isSSL2Hello(b) {
		return ssl2Size(b), true
	}
	return recordSize(b)
}

// recordSize returns the length of a record with its header, or false if b
// does not begin with a record header.
func recordSize(b []byte) (n int, ok bool) {
	n = int(b[3])<<8 | int(b[4])
	ok = b[0] >= recordChangeCipherSpec && b[0] <= recordHeartbeat && b[1] == 3 && b[2] <= 4 && n <= maxRecordBody
	return recordHeader + n, ok
}

// skips says whether a record passes by unread, and counts it then.
func (t *tlsLayer) skips(h *tlsHalf, typ uint8, size int, m flow.Mark) bool {
	if !h.closed || !h.protects(typ) {
		return false
	}
	t.unopened(h, typ, size, m)
	return true
}

// malformed is where a record should begin and none does.
func (t *tlsLayer) malformed(h *tlsHalf) {
	if h.seen {
		h.lose(0)
		return
	}
	h.foreign = true
}

// notTLS keeps the first bytes of a direction in which no record was seen.
func (t *tlsLayer) notTLS(h *tlsHalf, b []byte) {
	if h.seen || t.handshake.client == h.dir {
		return
	}
	t.facts.NotTLS = append(t.facts.NotTLS, b[:min(len(b), maxNotTLS-len(t.facts.NotTLS))]...)
}

// protects says whether records of a type are protected by now.
func (h *tlsHalf) protects(typ uint8) bool {
	return typ == recordApplication || h.epoch == epochSealed
}

// record reads one whole record; false if a secret has to come first.
func (t *tlsLayer) record(h *tlsHalf, r []byte, m flow.Mark) bool {
	if !h.seen && isSSL2Hello(r) {
		h.seen = true
		t.ssl2Hello(h, r, m)
		return true
	}
	h.seen = true
	if !h.protects(r[0]) {
		t.content(h, r[0], r[recordHeader:], m)
		return true
	}
	if t.skim(h, r, 0, m) {
		return true
	}
	t.makeRoom(len(r))
	typ, plain, how := t.openRecord(h, r)
	switch how {
	case awaited:
		return false
	case unopenable:
		t.unopened(h, r[0], len(r), m)
	case opened:
		t.facts.Decrypted = true
		t.scratch = plain[:0]
		h.read += len(r)
		t.content(h, typ, plain, m)
	}
	return true
}

// makeRoom sees to it that a record of n bytes can be opened into scratch.
func (t *tlsLayer) makeRoom(n int) {
	if cap(t.scratch) < n {
		t.scratch = make([]byte, 0, max(n, 2*cap(t.scratch)))
	}
}

// unopened counts a protected record of size bytes that stays closed.
func (t *tlsLayer) unopened(h *tlsHalf, typ uint8, size int, m flow.Mark) {
	t.progress.closedRecord(t, h, typ, size, m)
	n := uint64(max(size-h.overhead(), 1))
	switch {
	case typ != recordApplication:
	case h.epoch == epochEarly:
		t.early.miss(t, n, m)
	case h.epoch == epochTraffic, h.epoch == epochSealed:
		t.missing(h, n, m)
	}
}

// content dispatches what a record carried, in the clear or opened.
func (t *tlsLayer) content(h *tlsHalf, typ uint8, body []byte, m flow.Mark) {
	switch typ {
	case recordChangeCipherSpec:
		t.changeCipherSpec(h)
	case recordAlert:
		t.alert(h, body, m)
	case recordHandshake:
		t.messages(h, body, m)
	case recordApplication:
		t.progress.application(t, h, m)
		t.application(h, body, m)
	}
}
