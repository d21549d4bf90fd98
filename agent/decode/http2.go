package decode

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// preface2 is what a client sends first (RFC 9113, section 3.4).
const preface2 = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

const (
	// maxStreams is how many HTTP/2 streams of a connection may be open.
	maxStreams = 4096
	// maxDebug is how many debug bytes of a GOAWAY are told.
	maxDebug = 256
)

// http2 decodes HTTP/2 (RFC 9113). DATA is counted and hashed as it goes by,
// never kept; each direction has one HPACK decoder from its first byte on.
type http2 struct {
	c       *Conn
	readers [2]reader2
	streams map[uint32]*stream2
	// preface are the bytes of the client's preface still to come.
	preface string
	// goneAway is the error code of the server's GOAWAY; "" without one.
	goneAway string
	// ended is set when the server's direction has ended, and how.
	ended *flow.Ending
}

// stream2 is an open HTTP/2 stream.
type stream2 struct {
	*exchange
	id uint32
	// closed says which directions have ended.
	closed [2]bool
	// inner gets the DATA of a CONNECT stream (RFC 9113, section 8.5).
	inner flow.Stream
}

// close ends one direction of the stream.
func (s *stream2) close(d flow.Dir, how flow.Ending, m flow.Mark) {
	if s.inner != nil && !s.closed[d] {
		s.inner.End(d, how, m)
	}
	s.closed[d] = true
}

// connected goes on after the head of the answer to a CONNECT.
func (s *stream2) connected(m flow.Mark) {
	switch {
	case s.inner == nil:
		return
	case s.r.Status/100 == 2:
		s.complete(m)
	default:
		s.inner = nil
	}
	s.tunnel(m)
}

// matchHTTP2 accepts the client's preface. A server may send its SETTINGS
// before the client has sent anything: where ALPN agreed on h2 they wait for
// the client, because some clients agree and then write HTTP/1.1.
func matchHTTP2(c *Conn, d flow.Dir, first []byte) verdict {
	switch {
	case d == flow.ToServer:
		return hasPrefix(first, preface2)
	case c.ALPN == "h2":
		return more
	}
	return no
}

func newHTTP2(c *Conn) *http2 {
	h := &http2{c: c, streams: map[uint32]*stream2{}, preface: preface2}
	for d := range h.readers {
		h.readers[d].start(h, flow.Dir(d))
	}
	return h
}

// newUpgraded continues an HTTP/1.1 connection after "Upgrade: h2c": x, which
// was answered 101, is the request of stream 1 (RFC 7540, section 3.2).
func newUpgraded(c *Conn, x *exchange) *http2 {
	h := newHTTP2(c)
	id := uint32(1)
	x.r.HTTPStream = &id
	h.streams[id] = &stream2{exchange: x, id: id, closed: [2]bool{flow.ToServer: true}}
	h.readers[flow.ToServer].highest = id
	return h
}

// Data implements [flow.Stream].
func (h *http2) Data(d flow.Dir, b []byte, m flow.Mark) {
	r := &h.readers[d]
	if d == flow.ToServer && h.preface != "" && !r.lost {
		n := min(len(b), len(h.preface))
		if string(b[:n]) != h.preface[:n] {
			r.lose("it does not begin with the preface", m)
		}
		h.preface = h.preface[n:]
		b = b[n:]
	}
	for len(b) > 0 && !r.lost {
		b = b[r.step(b, m):]
	}
}

// Gap implements [flow.Stream].
func (h *http2) Gap(d flow.Dir, n uint64, m flow.Mark) { h.readers[d].gap(n, m) }

// End implements [flow.Stream].
func (h *http2) End(d flow.Dir, how flow.Ending, m flow.Mark) {
	for _, s := range h.sorted() {
		s.close(d, how, m)
	}
	if d == flow.ToServer {
		return
	}
	h.ended = &how
	for _, s := range h.sorted() {
		h.unanswered(s, how, m)
	}
}

// unanswered ends a stream whose connection ended.
func (h *http2) unanswered(s *stream2, how flow.Ending, m flow.Mark) {
	if !s.answered && how != flow.Open && h.goneAway != "" {
		s.fail(GoneAway+" by remote: "+h.goneAway, m)
		return
	}
	s.exchange.ended(how, m)
}

// sorted are the open streams in the order of their ids.
func (h *http2) sorted() []*stream2 {
	all := make([]*stream2, 0, len(h.streams))
	for _, s := range h.streams {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *stream2) int { return cmp.Compare(a.id, b.id) })
	return all
}

