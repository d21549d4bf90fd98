//go:build linux

package live

import (
	"maps"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gopx-trace/gopx-trace/bpf"
	"github.com/gopx-trace/gopx-trace/capture/live/gate"
)

// lateAnswer is how long after its socket was closed the answer of a peer can come.
const lateAnswer = time.Second

// maxPeers bounds the peers that are waited for; past it nothing is known of them.
const maxPeers = 1 << 15

// peers are those whom sockets speak to, by the socket's cookie, as long as they
// have not had their last word: the kernel goes on with a connection that a process
// has closed, until both sides have ended it.
type peers struct {
	waiting map[uint64]*peer
	tooMany bool
}

// peer is the other side of a socket.
type peer struct {
	// silent is when we stopped listening (CLOCK_MONOTONIC, ns): when the socket
	// was closed, or the last datagram sent. 0 is not yet.
	silent uint64
	// ended says that the peer ended the connection: its FIN or RST came.
	ended bool
}

// see takes in a sample.
func (p *peers) see(s *bpf.Sample) {
	switch s.Kind {
	case bpf.KindSocketState:
		if s.Socket.Protocol == unix.IPPROTO_TCP {
			p.state(s)
		}
	case bpf.KindPacket:
		p.packet(s)
	}
}

// state takes in a step in the life of a TCP socket. In CLOSE it takes no more
// packets, also if it goes on in TIME_WAIT, or in FIN_WAIT2 without its process.
func (p *peers) state(s *bpf.Sample) {
	cookie := s.Socket.Cookie
	of := p.waiting[cookie]
	switch {
	case s.Socket.OldState == unix.BPF_TCP_CLOSE: // a new connection
		delete(p.waiting, cookie)
		p.add(cookie, 0)
	case s.Socket.NewState != unix.BPF_TCP_CLOSE:
		if of == nil {
			p.add(cookie, 0)
		}
	case of == nil:
	case of.ended, s.Socket.OldState == unix.BPF_TCP_LISTEN:
		delete(p.waiting, cookie)
	default:
		of.silent = s.Time
	}
}

// packet takes in a packet: of TCP the last of a peer counts, of UDP any.
func (p *peers) packet(s *bpf.Sample) {
	protocol, flags := transport(s.Packet.Data)
	cookie := s.Packet.Cookie
	switch {
	case protocol == unix.IPPROTO_UDP && s.Packet.Outbound:
		p.add(cookie, s.Time)
	case protocol == unix.IPPROTO_UDP:
		delete(p.waiting, cookie)
	case s.Packet.Outbound || flags&(tcpFIN|tcpRST) == 0:
	default:
		if of := p.waiting[cookie]; of != nil {
			of.ended = true
			if of.silent != 0 {
				delete(p.waiting, cookie)
			}
		}
	}
}

// add notes a peer of whom more can come.
func (p *peers) add(cookie, silent uint64) {
	if of := p.waiting[cookie]; of != nil {
		of.silent = silent
		return
	}
	if p.waiting == nil {
		p.waiting = map[uint64]*peer{}
	}
	if len(p.waiting) >= maxPeers {
		p.forget()
	}
	if len(p.waiting) >= maxPeers {
		p.tooMany = true
		return
	}
	p.waiting[cookie] = &peer{silent: silent}
}

// forget drops those whose answer would be too late.
func (p *peers) forget() {
	now := gate.Monotonic()
	maps.DeleteFunc(p.waiting, func(_ uint64, of *peer) bool {
		return of.silent != 0 && now-of.silent > uint64(lateAnswer)
	})
}

// silent reports whether nothing more can come from anyone.
func (p *peers) silent() bool {
	p.forget()
	return len(p.waiting) == 0 && !p.tooMany
}

// Flags of a TCP header (RFC 9293 section 3.1).
const (
	tcpFIN = 1 << 0
	tcpRST = 1 << 2
)

// transport returns the protocol of an IP packet, and the flags if it is TCP; 0 if
// that takes a closer look (IPv6 extension headers).
func transport(b []byte) (protocol, flags byte) {
	const tcpFlags = 13 // offset in the TCP header
	at := 0
	switch {
	case len(b) >= 20 && b[0]>>4 == 4 && b[0]&15 >= 5:
		protocol, at = b[9], int(b[0]&15)*4
	case len(b) >= 40 && b[0]>>4 == 6:
		protocol, at = b[6], 40
	}
	if protocol == unix.IPPROTO_TCP && len(b) > at+tcpFlags {
		flags = b[at+tcpFlags]
	}
	return protocol, flags
}
