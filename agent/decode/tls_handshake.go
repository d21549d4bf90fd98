package decode

import (
	"encoding/hex"
	"slices"

	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/keylog"
)

// Handshake message types (RFC 8446, section 4; RFC 5246, section 7.4; RFC 8879).
const (
	typeClientHello           = 1
	typeServerHello           = 2
	typeNewSessionTicket      = 4
	typeEndOfEarlyData        = 5
	typeHelloRetryRequest     = 6 // TLS 1.3 drafts
	typeEncryptedExtensions   = 8
	typeCertificate           = 11
	typeServerKeyExchange     = 12
	typeCertificateRequest    = 13
	typeServerHelloDone       = 14
	typeCertificateVerify     = 15
	typeClientKeyExchange     = 16
	typeFinished              = 20
	typeCertificateStatus     = 22
	typeKeyUpdate             = 24
	typeCompressedCertificate = 25
)

// tlsHandshake is what the handshake at hand agreed.
type tlsHandshake struct {
	// client is the direction of the ClientHello.
	client flow.Dir
	hello  *clientHello
	server *serverHello
	// random is the client random that the secrets are logged under.
	random [32]byte
	// resumed: TLS 1.2 and earlier went on with an earlier session.
	resumed bool
	// origin is the random of the handshake that made that session; known says
	// whether it was seen.
	origin [32]byte
	known  bool
	// full: a message was seen that an abbreviated handshake does not have.
	full bool
}

// openable says whether records under the agreed suite can be opened at all.
func (s *tlsHandshake) openable() bool {
	return s.server == nil || s.server.openable()
}

// master returns the master secret of TLS 1.2 and earlier, or nil. That of a
// resumed session is the one of the handshake which made it.
func (s *tlsHandshake) master(secrets *keylog.Store) []byte {
	if m := secrets.Get(s.random, keylog.ClientRandomLabel); m != nil {
		return m
	}
	if s.resumed && s.known {
		return secrets.Get(s.origin, keylog.ClientRandomLabel)
	}
	return nil
}

// sealedOpener returns the opener of TLS 1.2 and earlier, or nil while the
// master secret is not known.
func (s *tlsHandshake) sealedOpener(secrets *keylog.Store, d flow.Dir) (*keylog.Opener, error) {
	master := s.master(secrets)
	if master == nil {
		return nil, nil
	}
	return keylog.Session{
		Version: s.server.version, Suite: s.server.suite, Master: master,
		ClientRandom: s.random, ServerRandom: s.server.random,
		EncryptThenMAC: s.server.encryptThenMAC,
	}.NewOpener(d == s.client)
}

// message takes one handshake message, header included.
func (t *tlsLayer) message(h *tlsHalf, msg []byte, m flow.Mark) {
	body := msg[messageHeader:]
	if msg[0] == typeClientHello {
		t.clientHello(h, msg, m)
		return
	}
	if h.dir == t.handshake.client {
		t.clientMessage(h, msg[0], body, m)
		return
	}
	t.serverMessage(h, msg[0], body, m)
}

// clientMessage takes what the client sends after its ClientHello.
func (t *tlsLayer) clientMessage(h *tlsHalf, typ uint8, body []byte, m flow.Mark) {
	switch typ {
	case typeEndOfEarlyData:
		t.early.decide(t, true, m)
		if h.epoch == epochEarly {
			h.enter(epochHandshake)
		}
	case typeCertificate, typeCompressedCertificate:
		t.certificates(&t.facts.ClientCertificates, typ, body)
	case typeFinished:
		t.finished(h, m)
	case typeKeyUpdate:
		t.keyUpdate(h)
	}
}

// serverMessage takes what the server sends.
func (t *tlsLayer) serverMessage(h *tlsHalf, typ uint8, body []byte, m flow.Mark) {
	switch typ {
	case typeServerHello, typeHelloRetryRequest:
		t.serverHello(h, typ, body, m)
	case typeEncryptedExtensions:
		t.encryptedExtensions(body, m)
	case typeCertificate, typeCompressedCertificate:
		t.handshake.full = true
		t.certificates(&t.facts.Certificates, typ, body)
	case typeServerKeyExchange, typeServerHelloDone:
		t.handshake.full = true
	case typeCertificateRequest:
		t.facts.CertificateRequested = true
	case typeNewSessionTicket:
		t.sessionTicket(body)
	case typeFinished:
		t.finished(h, m)
	case typeKeyUpdate:
		t.keyUpdate(h)
	}
}

// clientHello begins a handshake. The facts are those of the first one; the
// second after a HelloRetryRequest, and renegotiation, leave them as they are.
func (t *tlsLayer) clientHello(h *tlsHalf, msg []byte, m flow.Mark) {
	hello, ok := parseClientHello(msg[messageHeader:])
	if hello == nil || h.dir != t.handshake.client && t.handshake.hello != nil {
		return
	}
	first := t.handshake.hello == nil
	t.handshake = tlsHandshake{client: h.dir, hello: hello, random: hello.random}
	if hello.earlyData && h.epoch == epochPlain && !t.facts.HelloRetry {
		h.enter(epochEarly)
	}
	if !first {
		return
	}
	t.tell(hello)
	t.facts.Frames = append(t.facts.Frames, m.Frame)
	if ok {
		t.facts.ClientHelloBytes = len(msg)
		t.facts.JA3, t.facts.JA4 = ja3(hello), ja4(hello)
	}
}

