package decode

import (
	"encoding/binary"
	"slices"

	"github.com/miekg/dns"

	"github.com/gopx-trace/gopx-trace/agent/flow"
)

// otherNames are the ports of protocols that look like DNS and are another name
// service: NetBIOS (RFC 1002), multicast DNS (RFC 6762) and LLMNR (RFC 4795).
func otherNames() []uint16 { return []uint16{137, 5353, 5355} }

// onPort says whether a datagram is from or to the port of DNS.
func onPort(d *flow.Datagram) bool { return d.Src.Port() == portDNS || d.Dst.Port() == portDNS }

// mayBeDNS says whether a datagram between other ports may be DNS: resolvers
// behind an address translation, as those of containers, listen anywhere.
func mayBeDNS(d *flow.Datagram) bool {
	return !d.Cut && !d.Dst.Addr().IsMulticast() && likeDNS(d.Payload) &&
		!slices.Contains(otherNames(), d.Src.Port()) && !slices.Contains(otherNames(), d.Dst.Port())
}

// likeDNS says whether b has the form of a standard query with one question of
// the Internet class, or of the answer to one, by RFC 1035, section 4.1: a
// question holds nothing more but the options of RFC 6891.
func likeDNS(b []byte) bool {
	if len(b) < headerDNS+5 { // the root, its type and class
		return false
	}
	const response, truncated, reserved, opcode, code = 1 << 15, 1 << 9, 1 << 6, 0xf << 11, 0xf
	flags, count := binary.BigEndian.Uint16(b[2:]), func(i int) int { return int(binary.BigEndian.Uint16(b[4+2*i:])) }
	if flags&(opcode|reserved) != 0 || count(0) != 1 {
		return false
	}
	asks := flags&response == 0
	if asks && (flags&(truncated|code) != 0 || count(1)+count(2) != 0 || count(3) > 1) {
		return false
	}
	name, end, err := dns.UnpackDomainName(b, headerDNS)
	if err != nil || len(b) < end+4 || !isHostName(name) {
		return false
	}
	if asks && count(3) == 0 && len(b) != end+4 {
		return false
	}
	kind, class := binary.BigEndian.Uint16(b[end:]), binary.BigEndian.Uint16(b[end+2:])
	_, known := dns.TypeToString[kind]
	return known && class == dns.ClassINET && new(dns.Msg).Unpack(b) == nil
}

// isHostName says whether a name is made of the characters that names of hosts
// and services have.
func isHostName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return true
}

// matchOtherDNS accepts DNS over TCP to a port that is not its own, where the
// first bytes of the client are a whole message at least.
func matchOtherDNS(c *Conn, d flow.Dir, first []byte) verdict {
	if c.depth > 0 || d == flow.ToClient || len(first) < 2 {
		return no
	}
	if n := 2 + int(binary.BigEndian.Uint16(first)); n <= len(first) && likeDNS(first[2:n]) && first[4]&0x80 == 0 {
		return yes
	}
	return no
}
