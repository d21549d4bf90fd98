//go:build linux

package upstream

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"

	"github.com/gopx-trace/gopx-trace/capture"
)

// Ports of unicast DNS (RFC 1035, section 4.2), and of DNS over TLS and QUIC
// (RFC 7858, RFC 9250).
const (
	portDNS       = 53
	portEncrypted = 853
)

// Types of Destination Unreachable (RFC 792; RFC 4443, section 3.1).
const (
	unreachable4 = 3
	unreachable6 = 1
)

// maxAliases is how many CNAME records of an answer are followed.
const maxAliases = 16

// heard is a packet from the socket: an IP packet without what the link added.
type heard struct {
	at       time.Time
	data     []byte
	outbound bool
}

// packet is the event of h.
func (h heard) packet() *capture.Packet {
	p := &capture.Packet{
		Time: h.at.UTC(), Link: capture.LinkRaw, Data: h.data, Length: max(ipLength(h.data), len(h.data)),
		Direction: capture.Inbound, Upstream: true,
	}
	if h.outbound {
		p.Direction = capture.Outbound
	}
	return p
}

// way is where a question goes from and to. An answer has that of its question.
type way struct {
	client, server netip.AddrPort
	protocol       byte
}

// local reports whether the way does not leave the host: what a host sends to
// an address of its own comes from that address.
func (w way) local() bool {
	return w.server.Addr().IsLoopback() || w.server.Addr() == w.client.Addr()
}

// parsed is what a packet says that is about DNS.
type parsed struct {
	way      way
	response bool
	// encrypted is set where no more than the way is known.
	encrypted bool
	// refused is set for an ICMP error about a question, which it may quote too
	// little of to have a name.
	refused bool
	name    string   // of the question, lower case, with the final dot
	aliases []string // what CNAME records of an answer lead to, likewise
}

// ipLength is the length that an IP header gives its packet; 0 if it has none.
func ipLength(b []byte) int {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		return int(binary.BigEndian.Uint16(b[2:]))
	case len(b) >= 40 && b[0]>>4 == 6:
		return 40 + int(binary.BigEndian.Uint16(b[4:]))
	}
	return 0
}

// parse reads an IP packet with one DNS message, or one of DNS over TLS. Packets
// with IPv6 extension headers, fragments and TCP segments with more or less than
// the beginning of one message are none.
func parse(b []byte) (parsed, bool) {
	src, dst, protocol, b, ok := transport(b)
	if !ok || len(b) < 8 {
		return parsed{}, false
	}
	if protocol == unix.IPPROTO_ICMP && b[0] == unreachable4 || protocol == unix.IPPROTO_ICMPV6 && b[0] == unreachable6 {
		return quoted(b[8:])
	}
	from, to := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	p := parsed{response: to != portDNS && to != portEncrypted}
	server := to
	if p.way = (way{netip.AddrPortFrom(src, from), netip.AddrPortFrom(dst, to), protocol}); p.response {
		server = from
		p.way.client, p.way.server = p.way.server, p.way.client
	}
	switch server {
	case portEncrypted:
		p.encrypted = true
		return p, true
	case portDNS:
		message, ok := payload(protocol, b)
		return p, ok && p.read(message)
	}
	return parsed{}, false
}

// quoted reads the question that an ICMP error is about.
func quoted(b []byte) (parsed, bool) {
	src, dst, protocol, b, ok := transport(b)
	if !ok || len(b) < 8 || protocol != unix.IPPROTO_UDP || binary.BigEndian.Uint16(b[2:]) != portDNS {
		return parsed{}, false
	}
	p := parsed{refused: true, way: way{
		netip.AddrPortFrom(src, binary.BigEndian.Uint16(b)), netip.AddrPortFrom(dst, portDNS), protocol,
	}}
	return p, len(b) == 8 || p.read(b[8:])
}

// transport returns the ends and the upper layer of an IP packet that is whole,
// or the first bytes of one.
func transport(b []byte) (src, dst netip.Addr, protocol byte, rest []byte, ok bool) {
	n := ipLength(b)
	if n == 0 {
		return src, dst, 0, nil, false
	}
	b = b[:min(n, len(b))]
	if b[0]>>4 == 6 {
		if len(b) < 40 {
			return src, dst, 0, nil, false
		}
		return netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:])), b[6], b[40:], true
	}
	const moreOrOffset = 0x3fff // flags and fragment offset but for DF
	header := int(b[0]&15) * 4
	if header < 20 || len(b) < header || binary.BigEndian.Uint16(b[6:])&moreOrOffset != 0 {
		return src, dst, 0, nil, false
	}
	return netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:])), b[9], b[header:], true
}

// payload returns the DNS message of a datagram or segment. A segment with a
// second message is left alone: that one may be somebody else's.
func payload(protocol byte, b []byte) ([]byte, bool) {
	switch {
	case protocol == unix.IPPROTO_UDP:
		return b[8:], true
	case protocol != unix.IPPROTO_TCP || len(b) < 20:
		return nil, false
	}
	offset := int(b[12]>>4) * 4
	if offset < 20 || len(b) < offset+2 {
		return nil, false
	}
	b = b[offset:]
	if len(b)-2 > int(binary.BigEndian.Uint16(b)) {
		return nil, false
	}
	return b[2:], true
}

// read reads a message with one question.
func (p *parsed) read(message []byte) bool {
	var d dnsmessage.Parser
	h, err := d.Start(message)
	if err != nil || h.Response != p.response || h.OpCode != 0 {
		return false
	}
	questions, err := d.AllQuestions()
	if err != nil || len(questions) != 1 {
		return false
	}
	p.name = strings.ToLower(questions[0].Name.String())
	for p.response && len(p.aliases) < maxAliases {
		a, err := d.AnswerHeader()
		if err != nil {
			break
		}
		if a.Type != dnsmessage.TypeCNAME {
			if d.SkipAnswer() != nil {
				break
			}
			continue
		}
		c, err := d.CNAMEResource()
		if err != nil {
			break
		}
		p.aliases = append(p.aliases, strings.ToLower(c.CNAME.String()))
	}
	return true
}