// partialHello takes what there is of a ClientHello whose end was not seen.
func (t *tlsLayer) partialHello(h *tlsHalf, m flow.Mark) {
	msg := h.messages.buf
	if len(h.buf) > recordHeader && h.buf[0] == recordHandshake {
		msg = slices.Concat(msg, h.buf[recordHeader:])
	}
	if t.handshake.hello != nil || h.epoch != epochPlain || len(msg) <= messageHeader || msg[0] != typeClientHello {
		return
	}
	if hello, _ := parseClientHello(msg[messageHeader:]); hello != nil {
		t.tell(hello)
		t.facts.Frames = append(t.facts.Frames, m.Frame)
	}
}

// tell notes what the first ClientHello says.
func (t *tlsLayer) tell(hello *clientHello) {
	t.facts.ServerName = hello.serverName
	t.facts.ALPNOffered = append(t.facts.ALPNOffered, hello.protocols...)
	t.facts.ClientRandom = hex.EncodeToString(hello.random[:])
}

// serverHello ends the plaintext of TLS 1.3, or settles what the
// ChangeCipherSpec of earlier versions will switch to.
func (t *tlsLayer) serverHello(h *tlsHalf, typ uint8, body []byte, m flow.Mark) {
	s := parseServerHello(body)
	if s == nil {
		return
	}
	if s.retry || typ == typeHelloRetryRequest {
		t.retry(s, m)
		return
	}
	if h.epoch == epochPlain {
		t.facts.Version, t.facts.CipherSuite = versionName(s.version), keylog.SuiteName(s.suite)
		t.facts.ALPN = s.protocol
		t.facts.Frames = append(t.facts.Frames, m.Frame)
	}
	t.handshake.server = s
	if s.tls13() {
		t.facts.Resumed = s.preSharedKey
		t.enterHandshake(h)
		return
	}
	t.resume12(s)
}

// retry is a HelloRetryRequest (RFC 8446, section 4.1.4): early data is
// refused, and the client begins again.
func (t *tlsLayer) retry(s *serverHello, m flow.Mark) {
	t.facts.HelloRetry = true
	t.facts.Version = versionName(s.version)
	if s.suite != 0 { // not in drafts
		t.facts.CipherSuite = keylog.SuiteName(s.suite)
	}
	t.early.decide(t, false, m)
	if c := &t.half[t.handshake.client]; c.epoch == epochEarly {
		c.enter(epochPlain)
	}
}

// enterHandshake switches both directions to the handshake keys of TLS 1.3;
// the client's early data may go on for a while.
func (t *tlsLayer) enterHandshake(server *tlsHalf) {
	if server.epoch == epochPlain {
		server.enter(epochHandshake)
	}
	if c := &t.half[t.handshake.client]; c != server && c.epoch == epochPlain {
		c.enter(epochHandshake)
	}
}

// resume12 finds out whether TLS 1.2 or earlier goes on with an earlier
// session, and remembers a new one.
func (t *tlsLayer) resume12(s *serverHello) {
	k := &t.handshake
	if k.hello != nil && len(s.session) > 0 && string(s.session) == string(k.hello.session) {
		t.goOn()
		return
	}
	t.conn.Secrets.Remember(s.session, k.random)
}

// goOn notes that an earlier session is resumed (RFC 5246, section 7.3; RFC
// 5077, section 3.4).
func (t *tlsLayer) goOn() {
	k := &t.handshake
	k.resumed, t.facts.Resumed = true, true
	if k.hello == nil {
		return
	}
	if k.origin, k.known = t.conn.Secrets.Origin(k.hello.ticket); !k.known {
		k.origin, k.known = t.conn.Secrets.Origin(k.hello.session)
	}
}

// changeCipherSpec switches a direction to the agreed keys. In TLS 1.3 it
// means nothing (RFC 8446, section 5).
func (t *tlsLayer) changeCipherSpec(h *tlsHalf) {
	k := &t.handshake
	if k.server != nil && k.server.tls13() {
		return
	}
	if k.server == nil && (t.facts.HelloRetry || k.hello != nil && k.hello.earlyData) {
		return
	}
	if h.dir != k.client && k.server != nil && !k.full && !k.resumed {
		t.goOn()
	}
	h.enter(epochSealed)
	h.messages.reset()
}

// keyUpdate goes on to the next keys of a direction (RFC 8446, section 4.6.3).
func (t *tlsLayer) keyUpdate(h *tlsHalf) {
	if h.epoch != epochTraffic || h.opener == nil {
		return
	}
	t.facts.KeyUpdates++
	if h.opener.Update() != nil {
		h.closed = true
	}
}

// sessionTicket remembers a ticket of TLS 1.2 and earlier (RFC 5077, section
// 3.3). Those of TLS 1.3 make sessions with secrets of their own.
func (t *tlsLayer) sessionTicket(body []byte) {
	k := &t.handshake
	const lifetime, length = 4, 2
	if k.server == nil || k.server.tls13() || len(body) < lifetime+length {
		return
	}
	ticket := body[lifetime+length:]
	if int(body[4])<<8|int(body[5]) != len(ticket) {
		return
	}
	random := k.random
	if k.resumed && k.known {
		random = k.origin
	}
	t.conn.Secrets.Remember(ticket, random)
}

// encryptedExtensions has what TLS 1.3 moved out of the ServerHello.
func (t *tlsLayer) encryptedExtensions(body []byte, m flow.Mark) {
	e := parseEncryptedExtensions(body)
	t.facts.ALPN = e.protocol
	t.early.decide(t, e.earlyData, m)
}

// finished ends the handshake in one direction.
func (t *tlsLayer) finished(h *tlsHalf, m flow.Mark) {
	t.progress.finished(t, h, m)
	if h.epoch == epochHandshake {
		h.enter(epochTraffic)
	}
}
