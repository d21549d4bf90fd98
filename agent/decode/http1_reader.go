package decode

import (
	"bytes"
	"fmt"

	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// reader1 takes the bytes of one direction of an HTTP/1 connection apart.
type reader1 struct {
	h *http1
	d flow.Dir

	state state1
	// buf are the lines of a head or trailer so far, or a part of one other line.
	buf []byte
	// line is where the unfinished line begins in buf.
	line int
	// first is the mark of the first byte in buf.
	first flow.Mark
	// fresh is set for the first step of a Data call: bytes of a new packet or
	// record, where a message may begin even after a gap.
	fresh bool

	// left are the bytes still to come of the body or of the chunk.
	left uint64
	// x is the exchange whose message is read; nil for an answer to nothing seen.
	x *exchange
}

// state1 is what a reader1 expects next.
type state1 uint8

const (
	inHead state1 = iota
	inLength
	inClose
	inChunkSize
	inChunk
	inChunkEnd
	inTrailer
	// lost1 looks for the start of a message after bytes that were missed or
	// that made no sense.
	lost1
)

// step takes some of b, at least one byte unless the state changes.
func (r *reader1) step(b []byte, m flow.Mark) int {
	switch r.state {
	case inLength, inChunk:
		return r.counted(b, m)
	case inClose:
		if r.x == nil && r.fresh && r.d == flow.ToClient && r.begins(b) {
			// An answer to nothing is not the one to a later request (RFC
			// 9112, section 9.2).
			r.reset(inHead)
			return 0
		}
		r.body(b, m)
		return len(b)
	case lost1:
		return r.resync(b, m)
	case inHead:
		return r.head(b, m)
	}
	n, whole := r.collect(b, m)
	switch {
	case whole:
		r.chunkLine(m)
	case len(r.buf) > maxChunkLine && r.state != inTrailer, len(r.buf) > maxHead:
		r.broken(m)
	}
	return n
}

// collect appends to buf up to the end of a line and says whether it got there.
func (r *reader1) collect(b []byte, m flow.Mark) (n int, whole bool) {
	if len(r.buf) == 0 {
		r.first = m
	}
	n = bytes.IndexByte(b, '\n') + 1
	if whole = n > 0; !whole {
		n = len(b)
	}
	r.buf = append(r.buf, b[:n]...)
	return n, whole
}

// reset forgets the lines read and goes on in another state.
func (r *reader1) reset(s state1) {
	r.state, r.line = s, 0
	if cap(r.buf) > maxChunkLine {
		r.buf = nil
		return
	}
	r.buf = r.buf[:0]
}

// head reads lines up to the empty one that ends a message head.
func (r *reader1) head(b []byte, m flow.Mark) int {
	n, whole := r.collect(b, m)
	line := r.buf[r.line:]
	switch {
	case r.line == 0 && !r.plausible():
		r.broken(m)
	case len(r.buf) > maxHead:
		r.h.c.note(fmt.Sprintf("HTTP/1: a message head is longer than %d bytes; it was not read", maxHead))
		r.broken(m)
	case !whole:
	case blank(line) && r.line == 0:
		r.reset(inHead) // RFC 9112, section 2.2: empty lines before a message
	case blank(line):
		r.message(m)
	default:
		r.line = len(r.buf)
	}
	return n
}

// plausible says whether buf, a first line or a part of it, can start a message.
func (r *reader1) plausible() bool {
	if blank(r.buf) || string(r.buf) == "\r" {
		return true
	}
	if r.buf[len(r.buf)-1] == '\n' {
		_, ok := parseStartLine(r.d, string(r.buf))
		return ok
	}
	if r.d == flow.ToClient {
		return hasPrefix(r.buf, "HTTP/") != no
	}
	return len(r.buf) > 2*maxMethod || matchHTTP1(r.h.c, r.d, r.buf) != no
}

// blank says whether a line is empty but for its end.
func blank(line []byte) bool { return string(line) == "\n" || string(line) == "\r\n" }

// message takes the whole head in buf.
func (r *reader1) message(m flow.Mark) {
	h, cut, _ := parseHead(r.d, string(r.buf))
	first := r.first
	r.reset(inHead)
	if cut {
		r.h.c.note(fmt.Sprintf("HTTP/1: a message has more than %d fields; the others are not shown", maxFields))
	}
	if h.extra != "" {
		r.h.c.note(fmt.Sprintf("HTTP/1: frame %d: blanks in a request target; %s is left out", first.Frame, quoted([]byte(h.extra))))
	}
	if r.d == flow.ToServer && h.method == "PRI" && h.version == "HTTP/2.0" {
		r.h.prior(m)
	} else if r.d == flow.ToServer {
		r.x = r.h.request(h, first, m)
		f, n := h.requestFraming()
		r.framed(f, n, m)
	} else {
		r.answer(h, first, m)
	}
}

// answer goes on after the head of an answer.
func (r *reader1) answer(h head1, first, m flow.Mark) {
	x, method := r.h.answer(h, first, m), ""
	if x != nil {
		if r.h.switched(x, m) {
			return
		}
		method = x.r.Method
	}
	r.x = x
	f, n := h.answerFraming(method)
	r.framed(f, n, m)
	if x != nil && x.upgrade {
		r.h.resume()
	}
}

// framed begins the body that the head announced.
func (r *reader1) framed(f framing, n uint64, m flow.Mark) {
	r.left = n
	switch f {
	case noBody:
		r.finish(m)
	case byLength:
		r.state = inLength
	case byChunks:
		r.state = inChunkSize
	case byClose:
		r.state = inClose
	case unframed:
		r.h.c.note("HTTP/1: a request whose body has no valid length; what follows it is guessed")
		r.state = lost1
	}
}

// counted reads body bytes whose number is known.
func (r *reader1) counted(b []byte, m flow.Mark) int {
	n := int(min(uint64(len(b)), r.left))
	r.body(b[:n], m)
	r.left -= uint64(n)
	r.bodyEnd(m)
	return n
}

// bodyEnd goes on after the last byte of a body or chunk.
func (r *reader1) bodyEnd(m flow.Mark) {
	switch {
	case r.left > 0:
	case r.state == inChunk:
		r.reset(inChunkEnd)
	default:
		r.finish(m)
	}
}

// body hands on body bytes.
func (r *reader1) body(b []byte, m flow.Mark) {
	switch {
	case r.x == nil:
	case r.d == flow.ToServer:
		r.x.r.RequestBytes += uint64(len(b))
	default:
		r.x.body(b, m)
	}
}

// chunkLine takes a line of the chunked coding (RFC 9112, section 7.1).
func (r *reader1) chunkLine(m flow.Mark) {
	switch r.state {
	case inChunkEnd:
		if !blank(r.buf) {
			r.broken(m)
			return
		}
		r.reset(inChunkSize)
	case inChunkSize:
		n, ok := parseChunkSize(string(r.buf))
		switch {
		case !ok:
			r.broken(m)
		case n == 0:
			r.reset(inTrailer)
		default:
			r.reset(inChunk)
			r.left = n
		}
	case inTrailer:
		if !blank(r.buf[r.line:]) {
			r.line = len(r.buf)
			return
		}
		if r.d == flow.ToClient && r.x != nil && r.line > 0 {
			r.x.r.Trailers, _ = parseFields(string(r.buf[:r.line]))
		}
		r.finish(m)
	}
}

// finish ends a message.
func (r *reader1) finish(m flow.Mark) {
	x := r.x
	r.x = nil
	r.reset(inHead)
	switch {
	case x == nil:
	case r.d == flow.ToServer:
		r.h.requested(x, m)
	default:
		x.complete(m)
	}
}

// broken gives up on a message that makes no sense and looks for the next.
func (r *reader1) broken(m flow.Mark) {
	if r.x != nil && r.d == flow.ToClient {
		r.x.fail(AnswerCut+": its framing is broken", m)
	} else {
		r.h.malformed(r.d, r.buf, m)
	}
	r.x = nil
	r.reset(lost1)
}

// gap skips n bytes that were not observed.
func (r *reader1) gap(n uint64, m flow.Mark) {
	switch {
	case r.state == inClose:
		r.skip(n)
	case (r.state == inLength || r.state == inChunk) && n <= r.left:
		r.skip(n)
		r.left -= n
		r.bodyEnd(m)
	default:
		r.lose(m)
	}
}

// skip counts body bytes that were not observed.
func (r *reader1) skip(n uint64) {
	switch {
	case r.x == nil:
	case r.d == flow.ToServer:
		r.x.r.RequestBytes += n
	default:
		r.x.missed(n)
	}
}

// lose gives up on the message that a gap broke; what was read of it stays.
func (r *reader1) lose(m flow.Mark) {
	r.partial(m)
	if r.d == flow.ToClient {
		r.h.doubtful = len(r.h.pending)
	}
	if r.x != nil && r.d == flow.ToClient {
		r.x.fail(NotObserved+" to its end", m)
	}
	r.x = nil
	r.reset(lost1)
}

// partial tells of a message whose head was read in part: its start line and
// the whole lines after it.
func (r *reader1) partial(m flow.Mark) {
	if r.state != inHead {
		return
	}
	h, _, ok := parseHead(r.d, string(r.buf[:r.line]))
	if r.line == 0 && r.d == flow.ToServer {
		h, ok = parseCutRequestLine(string(r.buf))
		h.fields = []trace.Header{}
	}
	switch {
	case !ok:
	case r.d == flow.ToServer:
		r.h.request(h, r.first, m)
	default:
		r.x = r.h.answer(h, r.first, m)
		if x := r.x; x != nil && x.upgrade && x.r.Status/100 > 2 {
			r.h.resume()
		}
	}
}

// resync looks for a start line: at the start of a packet or record, or after
// the end of a line.
func (r *reader1) resync(b []byte, m flow.Mark) int {
	if r.fresh && r.begins(b) {
		r.reset(inHead)
		return 0
	}
	n, whole := r.collect(b, m)
	if !whole && len(r.buf) <= maxHead {
		return n
	}
	if h, ok := parseStartLine(r.d, string(r.buf)); whole && ok && h.version != "" {
		r.state, r.line = inHead, len(r.buf)
	} else {
		r.reset(lost1)
	}
	return n
}

// begins says whether b can be the start of a message.
func (r *reader1) begins(b []byte) bool {
	if r.d == flow.ToClient {
		return bytes.HasPrefix(b, []byte("HTTP/1."))
	}
	line, _, whole := bytes.Cut(b, []byte("\n"))
	h, ok := parseRequestLine(string(line))
	return whole && ok && h.version != ""
}

// end ends the direction.
func (r *reader1) end(how flow.Ending, m flow.Mark) {
	r.partial(m)
	x := r.x
	r.x = nil
	if x == nil || r.d == flow.ToServer {
		return
	}
	if r.state == inClose && how == flow.Finished {
		x.complete(m)
		return
	}
	x.ended(how, m)
}
