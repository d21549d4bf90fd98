package pcapfile

import (
	"fmt"
	"time"

	"github.com/gopx-trace/gopx-trace/capture"
)

// cutLength is how much of a packet stays when its payload is cut, in bytes:
// enough for the headers up to TCP with all options. smallPacket is the size up
// to which packets are cut only after all larger ones: these are handshakes and
// HTTP headers rather than bodies.
const (
	cutLength   = 128
	smallPacket = 512
)

// reserved is the share of the maximum size that packets leave to other events,
// and the least that a compaction must free to be worth its while.
const reserved = 16

// limiter keeps a recording below its maximum size.
type limiter struct {
	// max is the maximum size, 0 for none.
	max int64
	// big and small are the bytes that cutting the larger and the smaller
	// packets of the file would free.
	big, small int64
	// packets and bytes count what was cut or left out; told is the part of
	// them that stands in the recording.
	packets, bytes uint64
	told           capture.Cut
	// full is set from the first packet that was left out: none may follow it,
	// or the frame numbers of a live run would not be those of its recording.
	full bool
	// events counts other events that were left out.
	events int
}

// add counts a packet of n captured bytes.
func (l *limiter) add(n int) {
	if n > smallPacket {
		l.big += savable(n)
	} else {
		l.small += savable(n)
	}
}

// savable is how many bytes cutting a packet of n bytes frees.
func savable(n int) int64 { return int64(max(padded(n)-cutLength, 0)) }

// Cut returns how many packets the maximum size has cut or kept out so far, and
// how many bytes are missing of them. The recording says the same in its
// [capture.Cut] events, whose numbers add up.
func (w *Writer) Cut() (packets, bytes uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.limit.packets, w.limit.bytes
}

// admitPacket makes room for a packet of n bytes and tells whether it may be
// written.
func (w *Writer) admitPacket(n int) bool {
	l := &w.limit
	l.full = l.full || !w.makeRoom(int64(n)+maxPacketBlock-maxPacket, l.max-l.max/reserved)
	if w.err != nil {
		return false
	}
	if l.full {
		l.packets++
		l.bytes += uint64(n)
		return false
	}
	l.add(n)
	return true
}

// admit makes room for a block of size bytes with an event and tells whether it
// may be written. What matters most may take the last of the reserve.
func (w *Writer) admit(kind string, size int64) bool {
	bound := w.limit.max - w.limit.max/reserved/4
	switch kind {
	case typeExit, typeCut, typeNotSeen:
		bound = w.limit.max
	}
	ok := w.makeRoom(size, bound)
	if !ok && w.err == nil {
		w.limit.events++
	}
	return ok
}

// makeRoom tells whether size more bytes stay within bound, if need be after
// cutting packets until the file is down to five eighths of the maximum: a
// compaction copies the file, so there should be few.
func (w *Writer) makeRoom(size, bound int64) bool {
	l := &w.limit
	if l.max == 0 || w.size()+size <= bound {
		return true
	}
	if l.big+l.small >= l.max/reserved {
		if err := w.rewrite(w.size()+size-l.max/8*5, keepRoom); err != nil {
			w.fail(err)
		}
	}
	return w.err == nil && w.size()+size <= bound
}

func (w *Writer) size() int64 { return w.off + int64(len(w.buf)) }

// untold returns what was cut since the recording last said so, and takes it as
// said.
func (l *limiter) untold(now time.Time) capture.Cut {
	c := capture.Cut{Time: now, Packets: l.packets - l.told.Packets, Bytes: l.bytes - l.told.Bytes}
	l.told.Packets, l.told.Bytes = l.packets, l.bytes
	return c
}

// tellOmissions records at the end what the maximum size kept out.
func (w *Writer) tellOmissions() {
	if c := w.limit.untold(w.last); c.Packets > 0 {
		w.event(typeCut, &c)
	}
	if n := w.limit.events; n > 0 {
		w.event(typeNotSeen, &capture.NotSeen{Time: w.last, Text: fmt.Sprintf("%d events were left out of the recording, which has reached its maximum size", n)})
	}
}
