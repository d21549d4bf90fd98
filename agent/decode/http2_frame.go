package decode

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/gopx-trace/gopx-trace/agent/flow"
)

// Frame types and flags (RFC 9113, section 6).
const (
	frameData         = 0
	frameHeaders      = 1
	frameReset        = 3
	frameSettings     = 4
	framePush         = 5
	frameGoAway       = 7
	frameContinuation = 9

	flagEndStream  = 0x1 // DATA, HEADERS
	flagAck        = 0x1 // SETTINGS
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20
)

const (
	headerLen2 = 9
	// maxFrame is the longest frame other than DATA that is read, in bytes; of a
	// longer GOAWAY only the debug bytes would be lost, the others need it all.
	maxFrame = 1 << 20
)

// frame2 is a frame header.
type frame2 struct {
	length uint32
	kind   byte
	flags  byte
	stream uint32
	// first is the mark of its first byte.
	first flow.Mark
}

// reader2 takes the bytes of one direction of an HTTP/2 connection apart.
type reader2 struct {
	h *http2
	d flow.Dir

	// header are the bytes of the frame header so far.
	header []byte
	frame  frame2
	// inFrame is set while left bytes of the payload are to come; pad of them,
	// at its end, are padding.
	inFrame bool
	left    uint32
	pad     uint32
	// unpadded is set while the pad length of a DATA frame is still to come.
	unpadded bool
	// buf is the payload so far of a frame that has to be read whole.
	buf []byte
	// started is set after the first frame.
	started bool

	fields  fields2
	highest uint32 // the highest stream id opened

	// lost is set when the rest of the direction cannot be read; reason is what
	// requests without an answer are told.
	lost   bool
	reason string
}

func (r *reader2) start(h *http2, d flow.Dir) {
	r.h, r.d = h, d
	r.fields.start()
}

// step takes some of b, at least one byte.
func (r *reader2) step(b []byte, m flow.Mark) int {
	if !r.inFrame {
		return r.head(b, m)
	}
	n := int(min(uint32(len(b)), r.left))
	switch {
	case r.frame.kind == frameData:
		n = r.data(b[:n], m)
	case !r.whole():
	case len(r.buf) == 0 && n == int(r.left):
		r.left = 0
		r.inFrame = false
		r.payload(b[:n], m)
		return n
	default:
		r.buf = append(r.buf, b[:n]...)
	}
	r.left -= uint32(n)
	if r.left == 0 {
		r.end(m)
	}
	return n
}

// head reads a frame header (RFC 9113, section 4.1).
func (r *reader2) head(b []byte, m flow.Mark) int {
	if len(r.header) == 0 {
		r.frame.first = m
	}
	n := min(len(b), headerLen2-len(r.header))
	r.header = append(r.header, b[:n]...)
	if len(r.header) < headerLen2 {
		return n
	}
	f := &r.frame
	f.length = uint32(r.header[0])<<16 | uint32(r.header[1])<<8 | uint32(r.header[2])
	f.kind, f.flags = r.header[3], r.header[4]
	f.stream = binary.BigEndian.Uint32(r.header[5:]) & (1<<31 - 1)
	if !r.acceptable() {
		r.unacceptable(b[n:], m)
		return n
	}
	r.started = true
	r.header = r.header[:0]
	r.left, r.pad, r.inFrame = f.length, 0, true
	r.unpadded = f.kind == frameData && f.flags&flagPadded != 0
	if r.left == 0 {
		r.end(m)
	}
	return n
}

// acceptable says whether the frame header can stand here: SETTINGS first,
// nothing between the parts of a header block, no header frame beyond all size.
func (r *reader2) acceptable() bool {
	f := &r.frame
	switch {
	case !r.started && (f.kind != frameSettings || f.stream != 0):
		return false
	case r.fields.block != nil && (f.kind != frameContinuation || f.stream != r.fields.block.of):
		return false
	case r.fields.block == nil && f.kind == frameContinuation:
		return false
	}
	return !r.whole() || f.length <= maxFrame
}

// unacceptable gives up at a frame header that cannot stand here. An answer in
// another protocol is told with its start, rest is what follows the header.
func (r *reader2) unacceptable(rest []byte, m flow.Mark) {
	start := string(r.header)
	if !r.started {
		start += string(rest[:min(len(rest), maxQuoted)])
	}
	r.lose("no frame begins with "+strconv.Quote(start), m)
}

