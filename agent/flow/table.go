package flow

import (
	"bytes"
	"cmp"
	"container/list"
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"

	"github.com/google/gopacket/layers"

	"github.com/gopx-trace/gopx-trace/capture"
)

// Bounds of a [Table]. What is hit is told by [Table.Limited].
const (
	// maxConns is how many connections are followed at a time. Beyond it the
	// one that was silent for longest is given up; if it goes on it counts as
	// a new connection.
	maxConns = 1 << 16
	// maxSenders is how many UDP senders are remembered for [Table.datagram].
	maxSenders = 1 << 16
	// maxHeldTotal is how many bytes ahead of a hole are kept over all
	// connections; see also maxHeld.
	maxHeldTotal = 64 << 20
)

// Options are the receivers of what a [Table] finds. Nil ones are not called.
type Options struct {
	// Open is called at the first packet of a connection. What it returns
	// receives the connection's bytes; nil if nobody wants them.
	Open func(*Conn) Stream
	// Datagram is called for each UDP datagram. The payload is valid until it
	// returns.
	Datagram func(*Datagram)
	// Unreachable is called for each ICMP error, with the connection that it
	// quotes a packet of, or nil.
	Unreachable func(*Unreachable, *Conn)
	// Closed is called when nothing more can happen to a connection: its
	// addresses were used again, it was given up, or the table was closed.
	Closed func(*Conn)
}

// Table follows all connections of a capture. Connections are numbered as in
// Wireshark 4.0: by the first packet of each pair of addresses and ports, and
// anew when a SYN with another sequence number shows that the pair is used
// again. (Wireshark's SOCKS dissector gives numbers to tunnels, too: those
// after a SOCKS connection differ.)
//
// In a live recording both ends of a loopback connection may belong to the
// traced command. Every packet is then recorded twice: as it leaves its
// sender's socket and as it reaches its receiver's. As soon as the client's
// socket was seen, the records made at the server's socket are copies, and are
// left out: packets to the server count as they leave the client, packets to
// the client as they reach it. Of datagrams the record of the sender counts.
type Table struct {
	options Options
	parser  *parser
	byTuple map[tuple]*connection
	// bySocket holds connections whose first packet left its socket, see redirected.
	bySocket map[uint64]*connection
	// recent holds the connections, the latest active first.
	recent  *list.List
	streams int
	senders map[netip.AddrPort]struct{}
	// held counts the bytes that all connections hold ahead of holes.
	held    int
	limited map[string]int
	// resets are the latest connections that were reset, the oldest first.
	resets []*connection
	// Copies of the bounds above, so that tests can make them small.
	maxConns, maxHeldTotal int
}

// NewTable returns an empty table.
func NewTable(o Options) *Table {
	return &Table{
		options:      o,
		parser:       newParser(),
		byTuple:      make(map[tuple]*connection),
		bySocket:     make(map[uint64]*connection),
		recent:       list.New(),
		senders:      make(map[netip.AddrPort]struct{}),
		limited:      make(map[string]int),
		maxConns:     maxConns,
		maxHeldTotal: maxHeldTotal,
	}
}

// Packet takes the next packet of the capture.
func (t *Table) Packet(p *capture.Packet) {
	switch t.parser.parse(p) {
	case layers.LayerTypeTCP:
		if p.Upstream {
			t.upstream(p)
			return
		}
		t.segment(p)
	case layers.LayerTypeUDP:
		t.datagram(p)
	case layers.LayerTypeICMPv4:
		t.unreachable(p, t.parser.error4())
	case layers.LayerTypeICMPv6:
		t.unreachable(p, t.parser.error6())
	}
}

// Close ends all connections, in the order of their numbers.
func (t *Table) Close() {
	open := slices.SortedFunc(maps.Values(t.byTuple), func(a, b *connection) int {
		return cmp.Compare(a.Stream, b.Stream)
	})
	for _, c := range open {
		t.close(c)
	}
}

