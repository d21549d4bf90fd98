package decode

import (
	"golang.org/x/crypto/cryptobyte"

	"github.com/gopx-trace/gopx-trace/agent/flow"
)

// ssl2Header is the length of an SSL 2.0 record header without padding.
const ssl2Header = 2

// ssl2Fixed is the length of the message without what has a length of its own.
const ssl2Fixed = 9

// minChallenge is the least length of a challenge in bytes (RFC 5246, appendix
// E.2).
const minChallenge = 16

// isSSL2Hello says whether b begins with a ClientHello in the form of SSL 2.0
// that offers SSL 3.0 or later (RFC 5246, appendix E.2). b has at least
// recordHeader bytes.
func isSSL2Hello(b []byte) bool {
	return b[0]&0x80 != 0 && b[2] == typeClientHello && b[3] == 3 && ssl2Size(b) >= ssl2Header+ssl2Fixed
}

// ssl2Size is the length of such a record with its header.
func ssl2Size(b []byte) int { return ssl2Header + int(b[0]&0x7f)<<8 + int(b[1]) }

// ssl2Hello reads such a record. It has no extensions and no fingerprints.
func (t *tlsLayer) ssl2Hello(h *tlsHalf, r []byte, m flow.Mark) {
	hello := parseSSL2Hello(r[ssl2Header:])
	if hello == nil || t.handshake.hello != nil {
		return
	}
	t.handshake = tlsHandshake{client: h.dir, hello: hello, random: hello.random}
	t.tell(hello)
	t.facts.ClientHelloBytes = len(r) - ssl2Header
	t.facts.Frames = append(t.facts.Frames, m.Frame)
}

// parseSSL2Hello reads the message; nil if it is cut. The challenge, with
// zeros in front, is the client random.
func parseSSL2Hello(msg []byte) *clientHello {
	s := cryptobyte.String(msg)
	h := &clientHello{}
	var specs, session, challenge uint16
	if !s.Skip(1) || !s.ReadUint16(&h.version) || !s.ReadUint16(&specs) || !s.ReadUint16(&session) || !s.ReadUint16(&challenge) {
		return nil
	}
	var random []byte
	if !s.Skip(int(specs)) || !s.ReadBytes(&h.session, int(session)) || !s.ReadBytes(&random, int(challenge)) {
		return nil
	}
	if len(random) < minChallenge || len(random) > len(h.random) {
		return nil
	}
	copy(h.random[len(h.random)-len(random):], random)
	return h
}
