package decode

import (
	"fmt"

	"github.com/gopx-trace/gopx-trace/agent/flow"
)

// maxFirst is how many first bytes of a direction are looked at, and kept,
// before the protocol has to be decided.
const maxFirst = 8 << 10

// detect finds out which protocol a stream carries and then gets out of the way.
type detect struct {
	c *Conn
	// first are the bytes of each direction so far.
	first [2][]byte
	held  held
	// final is set for a direction when no byte can be added to first.
	final [2]bool
	inner flow.Stream
}

// NewDetect returns a stream that holds the first bytes back until one of the
// protocols claims them, and then hands that protocol's decoder everything
// with the marks it came with.
func NewDetect(c *Conn) flow.Stream {
	if c.depth > maxDepth {
		c.note(fmt.Sprintf("more than %d protocol layers inside each other; the rest was not decoded", maxDepth))
		return opaque{}
	}
	return &detect{c: c}
}

// Data implements [flow.Stream].
func (s *detect) Data(d flow.Dir, b []byte, m flow.Mark) {
	if s.inner != nil {
		s.inner.Data(d, b, m)
		return
	}
	if len(b) == 0 {
		return
	}
	s.held.data(d, b, m)
	if !s.final[d] {
		s.first[d] = append(s.first[d], b[:min(len(b), maxFirst-len(s.first[d]))]...)
		s.final[d] = len(s.first[d]) == maxFirst
	}
	if d == flow.ToClient && s.held.size > 2*maxFirst {
		// A server that talks on while the client's bytes are still to come:
		// a capture that began in the middle. What the client says decides.
		s.held.forget(d)
	}
	s.decide()
}

// Gap implements [flow.Stream].
func (s *detect) Gap(d flow.Dir, n uint64, m flow.Mark) {
	if s.inner != nil {
		s.inner.Gap(d, n, m)
		return
	}
	s.held.gap(d, n, m)
	// Bytes after a gap at the very start may still be the start of a message.
	s.final[d] = len(s.first[d]) > 0
	s.decide()
}

// End implements [flow.Stream].
func (s *detect) End(d flow.Dir, how flow.Ending, m flow.Mark) {
	if s.inner == nil {
		s.held.end(d, how, m)
		s.final[d] = true
		s.decide()
		return
	}
	s.inner.End(d, how, m)
}

// decide starts the first decoder that wants the stream. The client's bytes
// count; the server's only while the client has said nothing.
func (s *detect) decide() {
	d := flow.ToServer
	if len(s.first[d]) == 0 {
		d = flow.ToClient
	}
	if len(s.first[d]) == 0 {
		return
	}
	final := s.final[d] && (d == flow.ToServer || s.final[flow.ToServer])
	for _, p := range protocols() {
		v := p.match(s.c, d, s.first[d])
		if v == no {
			continue
		}
		if v == yes || final {
			s.start(p)
		}
		return
	}
}

// start hands the stream over to p.
func (s *detect) start(p protocol) {
	s.c.layer(p.name)
	s.first = [2][]byte{}
	s.inner = p.start(s.c)
	s.held.replay(s.inner)
}

// matchTLS accepts a handshake record of SSL 3.0 or later (RFC 8446, section
// 5.1) whose message is a ClientHello, or a ServerHello from the server; and a
// ClientHello in the form of SSL 2.0.
func matchTLS(_ *Conn, d flow.Dir, first []byte) verdict {
	const handshake, maxRecord, minimum = 22, 1<<14 + 2048, 6
	hello := byte(1)
	if d == flow.ToClient {
		hello = 2
	}
	record := first[0] == handshake && (len(first) < 2 || first[1] == 3)
	old := d == flow.ToServer && first[0]&0x80 != 0
	switch {
	case !record && !old:
		return no
	case len(first) < minimum:
		return more
	case old && isSSL2Hello(first):
		return yes
	}
	if n := int(first[3])<<8 | int(first[4]); old || n == 0 || n > maxRecord || first[5] != hello {
		return no
	}
	return yes
}

// opaque is a stream that nobody here reads.
type opaque struct{}

// Data implements [flow.Stream].
func (opaque) Data(flow.Dir, []byte, flow.Mark) {}

// Gap implements [flow.Stream].
func (opaque) Gap(flow.Dir, uint64, flow.Mark) {}

// End implements [flow.Stream].
func (opaque) End(flow.Dir, flow.Ending, flow.Mark) {}

// matchOpaque accepts whatever the client says; while only the server has
// spoken it waits.
func matchOpaque(_ *Conn, d flow.Dir, _ []byte) verdict {
	if d == flow.ToClient {
		return more
	}
	return yes
}