// Unread counts the packets that could not be read, by reason: an unknown
// link type, a damaged or cut header, fragments without the rest.
func (t *Table) Unread() map[string]int {
	unread := maps.Clone(t.parser.unread)
	if n := t.parser.fragments.lost + len(t.parser.fragments.packets); n > 0 {
		unread["IP fragments without the rest"] = n
	}
	return unread
}

// Limited counts how often a bound on memory was hit, by what it bounds.
func (t *Table) Limited() map[string]int { return maps.Clone(t.limited) }

// tuple is a pair of addresses and ports, the lower one first.
type tuple struct {
	low, high         [16]byte
	lowPort, highPort uint16
	v6                bool
}

// tupleOf also tells whether src is the lower one.
func tupleOf(n *network, srcPort, dstPort uint16) (tuple, bool) {
	order := bytes.Compare(n.src[:], n.dst[:])
	if order < 0 || order == 0 && srcPort <= dstPort {
		return tuple{n.src, n.dst, srcPort, dstPort, n.v6}, true
	}
	return tuple{n.dst, n.src, dstPort, srcPort, n.v6}, false
}

// segment hands a TCP segment to its connection.
func (t *Table) segment(p *capture.Packet) {
	h := &t.parser.tcp
	s := t.parser.segment(Mark{Time: p.Time, Frame: p.Frame})
	key, srcLow := tupleOf(&t.parser.network, uint16(h.SrcPort), uint16(h.DstPort))
	c := t.byTuple[key]
	if c == nil {
		if t.redirected(p, &s) != nil {
			return
		}
		c = t.reserve(key)
	}
	switch c.succession(srcLow, &s) {
	case reuses:
		t.close(c)
		c = t.reserve(key)
	case follows:
		t.close(c)
		c = t.enter(key, &connection{base: c.base, based: c.based, Conn: Conn{Stream: c.Stream}})
	}
	if c.stream == nil {
		t.open(c, p, &s, srcLow)
	}
	t.recent.MoveToFront(c.recent)
	c.take(p, srcLow, &s)
}

// reserve makes an entry with the next stream number. It has no facts before
// its first packet.
func (t *Table) reserve(key tuple) *connection {
	c := &connection{Conn: Conn{Stream: t.streams}}
	t.streams++
	return t.enter(key, c)
}

func (t *Table) enter(key tuple, c *connection) *connection {
	if len(t.byTuple) >= t.maxConns {
		t.limited["open connections"]++
		t.close(t.recent.Back().Value.(*connection))
	}
	c.table, c.key = t, key
	c.recent = t.recent.PushFront(c)
	t.byTuple[key] = c
	return c
}

// open fills in what the first packet tells.
func (t *Table) open(c *connection, p *capture.Packet, s *segment, srcLow bool) {
	n, h := &t.parser.network, &t.parser.tcp
	src := netip.AddrPortFrom(address(n.src, n.v6), uint16(h.SrcPort))
	dst := netip.AddrPortFrom(address(n.dst, n.v6), uint16(h.DstPort))
	if byClient(p, s, src.Port(), dst.Port()) {
		c.Client, c.Server, c.clientLow = src, dst, srcLow
	} else {
		c.Client, c.Server, c.clientLow = dst, src, !srcLow
		c.life.flipped()
	}
	if p.Socket != 0 && p.Direction == capture.Outbound && c.Client == src {
		t.bySocket[p.Socket] = c
	}
	c.Start = p.Time
	if t.options.Open != nil {
		c.stream = t.options.Open(&c.Conn)
	}
	if c.stream == nil {
		c.stream = discard{}
	}
}

// close ends a connection and forgets it.
func (t *Table) close(c *connection) {
	delete(t.byTuple, c.key)
	if t.bySocket[c.Socket] == c {
		delete(t.bySocket, c.Socket)
	}
	t.recent.Remove(c.recent)
	if c.stream == nil { // only an ICMP error named it
		return
	}
	c.close()
	if t.options.Closed != nil {
		t.options.Closed(&c.Conn)
	}
}

