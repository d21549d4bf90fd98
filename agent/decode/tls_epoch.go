package decode

import (
	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/keylog"
)

// epoch is which keys protect a direction. Those of TLS 1.3 follow each other
// in this order.
type epoch uint8

const (
	epochPlain     epoch = iota
	epochEarly           // TLS 1.3, client: 0-RTT data
	epochHandshake       // TLS 1.3
	epochTraffic         // TLS 1.3
	epochSealed          // TLS 1.2 and earlier, after ChangeCipherSpec
)

// The cipher suites of TLS 1.3 that can be opened (RFC 8446, appendix B.4).
const (
	suiteFirst13 = 0x1301
	suiteLast13  = 0x1305
)

// maxFailures is how many records in a row may fail to open before the secret
// is taken for the wrong one.
const maxFailures = 8

// opening is what came of trying to open a record.
type opening uint8

const (
	unopenable opening = iota
	awaited            // its secret may still come
	opened
)

// enter begins an epoch in a direction.
func (h *tlsHalf) enter(e epoch) {
	h.epoch, h.opener = e, nil
	h.unread, h.failures, h.closed = 0, 0, false
}

// overhead estimates how much longer a protected record is than its plaintext.
func (h *tlsHalf) overhead() int {
	if h.opener != nil {
		return h.opener.Overhead()
	}
	return recordHeader + 17 // TLS 1.3: tag and content type
}

// openRecord opens r with the keys of the epoch or, where the step to the next
// epoch was not seen, with those of a later one.
func (t *tlsLayer) openRecord(h *tlsHalf, r []byte) (typ uint8, plain []byte, how opening) {
	if typ, plain, how = t.openNow(h, r); how != unopenable {
		return typ, plain, how
	}
	for _, e := range t.later(h) {
		if h.epoch == epochEarly && e == epochHandshake && t.hopeful(h.dir, e) {
			return 0, nil, awaited
		}
		o, err := t.newOpener(h.dir, e)
		if o == nil || err != nil {
			continue
		}
		if typ, plain, err = o.Open(t.scratch, r); err == nil {
			h.enter(e)
			h.opener = o
			h.messages.reset()
			return typ, plain, opened
		}
	}
	t.failed(h)
	return 0, nil, unopenable
}

// openNow opens r with the keys of the epoch.
func (t *tlsLayer) openNow(h *tlsHalf, r []byte) (typ uint8, plain []byte, how opening) {
	if h.closed || h.epoch == epochPlain {
		return 0, nil, unopenable
	}
	if h.opener == nil && t.hopeful(h.dir, h.epoch) {
		return 0, nil, awaited
	}
	if h.opener == nil && h.epoch == epochEarly {
		return t.openEarly(h, r)
	}
	if h.opener == nil {
		h.opener, _ = t.newOpener(h.dir, h.epoch)
	}
	if h.opener == nil {
		return 0, nil, unopenable
	}
	typ, plain, err := h.opener.OpenAt(h.unread, t.scratch, r)
	if err != nil {
		return 0, nil, unopenable
	}
	h.unread, h.failures = 0, 0
	return typ, plain, opened
}

// openEarly finds the suite of 0-RTT data by trial: it is the one of the
// earlier session, which is not named on the wire.
func (t *tlsLayer) openEarly(h *tlsHalf, r []byte) (typ uint8, plain []byte, how opening) {
	secret := t.conn.Secrets.Get(t.handshake.random, keylog.ClientEarlyTraffic)
	if secret == nil {
		return 0, nil, unopenable
	}
	for id := uint16(suiteFirst13); id <= suiteLast13; id++ {
		o, err := keylog.NewTraffic(versionTLS13, id, secret)
		if err != nil {
			continue
		}
		if typ, plain, err := o.OpenAt(h.unread, t.scratch, r); err == nil {
			h.opener, h.unread = o, 0
			return typ, plain, opened
		}
	}
	return 0, nil, unopenable
}

// failed counts a record that did not open and gives the direction up when
// there is no hope left.
func (t *tlsLayer) failed(h *tlsHalf) {
	h.unread++
	if h.epoch == epochEarly || h.epoch == epochPlain {
		return
	}
	if h.opener == nil {
		h.closed = !t.usable(h)
		return
	}
	t.facts.OpenErrors++
	h.failures++
	h.closed = h.failures >= maxFailures || h.opener.Chained()
}

// usable says whether there is a secret for the epoch of h or a later one.
func (t *tlsLayer) usable(h *tlsHalf) bool {
	for _, e := range append(t.later(h), h.epoch) {
		if o, _ := t.newOpener(h.dir, e); o != nil {
			return true
		}
	}
	return false
}

// later are the epochs that may follow that of h.
func (t *tlsLayer) later(h *tlsHalf) []epoch {
	switch {
	case t.handshake.server == nil, h.epoch == epochSealed, h.epoch == epochTraffic:
		return nil
	case !t.handshake.server.tls13():
		return []epoch{epochSealed}
	case h.epoch == epochHandshake:
		return []epoch{epochTraffic}
	}
	return []epoch{epochHandshake, epochTraffic}
}

// newOpener returns the opener of an epoch; nil while its secret is not known,
// an error if the secret or the suite cannot be used.
func (t *tlsLayer) newOpener(d flow.Dir, e epoch) (*keylog.Opener, error) {
	s := t.handshake.server
	if s == nil {
		return nil, nil
	}
	if e == epochSealed {
		return t.handshake.sealedOpener(t.conn.Secrets, d)
	}
	secret := t.conn.Secrets.Get(t.handshake.random, t.label(d, e))
	if secret == nil {
		return nil, nil
	}
	return keylog.NewTraffic(s.version, s.suite, secret)
}

// label names the secret of an epoch in a key log.
func (t *tlsLayer) label(d flow.Dir, e epoch) string {
	client := d == t.handshake.client
	switch {
	case e == epochSealed:
		return keylog.ClientRandomLabel
	case e == epochEarly:
		return keylog.ClientEarlyTraffic
	case e == epochHandshake && client:
		return keylog.ClientHandshake
	case e == epochHandshake:
		return keylog.ServerHandshake
	case client:
		return keylog.ClientTraffic
	}
	return keylog.ServerTraffic
}

// hopeful says whether the secret of an epoch is not there but may still come.
// Key logs are written in the order of the key schedule, so it will not if
// that of a later epoch is there.
func (t *tlsLayer) hopeful(d flow.Dir, e epoch) bool {
	if t.waiting.over || t.handshake.hello == nil || e == epochPlain {
		return false
	}
	if e == epochSealed {
		return t.handshake.openable() && t.handshake.master(t.conn.Secrets) == nil
	}
	for ; e <= epochTraffic; e++ {
		if t.conn.Secrets.Get(t.handshake.random, t.label(d, e)) != nil {
			return false
		}
	}
	return t.handshake.openable()
}
