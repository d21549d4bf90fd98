package flow

import (
	"container/list"
	"time"

	"github.com/gopx-trace/gopx-trace/capture"
)

// connection is a [Conn] and what is needed while it lasts.
type connection struct {
	Conn
	table     *Table
	key       tuple
	recent    *list.Element
	clientLow bool
	// stream is nil before the first packet.
	stream Stream
	half   [2]half
	life   life
	// resetAt and resetSeq are those of the RST of Conn.ResetBy.
	resetAt  Mark
	resetSeq uint32
	// base is the number that each side began with, lower address first, as
	// Wireshark sees it: that of the SYN, or one less than the first number
	// that was sent or acknowledged. based tells whether it is known.
	base  [2]uint32
	based [2]bool
	// atClient is set once the client's socket was seen in a live recording.
	atClient  bool
	lastFrame int
	// syn and synAck are the latest of each until the handshake was seen to
	// its end; connect is the time between them.
	syn, synAck time.Time
	connect     time.Duration
	confirmed   bool
}

// side indexes what is kept for the lower and the higher address.
func side(srcLow bool) int {
	if srcLow {
		return 0
	}
	return 1
}

// succession is what a segment means for the connection that its addresses
// and ports had so far.
type succession uint8

const (
	// belongs: it is a segment of that connection.
	belongs succession = iota
	// follows: it begins another connection, but Wireshark does not see that
	// and gives both the same number.
	follows
	// reuses: it begins another connection with a number of its own.
	reuses
)

// succession tells whether a segment begins a new connection. A SYN with
// another number than the one the connection began with always does, also in
// Wireshark 4.0 (epan/dissectors/packet-tcp.c, dissect_tcp). After the end of a
// connection so does the same SYN, as of a client that tries again after being
// refused, and a SYN-ACK with another number: the end was not real.
func (c *connection) succession(srcLow bool, s *segment) succession {
	i := side(srcLow)
	if !s.has(flagSYN) || !c.based[i] {
		return belongs
	}
	over := c.ResetBy != nil || c.half[ToServer].ended && c.half[ToClient].ended
	switch differs := s.seq != c.base[i]; {
	case differs && !s.has(flagACK):
		return reuses
	case over && differs == s.has(flagACK):
		return follows
	}
	return belongs
}

// number notes the sequence numbers that [connection.succession] compares with.
func (c *connection) number(srcLow bool, s *segment) {
	i := side(srcLow)
	if !c.based[i] {
		c.based[i], c.base[i] = true, s.seq
		if !s.has(flagSYN) {
			c.base[i]--
		}
	}
	if s.has(flagACK) && !c.based[1-i] {
		c.based[1-i], c.base[1-i] = true, s.ack-1
	}
}

// byClient reports whether the first packet of a connection was sent by its
// client. Without a handshake it is a guess: whoever runs here, then whoever
// talks to a well-known port or from an ephemeral one, then the sender.
func byClient(p *capture.Packet, s *segment, src, dst uint16) bool {
	switch {
	case s.has(flagSYN):
		return !s.has(flagACK)
	case p.Socket != 0 && p.Direction != capture.DirectionUnknown:
		return p.Direction == capture.Outbound
	case wellKnown(src) != wellKnown(dst):
		return wellKnown(dst)
	case ephemeral(src) != ephemeral(dst):
		return ephemeral(src)
	}
	return true
}

// wellKnown reports whether servers listen on a port: system ports (RFC 6335,
// section 6) and the usual ones of proxies.
func wellKnown(port uint16) bool {
	switch port {
	case 1080, 3000, 3128, 8000, 8080, 8081, 8082, 8443, 8888, 9090:
		return true
	}
	return port < 1024
}

// ephemeral reports whether clients are given a port: Linux begins at 32768
// (net.ipv4.ip_local_port_range), others at 49152 (RFC 6335, section 6).
func ephemeral(port uint16) bool { return port >= 32768 }

// take processes a segment of the connection.
func (c *connection) take(p *capture.Packet, srcLow bool, s *segment) {
	d := ToClient
	if srcLow == c.clientLow {
		d = ToServer
	}
	s.filled = p.Filled
	c.number(srcLow, s)
	if c.copied(d, p) {
		return
	}
	c.note(d, p, s)
	c.life.segment(d, s)
	c.assemble(d, s)
	c.Unacked = [2]uint64{c.half[ToServer].outstanding(), c.half[ToClient].outstanding()}
}

// copied reports whether a packet was recorded at the server's socket although
// the client's is recorded too; see [Table].
func (c *connection) copied(d Dir, p *capture.Packet) bool {
	leaves := p.Direction == capture.Outbound
	if p.Direction == capture.DirectionUnknown {
		return false
	}
	atClient := leaves == (d == ToServer)
	if atClient && p.Socket != 0 && !c.atClient {
		c.atClient = true
		c.Socket, c.PID = p.Socket, p.PID
	}
	return c.atClient && !atClient
}

// note keeps the facts that a segment's header tells.
func (c *connection) note(d Dir, p *capture.Packet, s *segment) {
	if s.at.Time.After(c.Last) {
		c.Last = s.at.Time
	}
	c.lastFrame = s.at.Frame
	if c.TTL[d] == 0 {
		c.TTL[d] = s.ttl
	}
	if s.sack {
		c.Sacked[d.Opposite()] = true
	}
	if c.Socket == 0 {
		c.Socket, c.PID = p.Socket, p.PID
	}
	if c.PID == 0 && c.Socket == p.Socket {
		c.PID = p.PID
	}
	switch s.flags & (flagSYN | flagACK | flagRST) {
	case flagSYN:
		c.repeat(d, &c.SYN, s)
		c.syn = s.at.Time
	case flagSYN | flagACK:
		c.repeat(d, &c.SYNACK, s)
		c.answer(s.at.Time)
	case flagACK:
		if d == ToServer && !c.synAck.IsZero() {
			c.confirm(s.at.Time)
		}
	}
	if s.has(flagFIN) && c.ClosedBy == nil {
		by := d // &d would cost an allocation for every segment
		c.ClosedBy = &by
		c.closed(s.at)
	}
}

// repeat notes the first packet of its kind and counts the later ones.
func (c *connection) repeat(d Dir, first *Mark, s *segment) {
	if *first != (Mark{}) {
		c.Retransmits[d]++
		return
	}
	*first = s.at
}

// answer is the SYN-ACK: the round trip as the client sees it is over.
func (c *connection) answer(at time.Time) {
	if c.synAck.IsZero() && !c.syn.IsZero() {
		c.connect = max(0, at.Sub(c.syn))
		c.RTT = c.connect
	}
	c.synAck = at
}

// confirm is the first ACK of the client: the round trip as the server sees it
// is over. Next to one end one of the two is nearly nothing, so the longer one
// is the round trip.
func (c *connection) confirm(at time.Time) {
	if !c.confirmed && !c.atClient {
		c.RTT = max(c.connect, at.Sub(c.synAck))
	}
	c.confirmed = true
}

func (c *connection) closed(at Mark) {
	if c.Closed == (Mark{}) {
		c.Closed = at
	}
}

// close ends what is open and completes the facts.
func (c *connection) close() {
	at := Mark{Time: c.Last, Frame: c.lastFrame}
	c.over()
	for _, d := range []Dir{ToServer, ToClient} {
		c.flush(d, at)
		if c.half[d].fin {
			c.end(d, Finished, c.half[d].finAt)
		} else {
			c.end(d, Open, at)
		}
	}
	c.State = c.life.state(c.Bytes == [2]uint64{})
	c.History = string(c.life.history[:c.life.length])
}