// datagram hands a UDP datagram on, unless it is the copy that was recorded at
// the receiver's socket of one that was recorded at the sender's.
func (t *Table) datagram(p *capture.Packet) {
	n, h := &t.parser.network, &t.parser.udp
	d := &Datagram{
		Src:     netip.AddrPortFrom(address(n.src, n.v6), uint16(h.SrcPort)),
		Dst:     netip.AddrPortFrom(address(n.dst, n.v6), uint16(h.DstPort)),
		Payload: h.Payload,
		Mark:    Mark{Time: p.Time, Frame: p.Frame},
		PID:     p.PID,
		Socket:  p.Socket,
		Cut:     len(h.Payload) < udpLength(h, n)-8,

		Upstream: p.Upstream,
	}
	if t.copied(p, d.Src) || t.options.Datagram == nil {
		return
	}
	t.options.Datagram(d)
}

// upstream hands on the message in a segment of a local resolver. Of such a
// connection single segments were captured, each with one message behind its
// length (RFC 7766, section 8); for Wireshark it is a stream like others.
func (t *Table) upstream(p *capture.Packet) {
	n, h := &t.parser.network, &t.parser.tcp
	if key, _ := tupleOf(n, uint16(h.SrcPort), uint16(h.DstPort)); t.byTuple[key] == nil {
		t.reserve(key)
	}
	if len(h.Payload) < 2 || t.options.Datagram == nil {
		return
	}
	message := h.Payload[2:]
	t.options.Datagram(&Datagram{
		Src:      netip.AddrPortFrom(address(n.src, n.v6), uint16(h.SrcPort)),
		Dst:      netip.AddrPortFrom(address(n.dst, n.v6), uint16(h.DstPort)),
		Payload:  message,
		Mark:     Mark{Time: p.Time, Frame: p.Frame},
		Cut:      len(message) < int(binary.BigEndian.Uint16(h.Payload)),
		Upstream: true, TCP: true,
	})
}

// udpLength is the size of the datagram on the wire, header included: 0 in the
// header means that it is too long for the field (RFC 2675, section 4).
func udpLength(h *layers.UDP, n *network) int {
	if h.Length == 0 {
		return n.length
	}
	return int(h.Length)
}

func (t *Table) copied(p *capture.Packet, src netip.AddrPort) bool {
	if p.Socket == 0 {
		return false
	}
	_, sent := t.senders[src]
	if p.Direction == capture.Outbound && !sent {
		if len(t.senders) >= maxSenders {
			t.limited["UDP senders"]++
			clear(t.senders)
		}
		t.senders[src] = struct{}{}
	}
	return sent && p.Direction == capture.Inbound
}

// unreachable hands an ICMP error on. Wireshark counts the TCP header in it as
// a packet, so one that belongs to no known connection takes a number.
func (t *Table) unreachable(p *capture.Packet, u *Unreachable) {
	if u == nil {
		return
	}
	u.Mark = Mark{Time: p.Time, Frame: p.Frame}
	var conn *Conn
	if c := t.quoted(u); c != nil {
		conn = &c.Conn
		conn.ICMP = u
	}
	if t.options.Unreachable != nil {
		t.options.Unreachable(u, conn)
	}
}

// quoted finds the connection that an ICMP error quotes a packet of.
func (t *Table) quoted(u *Unreachable) *connection {
	if u.Protocol != protoTCP {
		return nil
	}
	n := &t.parser.quoted
	key, _ := tupleOf(n, u.Src.Port(), u.Dst.Port())
	c := t.byTuple[key]
	if c == nil && len(n.payload) >= icmpNumberedBytes {
		t.reserve(key)
	}
	if c == nil || c.stream == nil {
		return nil
	}
	return c
}

// discard is the stream of a connection that nobody listens to.
type discard struct{}

func (discard) Data(Dir, []byte, Mark) {}
func (discard) Gap(Dir, uint64, Mark)  {}
func (discard) End(Dir, Ending, Mark)  {}
