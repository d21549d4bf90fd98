package decode

import (
	"encoding/binary"
	"net/netip"

	"github.com/miekg/dns"

	"github.com/gopx-trace/gopx-trace/agent/flow"
)

const (
	// portDNS is the port of unicast DNS (RFC 1035, section 4.2).
	portDNS = 53
	// headerDNS is the length of a message header in bytes.
	headerDNS = 12
)

// Message is one DNS message on the wire.
type Message struct {
	Src, Dst  netip.AddrPort
	Transport string // udp, tcp
	Msg       *dns.Msg
	Mark      flow.Mark
	PID       uint32
	// Malformed is set when the bytes could not be read to their end, or were
	// captured only in part; Msg is what was read.
	Malformed bool
	// Elsewhere is set where neither port is that of DNS: the form told it.
	Elsewhere bool
	// Upstream is set where a local resolver speaks, not the command.
	Upstream bool
}

// Datagram decodes a UDP datagram from or to port 53, and others that have the
// form of a question or an answer. Those too short for a message header are
// ignored.
func Datagram(d *flow.Datagram, out Out) {
	if !onPort(d) && !mayBeDNS(d) {
		return
	}
	m := &Message{Src: d.Src, Dst: d.Dst, Transport: "udp", Mark: d.Mark, PID: d.PID, Elsewhere: !onPort(d), Upstream: d.Upstream}
	if d.TCP {
		m.Transport = "tcp"
	}
	if m.unpack(d.Payload) {
		out.DNS(m)
	}
}

// unpack reads b and says whether there was at least a header.
func (m *Message) unpack(b []byte) bool {
	if len(b) < headerDNS {
		return false
	}
	m.Msg = new(dns.Msg)
	if m.Malformed = m.Msg.Unpack(b) != nil; m.Malformed && m.Msg.Answer == nil {
		m.Msg.Answer = readable(b, len(m.Msg.Question))
	}
	return true
}

// readable returns the records of the answer section of a damaged message up
// to the first that cannot be read. questions is how many came before.
func readable(b []byte, questions int) (section []dns.RR) {
	off, err := headerDNS, error(nil)
	for range questions {
		if _, off, err = dns.UnpackDomainName(b, off); err != nil {
			return nil
		}
		off += 4 // type and class
	}
	for range binary.BigEndian.Uint16(b[6:]) {
		var rr dns.RR
		if off >= len(b) {
			break
		}
		if rr, off, err = dns.UnpackRR(b, off); err != nil {
			break
		}
		section = append(section, rr)
	}
	return section
}

// dnsTCP decodes DNS over TCP: messages after their length (RFC 7766, section 8).
type dnsTCP struct {
	c    *Conn
	bufs [2][]byte
	lost [2]bool
}

func newDNS(c *Conn) *dnsTCP { return &dnsTCP{c: c} }

// matchDNS accepts a length and a message header of a standard query on the
// port of DNS; see matchOtherDNS for other ports.
func matchDNS(c *Conn, d flow.Dir, first []byte) verdict {
	if c.Endpoints.Server.Port() != portDNS {
		return matchOtherDNS(c, d, first)
	}
	if c.depth > 0 {
		return no
	}
	if len(first) < 2+headerDNS {
		return more
	}
	length, questions := binary.BigEndian.Uint16(first), binary.BigEndian.Uint16(first[6:])
	answer, opcode := first[4]&0x80 != 0, first[4]>>3&0xf
	if length < headerDNS || opcode > dns.OpcodeUpdate || questions > 16 || answer != (d == flow.ToClient) {
		return no
	}
	return yes
}

// Data implements [flow.Stream].
func (s *dnsTCP) Data(d flow.Dir, b []byte, m flow.Mark) {
	if s.lost[d] {
		return
	}
	buf := append(s.bufs[d], b...)
	for len(buf) >= 2 {
		n := 2 + int(binary.BigEndian.Uint16(buf))
		if len(buf) < n {
			break
		}
		s.message(d, buf[2:n], m)
		buf = buf[n:]
	}
	s.bufs[d] = append([]byte(nil), buf...)
}

// message tells of one message.
func (s *dnsTCP) message(d flow.Dir, b []byte, m flow.Mark) {
	out := &Message{Src: s.c.Endpoints.Client, Dst: s.c.Endpoints.Server, Transport: "tcp", Mark: m, PID: s.c.Facts.PID}
	out.Elsewhere = out.Dst.Port() != portDNS
	if d == flow.ToClient {
		out.Src, out.Dst = out.Dst, out.Src
	}
	if out.unpack(b) {
		s.c.Out.DNS(out)
	}
}

// Gap implements [flow.Stream]. Where the next message begins is lost with the
// length before it.
func (s *dnsTCP) Gap(d flow.Dir, _ uint64, m flow.Mark) {
	s.lost[d], s.bufs[d] = true, nil
	s.c.note("DNS over TCP: bytes sent by " + side(d) + " are missing; the rest of that direction cannot be read")
}

// End implements [flow.Stream].
func (s *dnsTCP) End(flow.Dir, flow.Ending, flow.Mark) {}