// whole says whether the frame's payload is needed in one piece.
func (r *reader2) whole() bool {
	switch r.frame.kind {
	case frameHeaders, frameReset, frameSettings, framePush, frameGoAway, frameContinuation:
		return true
	}
	return false
}

// tunnels says whether the DATA of an open stream is for the stream inside it.
func (r *reader2) tunnels(s *stream2) bool {
	return s.inner != nil && (r.d == flow.ToServer || s.r.Status/100 == 2)
}

// data takes a part of a DATA payload and returns how much.
func (r *reader2) data(b []byte, m flow.Mark) int {
	if r.unpadded {
		r.unpadded = false
		r.pad = min(uint32(b[0]), r.left-1)
		return 1
	}
	n := min(uint32(len(b)), r.left-min(r.left, r.pad))
	if n == 0 {
		return len(b) // padding
	}
	s := r.h.streams[r.frame.stream]
	switch {
	case s == nil:
	case r.tunnels(s):
		s.inner.Data(r.d, b[:n], m)
	case r.d == flow.ToServer:
		s.r.RequestBytes += uint64(n)
	default:
		s.body(b[:n], m)
	}
	return int(n)
}

// end is called after the last byte of a frame.
func (r *reader2) end(m flow.Mark) {
	r.inFrame = false
	if r.whole() {
		b := r.buf
		r.buf = nil
		r.payload(b, m)
		return
	}
	if r.frame.kind == frameData && r.frame.flags&flagEndStream != 0 {
		if s := r.h.streams[r.frame.stream]; s != nil {
			r.h.half(s, r.d, m)
		}
	}
}

// payload takes a frame that was read whole.
func (r *reader2) payload(b []byte, m flow.Mark) {
	f := &r.frame
	switch f.kind {
	case frameHeaders, framePush, frameContinuation:
		r.headers(b, m)
	case frameReset:
		if s := r.h.streams[f.stream]; s != nil && len(b) >= 4 {
			r.h.reset(s, r.d, binary.BigEndian.Uint32(b), m)
		}
	case frameSettings:
		if f.flags&flagAck == 0 {
			// What one side allows is what the other may compress with.
			r.h.readers[r.d.Opposite()].fields.allow(b)
		}
	case frameGoAway:
		r.h.goAway(r.d, b, m)
	}
}

// gap skips n bytes that were not observed. Inside a DATA frame, or one that
// means nothing here, the frame's end is still known.
func (r *reader2) gap(n uint64, m flow.Mark) {
	switch {
	case r.lost:
		return
	case !r.inFrame || r.unpadded || r.whole() || n > uint64(r.left):
		r.miss(m)
		return
	case r.frame.kind == frameData:
		r.missed(uint32(n), m)
	}
	r.left -= uint32(n)
	if r.left == 0 {
		r.end(m)
	}
}

// missed counts bytes of a DATA frame that were not observed.
func (r *reader2) missed(n uint32, m flow.Mark) {
	s := r.h.streams[r.frame.stream]
	if s == nil {
		return
	}
	body := min(n, r.left-min(r.left, r.pad))
	switch {
	case r.tunnels(s):
		s.inner.Gap(r.d, uint64(body), m)
	case r.d == flow.ToServer:
		s.r.RequestBytes += uint64(body)
	default:
		s.exchange.missed(uint64(body))
	}
}

// miss gives the direction up because of our own loss.
func (r *reader2) miss(m flow.Mark) {
	r.lost, r.reason = true, NotObserved
	r.h.c.note(fmt.Sprintf("HTTP/2: bytes before frame %d, sent by %s, are missing; the rest of that direction cannot be read", m.Frame, side(r.d)))
	r.h.lost(r.d, r.reason, m)
}

// lose gives the direction up because its bytes make no sense.
func (r *reader2) lose(why string, m flow.Mark) {
	r.lost, r.reason = true, MalformedAnswer+": "+why
	r.h.c.note(fmt.Sprintf("HTTP/2: frame %d, sent by %s: %s; the rest of that direction was not read", m.Frame, side(r.d), why))
	r.h.lost(r.d, r.reason, m)
}
