package decode

import (
	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// tlsLayer reads one TLS layer: its handshake, its alerts and, where the
// secrets are known, what is inside.
//
// In a live run a secret arrives a little after the first records that need
// it. The layer then keeps everything, of both directions, until the secret is
// there (see tls_wait.go), and goes on with the original marks, so that a live
// run and its recording give the same facts.
//
// Records of which the stream inside will only count the bytes are not opened
// and not authenticated (see tls_skim.go).
type tlsLayer struct {
	conn   *Conn
	detect func(*Conn) flow.Stream
	facts  *trace.TLS
	half   [2]tlsHalf
	// handshake is the one at hand; renegotiation starts another.
	handshake tlsHandshake
	progress  tlsProgress
	early     tlsEarly
	waiting   tlsWaiting
	// inner gets what the records carried; nil until the first of it was opened.
	inner flow.Stream
	// scratch is where records are opened into, one at a time.
	scratch []byte
}

// newTLS starts a TLS layer.
func newTLS(c *Conn) flow.Stream { return newTLSLayer(c, NewDetect) }

// newTLSLayer starts a TLS layer that asks detect for the stream inside it.
func newTLSLayer(c *Conn, detect func(*Conn) flow.Stream) *tlsLayer {
	t := &tlsLayer{conn: c, detect: detect}
	t.facts = &trace.TLS{ALPNOffered: []string{}, Certificates: []*trace.Certificate{}}
	c.Facts.TLS = append(c.Facts.TLS, t.facts)
	t.half[flow.ToServer].dir, t.half[flow.ToClient].dir = flow.ToServer, flow.ToClient
	return t
}

// Data implements [flow.Stream].
func (t *tlsLayer) Data(d flow.Dir, b []byte, m flow.Mark) {
	if len(b) > 0 {
		t.take(piece{d: d, b: b, mark: m})
	}
}

// Gap implements [flow.Stream].
func (t *tlsLayer) Gap(d flow.Dir, n uint64, m flow.Mark) {
	if n > 0 {
		t.take(piece{d: d, gap: n, mark: m})
	}
}

// End implements [flow.Stream].
func (t *tlsLayer) End(d flow.Dir, how flow.Ending, m flow.Mark) {
	t.take(piece{d: d, end: true, how: how, mark: m})
}

// process does what can be done with p now. It returns what is left of p and
// false if that needs a secret first.
func (t *tlsLayer) process(p piece) (left piece, done bool) {
	h := &t.half[p.d]
	switch {
	case p.end:
		t.end(h, p.how, p.mark)
	case p.gap > 0:
		t.gap(h, p.gap, p.mark)
	default:
		if t.facts.StartedAt.IsZero() {
			t.facts.StartedAt = p.mark.Time
		}
		p.b, done = t.read(h, p.b, p.mark)
		return p, done
	}
	return p, true
}

// end is the end of what carries the layer.
func (t *tlsLayer) end(h *tlsHalf, how flow.Ending, m flow.Mark) {
	if h.dir == t.handshake.client {
		t.partialHello(h, m)
		t.early.decide(t, true, m)
	}
	t.endLoss(h, m)
	t.endInner(h, how, m)
	h.done, h.buf, h.lost.buf = true, nil, nil
	if t.half[0].done && t.half[1].done {
		t.stopWaiting()
	}
}

// endInner passes the end of a direction on, once.
func (t *tlsLayer) endInner(h *tlsHalf, how flow.Ending, m flow.Mark) {
	if h.ended {
		return
	}
	h.ended, h.how, h.endMark = true, how, m
	if t.inner != nil {
		t.inner.End(h.dir, how, m)
	}
}

// application takes opened application data.
func (t *tlsLayer) application(h *tlsHalf, plain []byte, m flow.Mark) {
	if h.ended || len(plain) == 0 {
		return
	}
	if h.epoch == epochEarly && t.early.hold(t, plain, m) {
		return
	}
	t.inside(m)
	t.inner.Data(h.dir, plain, m)
}

// missing says that about n bytes of application data were not read.
func (t *tlsLayer) missing(h *tlsHalf, n uint64, m flow.Mark) {
	n = max(n, 1)
	switch {
	case h.ended:
	case t.inner == nil:
		h.missing += n
	default:
		t.inner.Gap(h.dir, n, m)
	}
}

// inside creates the stream inside and tells it what it has missed.
func (t *tlsLayer) inside(m flow.Mark) {
	if t.inner != nil {
		return
	}
	t.inner = t.detect(t.conn.Inside(t.facts.ALPN))
	for i := range t.half {
		h := &t.half[i]
		if h.missing > 0 {
			t.inner.Gap(h.dir, h.missing, m)
		}
		if h.ended {
			t.inner.End(h.dir, h.how, h.endMark)
		}
	}
}
