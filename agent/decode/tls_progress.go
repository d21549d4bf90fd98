package decode

import (
	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// maxAlertRecord is the longest protected alert of TLS 1.3 without padding:
// alert, content type and a 16-byte tag. Without secrets it tells an alert
// from what a handshake goes on with.
const maxAlertRecord = recordHeader + 2 + 1 + 16

// tlsProgress follows how far the handshake got, also where the records that
// would say so stay closed.
type tlsProgress struct {
	// done: the Finished of a direction was seen.
	done [2]bool
	// data: application data of a direction was seen.
	data [2]bool
	// closed counts the protected records of the client that stayed closed.
	closed int
}

// finished is a Finished message of a direction.
func (p *tlsProgress) finished(t *tlsLayer, h *tlsHalf, m flow.Mark) {
	p.done[h.dir] = true
	p.told(t, h, m)
}

// application is application data of a direction.
func (p *tlsProgress) application(t *tlsLayer, h *tlsHalf, m flow.Mark) {
	if h.epoch == epochEarly {
		return
	}
	p.data[h.dir] = true
	p.told(t, h, m)
}

// closedRecord is a protected record of size bytes that stays closed.
func (p *tlsProgress) closedRecord(t *tlsLayer, h *tlsHalf, typ uint8, size int, m flow.Mark) {
	switch {
	case h.epoch == epochSealed && typ == recordHandshake:
		p.finished(t, h, m)
	case h.epoch == epochSealed && typ == recordApplication, h.epoch == epochTraffic:
		p.application(t, h, m)
	case h.epoch == epochHandshake && size > maxAlertRecord:
		p.closedHandshake(t, h, m)
	}
}

// closedHandshake is a record of TLS 1.3 that may be of the handshake or
// application data. The client's first one ends in its Finished; what the
// server sends after the client's second is, like that, application data or a
// session ticket.
func (p *tlsProgress) closedHandshake(t *tlsLayer, h *tlsHalf, m flow.Mark) {
	client := h.dir == t.handshake.client
	if client {
		p.closed++
		p.data[h.dir] = p.data[h.dir] || p.closed > 1
	} else {
		p.data[h.dir] = p.data[h.dir] || p.closed > 0
	}
	p.told(t, h, m)
}

// told updates the facts after a step of a direction.
func (p *tlsProgress) told(t *tlsLayer, h *tlsHalf, m flow.Mark) {
	if h.dir == t.handshake.client && t.facts.Duration == nil && t.handshake.hello != nil {
		t.facts.Duration = new(trace.Since(t.facts.StartedAt, m.Time))
	}
	if p.done[0] && p.done[1] || p.data[0] && p.data[1] {
		t.facts.Established = true
	}
}

// maxTLSEarly is how many bytes of 0-RTT data are kept until the server has
// said whether it takes them.
const maxTLSEarly = 256 << 10

// tlsEarly keeps 0-RTT data until the server has accepted it: what it refuses
// is sent again later (RFC 8446, section 4.2.10).
type tlsEarly struct {
	pieces []piece
	size   int
	// missed are bytes of early data that did not open.
	missed  uint64
	decided bool
	taken   bool
}

// hold keeps early data; false if it can be passed on at once.
func (e *tlsEarly) hold(t *tlsLayer, plain []byte, m flow.Mark) bool {
	if e.decided {
		return !e.taken
	}
	if e.size+len(plain) > maxTLSEarly {
		e.decide(t, true, m)
		return false
	}
	e.size += len(plain)
	e.pieces = append(e.pieces, piece{b: append([]byte(nil), plain...), mark: m})
	return true
}

// miss counts n bytes of early data that did not open.
func (e *tlsEarly) miss(t *tlsLayer, n uint64, m flow.Mark) {
	if !e.decided {
		e.missed += n
	} else if e.taken {
		t.missing(&t.half[t.handshake.client], n, m)
	}
}

// decide passes the early data on if the server has taken it. Only the first
// call counts.
func (e *tlsEarly) decide(t *tlsLayer, taken bool, m flow.Mark) {
	if e.decided {
		return
	}
	e.decided, e.taken = true, taken
	pieces := e.pieces
	e.pieces = nil
	if !taken {
		return
	}
	if e.missed > 0 {
		t.missing(&t.half[t.handshake.client], e.missed, m)
	}
	for _, p := range pieces {
		t.inside(p.mark)
		t.inner.Data(t.handshake.client, p.b, p.mark)
	}
}
