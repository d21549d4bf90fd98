package decode

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// Limits of an HTTP/1 connection.
const (
	// maxPipelined is how many requests may wait for an answer.
	maxPipelined = 1024
	// maxWaiting is how many bytes of a client are kept, in bytes, until the
	// answer to a CONNECT or Upgrade says what they are.
	maxWaiting = 256 << 10
	// maxQuoted is how much of a malformed answer is told, in bytes.
	maxQuoted = 32
)

// http1 decodes HTTP/1.0 and 1.1 (RFC 9112): requests from the client, answers
// from the server, paired in order.
type http1 struct {
	c *Conn
	// readers are one for each direction.
	readers [2]reader1
	// pending are the requests without a final answer, oldest first.
	pending []*exchange
	// doubtful is how many of them may have been answered in a gap.
	doubtful int
	// waiting keeps what the client sends after a CONNECT or Upgrade until the
	// answer decides; nil while nothing is undecided.
	waiting *held
	// ended is set when the server's direction has ended, and how.
	ended *flow.Ending
	// inner gets everything after a tunnel was opened or the protocol switched.
	inner flow.Stream
}

func newHTTP1(c *Conn) *http1 {
	h := &http1{c: c}
	for d := range h.readers {
		h.readers[d] = reader1{h: h, d: flow.Dir(d)}
	}
	return h
}

// Data implements [flow.Stream].
func (h *http1) Data(d flow.Dir, b []byte, m flow.Mark) {
	r := &h.readers[d]
	r.fresh = true
	for len(b) > 0 {
		switch {
		case h.inner != nil:
			h.inner.Data(d, b, m)
			return
		case d == flow.ToServer && h.waiting != nil:
			h.hold(b, m)
			return
		}
		b = b[r.step(b, m):]
		r.fresh = false
	}
}

// hold keeps bytes of the client until it is known what they are.
func (h *http1) hold(b []byte, m flow.Mark) {
	h.waiting.data(flow.ToServer, b, m)
	if h.waiting.size > maxWaiting {
		h.waiting.forget(flow.ToServer)
	}
}

// Gap implements [flow.Stream].
func (h *http1) Gap(d flow.Dir, n uint64, m flow.Mark) {
	switch {
	case h.inner != nil:
		h.inner.Gap(d, n, m)
	case d == flow.ToServer && h.waiting != nil:
		h.waiting.gap(d, n, m)
	default:
		h.readers[d].gap(n, m)
	}
}

// End implements [flow.Stream].
func (h *http1) End(d flow.Dir, how flow.Ending, m flow.Mark) {
	switch {
	case h.inner != nil:
		h.inner.End(d, how, m)
	case d == flow.ToServer && h.waiting != nil:
		h.waiting.end(d, how, m)
	default:
		h.readers[d].end(how, m)
	}
	if d == flow.ToServer {
		return
	}
	h.ended = &how
	for _, x := range h.pending {
		x.ended(how, m)
	}
	h.pending, h.doubtful = nil, 0
}

// request begins the exchange of a request whose head was read; first is the
// mark of its first byte, last that of its last.
func (h *http1) request(head head1, first, last flow.Mark) *exchange {
	x := newExchange(h.c, head.protocol(), first)
	x.r.Method = head.method
	if x.r.URL = head.target; head.method != "CONNECT" {
		x.r.URL = requestURL(h.c.Secure, head.target, trace.First(head.fields, "Host"))
	}
	x.r.Headers = head.fields
	x.upgrade = head.method == "CONNECT" || trace.First(head.fields, "Upgrade") != ""
	h.c.Out.Request(x.r)
	if h.ended != nil {
		x.ended(*h.ended, last)
		return x
	}
	h.settle(last)
	if len(h.pending) == maxPipelined {
		h.pending[0].fail(NoAnswer, last)
		h.pop()
		h.c.note(fmt.Sprintf("HTTP/1: more than %d requests wait for an answer; answers may be told of the wrong one", maxPipelined))
	}
	h.pending = append(h.pending, x)
	return x
}

