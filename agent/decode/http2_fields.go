package decode

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"golang.org/x/net/http2/hpack"

	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// Limits against header compression bombs (RFC 7541, section 7.3), in bytes.
const (
	// defaultTable is the dynamic table before any SETTINGS (RFC 9113, section 6.5.2).
	defaultTable = 4 << 10
	// maxTable is the largest dynamic table that a peer may announce.
	maxTable = 1 << 20
	// maxString is the longest name or value.
	maxString = 256 << 10
	// maxFieldList is the sum, by RFC 9113's count of 32 bytes more for each
	// field, of the fields kept of one header block. The rest is decompressed,
	// for the table's sake, and dropped.
	maxFieldList = 1 << 20
)

// fields2 decompresses the header blocks of one direction.
type fields2 struct {
	decoder *hpack.Decoder
	allowed uint32
	// block is the one being read; nil between blocks.
	block *block2
	// current and scratch are used again for each block; what is kept of a
	// block is a copy of the right length.
	current block2
	scratch []trace.Header
}

// block2 is a header block: HEADERS or PUSH_PROMISE, and its CONTINUATIONs.
type block2 struct {
	// of is the stream that carries the block, stream the one it is about:
	// these differ for a promise.
	of, stream uint32
	pushed     bool
	endStream  bool
	first      flow.Mark
	fields     []trace.Header
	size       uint32
	// cut is set when fields were dropped.
	cut bool
}

func (f *fields2) start() {
	f.allowed = defaultTable
	f.decoder = hpack.NewDecoder(defaultTable, f.emit)
	f.decoder.SetMaxStringLength(maxString)
}

// emit takes a field from the decompressor.
func (f *fields2) emit(h hpack.HeaderField) {
	b := f.block
	if b.size += h.Size(); b.size > maxFieldList {
		b.cut = true
		f.decoder.SetEmitEnabled(false)
		return
	}
	b.fields = append(b.fields, trace.Header{Name: text(h.Name), Value: text(h.Value)})
}

// allow takes the other side's SETTINGS. The table may grow up to the largest
// size that was ever allowed: when exactly a limit came into force cannot be
// known between the two.
func (f *fields2) allow(settings []byte) {
	const headerTableSize = 1
	for ; len(settings) >= 6; settings = settings[6:] {
		if binary.BigEndian.Uint16(settings) == headerTableSize {
			f.allowed = max(f.allowed, min(binary.BigEndian.Uint32(settings[2:]), maxTable))
		}
	}
	f.decoder.SetAllowedMaxDynamicTableSize(f.allowed)
}

// headers takes the payload of a HEADERS, PUSH_PROMISE or CONTINUATION frame.
func (r *reader2) headers(b []byte, m flow.Mark) {
	f := &r.frame
	fragment, ok := b, true
	if f.kind != frameContinuation {
		fragment, ok = r.begin(b)
	}
	if !ok {
		r.lose("a header frame is shorter than its fields", m)
		return
	}
	if _, err := r.fields.decoder.Write(fragment); err != nil {
		r.lose("header compression: "+err.Error(), m)
		return
	}
	if r.fields.block.cut { // said at once: the block may have no end
		r.h.c.note(fmt.Sprintf("HTTP/2: a header block is longer than %d bytes; its last fields are not shown", maxFieldList))
	}
	if f.flags&flagEndHeaders == 0 {
		return
	}
	if err := r.fields.decoder.Close(); err != nil {
		r.lose("header compression: "+err.Error(), m)
		return
	}
	block := r.fields.finish()
	if block.cut {
		r.fields.decoder.SetEmitEnabled(true)
	}
	r.block(block, m)
}

// finish ends a block. It is valid until the next one begins, its fields are
// for good.
func (f *fields2) finish() *block2 {
	b := f.block
	f.block, f.scratch = nil, b.fields
	b.fields = append(make([]trace.Header, 0, len(b.fields)), b.fields...)
	return b
}

// begin opens a block and returns its first fragment: the payload without
// padding, priority and promised stream (RFC 9113, sections 6.2 and 6.6).
func (r *reader2) begin(b []byte) (fragment []byte, ok bool) {
	f := &r.frame
	pad := 0
	if f.flags&flagPadded != 0 {
		if len(b) == 0 {
			return nil, false
		}
		pad, b = int(b[0]), b[1:]
	}
	block := &r.fields.current
	*block = block2{of: f.stream, stream: f.stream, first: f.first, fields: r.fields.scratch[:0]}
	skip := 0
	switch {
	case f.kind == framePush:
		skip = 4
		block.pushed = true
	case f.flags&flagPriority != 0:
		skip = 5
	}
	if len(b) < skip+pad {
		return nil, false
	}
	if block.pushed {
		block.stream = binary.BigEndian.Uint32(b) & (1<<31 - 1)
	}
	block.endStream = !block.pushed && f.flags&flagEndStream != 0
	r.fields.block = block
	return b[skip : len(b)-pad], true
}

// block takes a whole header block.
func (r *reader2) block(b *block2, m flow.Mark) {
	s := r.h.streams[b.stream]
	switch {
	case b.pushed:
		if s == nil && r.d == flow.ToClient && r.methodical(b) {
			r.h.open(b, m)
		}
		return
	case r.d == flow.ToClient:
		if s == nil {
			return
		}
		r.answer(s, b, m)
	case s == nil:
		if b.stream%2 == 0 || b.stream <= r.highest {
			return // trailers of a stream that is over, or nonsense
		}
		r.highest = b.stream
		if !r.methodical(b) {
			return
		}
		s = r.h.open(b, m)
	}
	if b.endStream {
		r.h.half(s, r.d, m)
	}
}

// methodical reports whether a request's block has a method, without which
// nothing can be told of it (RFC 9113, section 8.3.1), and notes it if not.
func (r *reader2) methodical(b *block2) bool {
	if trace.First(b.fields, ":method") != "" {
		return true
	}
	r.h.c.note("HTTP/2: a request without a method; it is not shown")
	return false
}

// answer takes a header block of the server: an interim answer, the head of
// the final one, or trailers (RFC 9113, section 8.1).
func (r *reader2) answer(s *stream2, b *block2, m flow.Mark) {
	status, err := strconv.Atoi(trace.First(b.fields, ":status"))
	upgraded := s.r.Status == 101
	switch {
	case err != nil:
		if s.answered {
			s.r.Trailers = b.fields
		}
	case status/100 == 1:
		s.interim(status)
	case upgraded:
		s.r.UpgradedStatus = status
		s.hash, s.keep = true, true
	case !s.answered:
		s.exchange.answer(status, "", b.fields, b.first, m)
		s.connected(m)
	}
}
