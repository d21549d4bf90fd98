package decode

import (
	"bytes"
	"strconv"

	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// SOCKS versions, the first byte a client sends.
const (
	socks4 = 4 // SOCKS4 and 4a
	socks5 = 5 // RFC 1928
)

// socksConnect is the command that opens a tunnel, in both versions.
const socksConnect = 1

// Methods of SOCKS5 (RFC 1928, section 3).
const (
	socksNoAuth       = 0
	socksPassword     = 2 // RFC 1929
	socksNoAcceptable = 0xff
)

// socks decodes the negotiation with a SOCKS proxy; what follows it is the
// stream inside the tunnel. User names and passwords are not kept.
type socks struct {
	c       *Conn
	version byte
	state   socksState
	// bufs are the bytes of each direction that no step has taken yet; pieces
	// are the same with their marks.
	bufs   [2][]byte
	pieces [2]held
	first  flow.Mark
	tunnel *trace.Tunnel
	// inner is set when the negotiation is over.
	inner flow.Stream
}

// socksState is the message that is expected next.
type socksState uint8

const (
	socksGreeting  socksState = iota // client: version and methods
	socksMethod                      // server: the method
	socksAuth                        // client: user name and password
	socksAuthReply                   // server: whether they are right
	socksRequest                     // client: where to
	socksReply                       // server: whether it could
	socksOver
)

func newSOCKS(c *Conn, version byte) *socks {
	s := &socks{c: c, version: version}
	if version == socks4 {
		s.state = socksRequest
	}
	return s
}

// matchSOCKS5 accepts a greeting that is complete and offers a method that
// exists.
func matchSOCKS5(_ *Conn, d flow.Dir, first []byte) verdict {
	switch {
	case d == flow.ToClient, first[0] != socks5, len(first) > 1 && first[1] == 0:
		return no
	case len(first) < 2, len(first) < 2+int(first[1]):
		return more
	case bytes.ContainsAny(first[2:2+int(first[1])], "\x00\x01\x02"):
		return yes
	}
	return no
}

// matchSOCKS4 accepts a request that is complete.
func matchSOCKS4(_ *Conn, d flow.Dir, first []byte) verdict {
	switch {
	case d == flow.ToClient, first[0] != socks4, len(first) > 1 && first[1] != socksConnect && first[1] != 2:
		return no
	}
	switch _, _, n := parseSOCKS4(first); {
	case n < 0:
		return no
	case n == 0:
		return more
	}
	return yes
}

// Data implements [flow.Stream].
func (s *socks) Data(d flow.Dir, b []byte, m flow.Mark) {
	if s.inner != nil {
		s.inner.Data(d, b, m)
		return
	}
	if s.first.Time.IsZero() {
		s.first = m
	}
	s.bufs[d] = append(s.bufs[d], b...)
	s.pieces[d].data(d, b, m)
	for s.inner == nil && s.step(m) {
	}
	if s.inner == nil && s.pieces[d].size > maxWaiting {
		s.over(opaque{})
	}
}

// Gap implements [flow.Stream].
func (s *socks) Gap(d flow.Dir, n uint64, m flow.Mark) {
	if s.inner == nil {
		s.c.note("SOCKS: bytes of the negotiation are missing; the tunnel cannot be read")
		s.over(opaque{})
	}
	s.inner.Gap(d, n, m)
}

// End implements [flow.Stream].
func (s *socks) End(d flow.Dir, how flow.Ending, m flow.Mark) {
	if s.inner != nil {
		s.inner.End(d, how, m)
		return
	}
	s.pieces[d].end(d, how, m)
}

// step takes the next message if it is there, and says whether it was.
func (s *socks) step(m flow.Mark) bool {
	d := flow.ToServer
	if s.state == socksMethod || s.state == socksAuthReply || s.state == socksReply {
		d = flow.ToClient
	}
	b := s.bufs[d]
	if len(b) == 0 {
		return false
	}
	n := 0
	switch s.state {
	case socksGreeting:
		n = s.greeting(b)
	case socksMethod:
		n = s.method(b, m)
	case socksAuth:
		n = s.auth(b)
	case socksAuthReply:
		n = s.authReply(b, m)
	case socksRequest:
		n = s.request(b)
	case socksReply:
		n = s.reply(b, m)
	}
	if n < 0 {
		s.c.note("SOCKS: frame " + strconv.Itoa(m.Frame) + ": a message of " + side(d) + " makes no sense")
		s.over(opaque{})
		return false
	}
	s.take(d, n)
	if s.state == socksOver && s.inner == nil {
		s.over(s.inside())
	}
	return n > 0
}

// take drops the n bytes of a message that was read.
func (s *socks) take(d flow.Dir, n int) {
	s.bufs[d] = s.bufs[d][n:]
	s.pieces[d].drop(n)
}

// inside is what reads on after the negotiation.
func (s *socks) inside() flow.Stream {
	if s.tunnel != nil && s.tunnel.StatusText == socksSucceeded {
		return NewDetect(s.c.Through())
	}
	return opaque{}
}

// over ends the negotiation; the bytes that nobody took go to inner.
func (s *socks) over(inner flow.Stream) {
	s.state, s.inner = socksOver, inner
	s.bufs = [2][]byte{}
	s.pieces[flow.ToServer].replay(inner)
	s.pieces[flow.ToClient].replay(inner)
}

// greeting reads the offered methods. Each of these readers returns the length
// of the message, 0 while it is not complete, -1 if it makes no sense.
func (s *socks) greeting(b []byte) int {
	if len(b) < 2 || len(b) < 2+int(b[1]) {
		return 0
	}
	s.state = socksMethod
	return 2 + int(b[1])
}

// method reads the server's choice.
func (s *socks) method(b []byte, m flow.Mark) int {
	switch {
	case b[0] != socks5:
		return -1
	case len(b) < 2:
		return 0
	}
	switch b[1] {
	case socksNoAuth:
		s.state = socksRequest
	case socksPassword:
		s.state = socksAuth
	case socksNoAcceptable:
		s.refused("", socksNoAcceptable, "no acceptable methods", m)
	default: // GSSAPI and others wrap all that follows
		s.c.note("SOCKS: the proxy chose method " + strconv.Itoa(int(b[1])) + ", which cannot be read")
		s.state = socksOver
	}
	return 2
}

// auth skips the user name and password (RFC 1929, section 2).
func (s *socks) auth(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	user := 2 + int(b[1])
	if len(b) <= user || len(b) < user+1+int(b[user]) {
		return 0
	}
	s.state = socksAuthReply
	return user + 1 + int(b[user])
}

// authReply reads what the server says to them.
func (s *socks) authReply(b []byte, m flow.Mark) int {
	if len(b) < 2 {
		return 0
	}
	if s.state = socksRequest; b[1] != 0 {
		s.refused("", int(b[1]), "user name or password refused", m)
	}
	return 2
}

// request reads where the client wants to go.
func (s *socks) request(b []byte) int {
	parse := parseSOCKS5
	if s.version == socks4 {
		parse = parseSOCKS4
	}
	command, authority, n := parse(b)
	if n > 0 && command == socksConnect {
		s.open(authority)
	}
	if n > 0 {
		s.state = socksReply
	}
	return n
}

// reply reads whether the proxy got there.
func (s *socks) reply(b []byte, m flow.Mark) int {
	var code byte
	var n int
	var word string
	if s.version == socks4 {
		if n = 8; len(b) < n {
			return 0
		}
		code, word = b[1], socks4Reply(b[1])
	} else {
		if code, _, n = parseSOCKS5(b); n <= 0 {
			return n
		}
		word = socks5Reply(code)
	}
	if s.state = socksOver; s.tunnel != nil {
		s.answered(int(code), word, m)
	}
	return n
}

// open notes where a tunnel should lead.
func (s *socks) open(authority string) {
	s.tunnel = &trace.Tunnel{
		Protocol:  "socks" + strconv.Itoa(int(s.version)),
		Authority: authority,
		Frames:    []int{s.first.Frame},
	}
	if !s.c.Tunnelled || s.c.Facts.Tunnel == nil {
		s.c.Facts.Tunnel = s.tunnel
	}
}

// answered notes what the proxy said.
func (s *socks) answered(code int, word string, m flow.Mark) {
	took := trace.Since(s.first.Time, m.Time)
	s.tunnel.Status, s.tunnel.StatusText, s.tunnel.Duration = code, word, &took
	s.tunnel.Frames = append(s.tunnel.Frames, m.Frame)
}

// refused notes an end of the negotiation before the client could say where to.
func (s *socks) refused(authority string, code int, word string, m flow.Mark) {
	s.open(authority)
	s.answered(code, word, m)
	s.state = socksOver
}
