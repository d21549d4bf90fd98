package decode

import "github.com/gopx-trace/gopx-trace/agent/flow"

const (
	// messageHeader is the length of a handshake message's header (RFC 8446,
	// section 4).
	messageHeader = 4
	// maxMessage is the longest handshake message that is read, in bytes.
	// Longer ones are passed over.
	maxMessage = 256 << 10
)

// tlsMessages puts handshake messages together from records.
type tlsMessages struct {
	buf []byte
	// skip is what is left of a message that is too long.
	skip int
	// unsure: bytes were lost, the next may lie in the middle of a message.
	unsure bool
}

// reset drops a message that was not seen whole.
func (s *tlsMessages) reset() {
	s.buf, s.skip, s.unsure = s.buf[:0], 0, true
}

// messages takes the content of a handshake record.
func (t *tlsLayer) messages(h *tlsHalf, b []byte, m flow.Mark) {
	s := &h.messages
	n := min(s.skip, len(b))
	s.skip, b = s.skip-n, b[n:]
	s.buf = append(s.buf, b...)
	for len(s.buf) >= messageHeader {
		size := messageHeader + int(s.buf[1])<<16 + int(s.buf[2])<<8 + int(s.buf[3])
		if s.unsure && !plausibleMessage(s.buf[0], size) {
			s.buf = s.buf[:0]
			return
		}
		if size > maxMessage {
			s.skip = max(size-len(s.buf), 0)
			s.buf = s.buf[min(size, len(s.buf)):]
			continue
		}
		if len(s.buf) < size {
			return
		}
		msg := s.buf[:size]
		rest := s.buf[size:]
		s.unsure = false
		t.message(h, msg, m)
		if s.unsure { // the message changed the keys: nothing may follow it
			return
		}
		s.buf = rest
	}
	if len(s.buf) == 0 {
		s.buf = nil
	}
}

// plausibleMessage says whether bytes at an unknown place look like the start
// of a handshake message.
func plausibleMessage(typ uint8, size int) bool {
	switch typ {
	case typeClientHello, typeServerHello, typeNewSessionTicket, typeEndOfEarlyData, typeEncryptedExtensions,
		typeCertificate, typeServerKeyExchange, typeCertificateRequest, typeServerHelloDone, typeCertificateVerify,
		typeClientKeyExchange, typeFinished, typeCertificateStatus, typeKeyUpdate, typeCompressedCertificate:
		return size <= maxMessage
	}
	return false
}
