package decode

import (
	"math"

	"github.com/gopx-trace/gopx-trace/agent/flow"
)

// counter is a stream that says in advance of which bytes it will only count
// how many they are, as of a long body. A TLS layer around it need not decrypt
// those. What it understands is the same either way.
type counter interface {
	flow.Stream
	// ahead says what the next n bytes of a direction are for: to be counted, or
	// to be read. n is at least 1. What comes behind them can be asked after
	// they were handed over.
	ahead(d flow.Dir) (n uint64, counted bool)
	// count stands for Data with n bytes, no more than ahead said were to be
	// counted.
	count(d flow.Dir, n uint64, m flow.Mark)
}

// unlimited is an answer of ahead: as far as can be said.
const unlimited = math.MaxUint64

// ahead asks any stream; one that is no counter reads everything.
func ahead(s flow.Stream, d flow.Dir) (n uint64, counted bool) {
	if c, ok := s.(counter); ok {
		return c.ahead(d)
	}
	return unlimited, false
}

// count hands n bytes to a stream that said it would count them.
func count(s flow.Stream, d flow.Dir, n uint64, m flow.Mark) {
	if c, ok := s.(counter); ok {
		c.count(d, n, m)
	}
}

func (s *detect) ahead(d flow.Dir) (n uint64, counted bool) { return ahead(s.inner, d) }

func (s *detect) count(d flow.Dir, n uint64, m flow.Mark) { count(s.inner, d, n, m) }

func (opaque) ahead(flow.Dir) (n uint64, counted bool) { return unlimited, true }

func (opaque) count(flow.Dir, uint64, flow.Mark) {}

func (h *http1) ahead(d flow.Dir) (n uint64, counted bool) {
	switch {
	case h.inner != nil:
		return ahead(h.inner, d)
	case d == flow.ToServer && h.waiting != nil:
		return unlimited, false
	}
	return h.readers[d].ahead()
}

func (h *http1) count(d flow.Dir, n uint64, m flow.Mark) {
	if h.inner != nil {
		count(h.inner, d, n, m)
		return
	}
	h.readers[d].count(n, m)
}

func (r *reader1) ahead() (n uint64, counted bool) {
	if r.x != nil && r.d == flow.ToClient && !r.x.counts() {
		return unlimited, false
	}
	switch r.state {
	case inLength, inChunk:
		return r.left, true
	case inClose:
		return unlimited, true
	}
	return unlimited, false
}

// count takes n bytes of the body.
func (r *reader1) count(n uint64, m flow.Mark) {
	switch {
	case r.x == nil:
	case r.d == flow.ToServer:
		r.x.r.RequestBytes += n
	default:
		r.x.count(n, m)
	}
	if r.state != inClose {
		r.left -= n
		r.bodyEnd(m)
	}
}

func (h *http2) ahead(d flow.Dir) (n uint64, counted bool) {
	r := &h.readers[d]
	switch {
	case r.lost:
		return unlimited, true
	case !r.started: // all of what stands there instead of a frame is told
		return unlimited, false
	}
	return r.ahead()
}

func (h *http2) count(d flow.Dir, n uint64, m flow.Mark) {
	if r := &h.readers[d]; !r.lost {
		r.count(uint32(n), m)
	}
}

func (r *reader2) ahead() (n uint64, counted bool) {
	switch {
	case !r.inFrame:
		return uint64(headerLen2 - len(r.header)), false
	case r.frame.kind != frameData:
		return uint64(r.left), !r.whole()
	case r.unpadded:
		return 1, false
	case r.left <= r.pad:
		return uint64(r.left), true
	}
	n, counted = r.bodyAhead(r.h.streams[r.frame.stream])
	return min(n, uint64(r.left-r.pad)), counted
}

// bodyAhead is ahead for the DATA of a stream, nil if that is not open.
func (r *reader2) bodyAhead(s *stream2) (n uint64, counted bool) {
	switch {
	case s == nil || r.d == flow.ToServer && s.inner == nil:
		return unlimited, true
	case r.tunnels(s):
		return ahead(s.inner, r.d)
	}
	return unlimited, s.counts()
}

// count takes n bytes of a frame.
func (r *reader2) count(n uint32, m flow.Mark) {
	if r.frame.kind == frameData && r.left > r.pad {
		r.countBody(r.h.streams[r.frame.stream], uint64(n), m)
	}
	r.left -= n
	if r.left == 0 {
		r.end(m)
	}
}

func (r *reader2) countBody(s *stream2, n uint64, m flow.Mark) {
	switch {
	case s == nil:
	case r.tunnels(s):
		count(s.inner, r.d, n, m)
	case r.d == flow.ToServer:
		s.r.RequestBytes += n
	default:
		s.count(n, m)
	}
}
