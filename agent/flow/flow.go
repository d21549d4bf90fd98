// Package flow turns captured packets into ordered byte streams and TCP facts.
//
// It reads link, IP, TCP, UDP and ICMP headers, puts each direction of a TCP
// connection in order and hands the bytes, the gaps and the ends to a
// [Stream]; datagrams go out as they are. It knows nothing above the transport.
package flow

import (
	"net/netip"
	"time"
)

// Dir is a direction of a connection.
type Dir uint8

// Directions. The client is the side that sent the first SYN.
const (
	ToServer Dir = 0
	ToClient Dir = 1
)

// Opposite is the other direction.
func (d Dir) Opposite() Dir { return 1 - d }

// Mark is where bytes were seen: in which packet, and when.
type Mark struct {
	Time  time.Time
	Frame int
}

// Ending is how a direction of a stream ended.
type Ending uint8

// Endings.
const (
	// Finished: the sender said that it is done (FIN, close_notify, end of body).
	Finished Ending = iota
	// Reset: a RST was seen, from either side.
	Reset
	// Open: the observation ended first.
	Open
)

// Stream receives what one connection, or one layer inside it, carried: bytes
// in order, holes, and one End for each direction. Implementations do not keep
// b after Data returns.
type Stream interface {
	Data(d Dir, b []byte, m Mark)
	// Gap says that n bytes of that direction were not observed.
	Gap(d Dir, n uint64, m Mark)
	// End is called exactly once for each direction; nothing of that
	// direction follows.
	End(d Dir, how Ending, m Mark)
}

// Endpoints of a connection or datagram.
type Endpoints struct {
	Client, Server netip.AddrPort
}

// Datagram is one UDP datagram, or one message of a local resolver over TCP.
type Datagram struct {
	Src, Dst netip.AddrPort
	Payload  []byte
	Mark     Mark
	PID      uint32
	Socket   uint64
	// Cut is set when the payload was captured only in part.
	Cut bool
	// Upstream is that of the packet, [capture.Packet.Upstream]; TCP is set when
	// such a message came in a TCP segment, without the length ahead of it.
	Upstream, TCP bool
}

// Unreachable is an ICMP or ICMPv6 error and the packet it quotes.
type Unreachable struct {
	// From sent the error.
	From netip.Addr
	// Type and Code are those of ICMPv4 or, with V6, ICMPv6.
	Type, Code uint8
	V6         bool
	// Protocol, Src and Dst are those of the quoted packet.
	Protocol uint8
	Src, Dst netip.AddrPort
	// MTU is the next hop's, in bytes, where the error says it (RFC 1191,
	// RFC 8201); else 0.
	MTU  int
	Mark Mark
}
