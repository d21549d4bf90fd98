package flow

import (
	"net/netip"
	"time"
)

// Conn holds the TCP facts of one connection. It is complete after the table
// was closed.
type Conn struct {
	Endpoints
	// Stream is the number Wireshark gives the connection (tcp.stream), from 0.
	Stream int
	// Socket and PID are the kernel's socket cookie and the process; 0 unknown.
	Socket uint64
	PID    uint32
	// Dialled is where answers come from if this host leads the connection to
	// Server instead; invalid if it does not.
	Dialled netip.AddrPort
	// Start is the time of the first packet; Last that of the last.
	Start, Last time.Time
	// SYN and SYNACK are the frames of the first of each, 0 when not seen.
	SYN, SYNACK Mark
	// Closed is the first FIN or RST.
	Closed Mark
	// ClosedBy and ResetBy are the direction of the first FIN and of the first
	// RST that its receiver had to obey; nil when there was none.
	ClosedBy, ResetBy *Dir
	// State and History are Zeek's conn_state and history.
	State, History string
	// Bytes are the payload bytes that were seen of each direction, each
	// counted once.
	Bytes [2]uint64
	// Missed are the bytes of each direction that were not observed.
	Missed [2]uint64
	// Retransmits counts segments with payload or SYN that were sent again;
	// keep-alives and reordered segments are none.
	Retransmits [2]int
	// Overlaps counts segments that repeat a part of what was seen and bring new
	// bytes as well, or hold other bytes than those kept ahead of a hole. The
	// first bytes count.
	Overlaps [2]int
	// Unacked are the bytes of each direction, up to the highest that was seen,
	// that the receiver has not acknowledged.
	Unacked [2]uint64
	// Sacked tells whether the receiver of a direction acknowledged bytes ahead
	// of a hole (RFC 2018).
	Sacked [2]bool
	// TTL is the time to live, or hop limit, of the first packet of each
	// direction as captured; ResetTTL that of the RST of ResetBy. 0 if not seen.
	TTL      [2]uint8
	ResetTTL uint8
	// RTT is the round trip of the handshake: in a live recording of the client
	// the time from the SYN to its SYN-ACK, else the longer one of that and
	// the time from the SYN-ACK to the ACK; 0 when not seen.
	RTT time.Duration
	// ICMP is the last ICMP error that quoted this connection.
	ICMP *Unreachable
	// Value is what the owner attached to the connection.
	Value any
}