// open begins the stream of a request whose header block was read.
func (h *http2) open(b *block2, m flow.Mark) *stream2 {
	x := newExchange(h.c, "HTTP/2.0", b.first)
	s := &stream2{exchange: x, id: b.stream}
	x.r.HTTPStream = new(b.stream) // &s.id would keep s for as long as the request
	x.r.Pushed = b.pushed
	x.r.Headers = b.fields
	host := trace.First(b.fields, ":authority")
	if host == "" {
		host = trace.First(b.fields, "host")
	}
	x.r.Method = trace.First(b.fields, ":method")
	x.r.URL = requestURL(h.c.Secure, trace.First(b.fields, ":path"), host)
	if x.r.URL == "" {
		x.r.URL = host
	}
	h.c.Out.Request(x.r)
	if x.r.Method == "CONNECT" && trace.First(b.fields, ":protocol") == "" {
		s.inner = NewDetect(h.c.Through())
	}
	if b.pushed { // RFC 9113, section 8.4: a pushed request has no body
		s.sent(m)
		s.closed[flow.ToServer] = true
	}
	h.keep(s, m)
	return s
}

// keep makes s an open stream unless it is clear that no answer will be seen.
func (h *http2) keep(s *stream2, m flow.Mark) {
	switch {
	case h.ended != nil:
		s.exchange.ended(*h.ended, m)
	case h.readers[flow.ToClient].lost:
		s.fail(h.readers[flow.ToClient].reason, m)
	case len(h.streams) >= maxStreams:
		h.c.note(fmt.Sprintf("HTTP/2: more than %d streams are open; the answers of the others are not shown", maxStreams))
		s.fail(NotObserved, m)
	default:
		h.streams[s.id] = s
	}
}

// half says that direction d of s has no more bytes.
func (h *http2) half(s *stream2, d flow.Dir, m flow.Mark) {
	s.close(d, flow.Finished, m)
	switch {
	case d == flow.ToServer:
		s.sent(m)
	case s.answered:
		s.complete(m)
	default:
		s.fail(MalformedAnswer+": the stream ended without a status", m)
	}
	if s.closed[flow.ToClient] && (s.closed[flow.ToServer] || h.readers[flow.ToServer].lost) {
		delete(h.streams, s.id)
	}
}

// reset takes a RST_STREAM (RFC 9113, section 6.4).
func (h *http2) reset(s *stream2, d flow.Dir, code uint32, m flow.Mark) {
	s.fail(StreamReset+" by "+side(d)+": "+errorName(code), m)
	s.close(flow.ToServer, flow.Reset, m)
	s.close(flow.ToClient, flow.Reset, m)
	delete(h.streams, s.id)
}

// goAway takes a GOAWAY (RFC 9113, section 6.8): the streams above the last one
// were not acted on and get no answer.
func (h *http2) goAway(d flow.Dir, payload []byte, m flow.Mark) {
	if len(payload) < 8 {
		return
	}
	last := binary.BigEndian.Uint32(payload) & (1<<31 - 1)
	code := errorName(binary.BigEndian.Uint32(payload[4:]))
	if d == flow.ToClient || h.c.Facts.GoAway == nil {
		h.c.Facts.GoAway = &trace.GoAway{
			SentBy:     side(d),
			Code:       code,
			LastStream: last,
			Debug:      text(string(payload[8:min(len(payload), 8+maxDebug)])),
			Frame:      m.Frame,
		}
	}
	if d == flow.ToServer {
		return
	}
	if h.goneAway = code; code == "NO_ERROR" {
		h.goneAway = ""
	}
	for _, s := range h.sorted() {
		if s.id > last && !s.r.Pushed {
			s.fail(GoneAway+" by remote: "+code, m)
		}
	}
}

// lost says that a direction cannot be read any further, and why.
func (h *http2) lost(d flow.Dir, reason string, m flow.Mark) {
	for _, s := range h.sorted() {
		s.close(d, flow.Open, m)
		if d == flow.ToClient {
			s.fail(reason, m)
		}
	}
}

// errorName is the name of an error code (RFC 9113, section 7), or its number.
func errorName(code uint32) string {
	names := [...]string{
		"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
		"STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR",
		"CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
	}
	if code < uint32(len(names)) {
		return names[code]
	}
	return "0x" + strconv.FormatUint(uint64(code), 16)
}
