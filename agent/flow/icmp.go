package flow

import (
	"encoding/binary"
	"net/netip"
)

// ICMP message types that report an error and quote the packet it is about.
const (
	icmpUnreachable      = 3  // RFC 792
	icmpTimeExceeded     = 11 // RFC 792
	icmpParameter        = 12 // RFC 792
	icmpFragmentation    = 4  // code of icmpUnreachable, RFC 1191
	icmp6Unreachable     = 1  // RFC 4443, section 3.1
	icmp6TooBig          = 2  // RFC 4443, section 3.2
	icmp6TimeExceeded    = 3  // RFC 4443, section 3.3
	icmp6Parameter       = 4  // RFC 4443, section 3.4
	icmpQuotedPortsBytes = 4  // both ports of TCP and UDP
	icmpNumberedBytes    = 16 // of a TCP header, for Wireshark to take it for a segment
)

// error4 reads an ICMPv4 error; nil if the message is none, or quotes too
// little to name a packet.
func (p *parser) error4() *Unreachable {
	u := &Unreachable{
		From: address(p.src, false),
		Type: p.icmp4.TypeCode.Type(),
		Code: p.icmp4.TypeCode.Code(),
	}
	switch u.Type {
	case icmpUnreachable, icmpTimeExceeded, icmpParameter:
	default:
		return nil
	}
	if u.Type == icmpUnreachable && u.Code == icmpFragmentation {
		u.MTU = int(p.icmp4.Seq) // the low half of the header's last word
	}
	p.quoted = network{}
	if p.quoted.decode4(p.icmp4.Payload) != nil || !u.quote(&p.quoted) {
		return nil
	}
	return u
}

// error6 reads an ICMPv6 error like [parser.error4].
func (p *parser) error6() *Unreachable {
	b := p.icmp6.Payload
	u := &Unreachable{
		From: address(p.src, true),
		Type: p.icmp6.TypeCode.Type(),
		Code: p.icmp6.TypeCode.Code(),
		V6:   true,
	}
	if u.Type < icmp6Unreachable || u.Type > icmp6Parameter || len(b) < 4 {
		return nil
	}
	if u.Type == icmp6TooBig {
		u.MTU = int(binary.BigEndian.Uint32(b))
	}
	p.quoted = network{}
	if p.quoted.decode6(b[4:]) != nil || !u.quote(&p.quoted) {
		return nil
	}
	return u
}

// quote notes the packet that an error quotes. It reports false for a
// fragment other than the first and where the ports were cut off.
func (u *Unreachable) quote(n *network) bool {
	if n.offset > 0 && n.fragment {
		return false
	}
	u.Protocol = n.proto
	var ports [2]uint16
	if n.proto == protoTCP || n.proto == protoUDP {
		if len(n.payload) < icmpQuotedPortsBytes {
			return false
		}
		ports[0] = binary.BigEndian.Uint16(n.payload)
		ports[1] = binary.BigEndian.Uint16(n.payload[2:])
	}
	u.Src = netip.AddrPortFrom(address(n.src, n.v6), ports[0])
	u.Dst = netip.AddrPortFrom(address(n.dst, n.v6), ports[1])
	return true
}

// address is the form of a [network] address that the standard library has.
func address(a [16]byte, v6 bool) netip.Addr {
	if v6 {
		return netip.AddrFrom16(a)
	}
	return netip.AddrFrom4([4]byte(a[:4]))
}