// requested says that the request x was sent to its end.
func (h *http1) requested(x *exchange, m flow.Mark) {
	x.sent(m)
	if x.upgrade && !x.answered && !x.over {
		h.waiting = &held{}
	}
}

// settle gives up on the requests that were unanswered at the last gap of the
// server: a client that sends another one has got those answers.
func (h *http1) settle(m flow.Mark) {
	for _, x := range h.pending[:h.doubtful] {
		x.fail(NotObserved, m)
	}
	h.pending, h.doubtful = h.pending[h.doubtful:], 0
}

// oldest is the request that the next answer belongs to; nil if none is known.
func (h *http1) oldest() *exchange {
	if len(h.pending) == 0 {
		return nil
	}
	return h.pending[0]
}

// pop takes the oldest request out.
func (h *http1) pop() {
	h.pending, h.doubtful = h.pending[1:], 0
}

// answer takes the head of an answer and returns the exchange it ends, or nil
// for an interim answer and for one to a request that was not seen.
func (h *http1) answer(head head1, first, last flow.Mark) *exchange {
	x := h.oldest()
	if x == nil {
		return nil
	}
	if head.status/100 == 1 && head.status != 101 {
		x.interim(head.status)
		return nil
	}
	h.pop()
	x.answer(head.status, head.reason, head.fields, first, last)
	if x.r.Method == "CONNECT" {
		x.tunnel(last)
	}
	return x
}

// switched hands the connection over if the answer to x, whose head ended at m,
// opens a tunnel or another protocol, and says whether it did.
func (h *http1) switched(x *exchange, m flow.Mark) bool {
	switch {
	case x.r.Method == "CONNECT" && x.r.Status/100 == 2:
		x.complete(m)
		h.become(NewDetect(h.c.Through()))
	case x.r.Status == 101 && strings.EqualFold(trace.First(x.r.ResponseHeaders, "Upgrade"), "h2c"):
		h.c.layer("http2")
		h.become(newUpgraded(h.c, x))
	case x.r.Status == 101:
		x.complete(m)
		h.c.layer("opaque")
		h.become(opaque{})
	default:
		return false
	}
	return true
}

// become hands the rest of the connection to another decoder.
func (h *http1) become(s flow.Stream) {
	waiting := h.waiting
	h.inner, h.waiting = s, nil
	if waiting != nil {
		waiting.replay(s)
	}
}

// prior goes on after the first half of the preface of HTTP/2: its method is
// for nothing else (RFC 9113, section 11.6). So begins what follows an upgrade
// or a proxy's answer that were not seen.
func (h *http1) prior(m flow.Mark) {
	for _, x := range h.pending {
		x.fail(NotObserved, m)
	}
	h.pending, h.doubtful = nil, 0
	h.c.layer("http2")
	h.become(newHTTP2(h.c))
	h.inner.Data(flow.ToServer, []byte(preface2[:len(preface2)-len("SM\r\n\r\n")]), m)
}

// resume reads on as HTTP/1 what the client sent in the meantime.
func (h *http1) resume() {
	if waiting := h.waiting; waiting != nil {
		h.waiting = nil
		waiting.replay(h)
	}
}

// quoted is the start of b as a Go string literal.
func quoted(b []byte) string { return strconv.Quote(string(b[:min(len(b), maxQuoted)])) }

// malformed says that bytes of direction d are no HTTP.
func (h *http1) malformed(d flow.Dir, b []byte, m flow.Mark) {
	start := quoted(b)
	if x := h.oldest(); d == flow.ToClient && x != nil {
		h.pop()
		x.fail(MalformedAnswer+": "+start, m)
		h.resume()
		return
	}
	h.c.note(fmt.Sprintf("HTTP/1: frame %d: no message starts with %s (sent by %s)", m.Frame, start, side(d)))
}
