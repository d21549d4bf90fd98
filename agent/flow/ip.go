package flow

import (
	"encoding/binary"
	"errors"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// IP protocol numbers that the package tells apart (IANA protocol-numbers).
const (
	protoHopByHop = 0
	protoICMP     = 1
	protoIPv4     = 4
	protoTCP      = 6
	protoUDP      = 17
	protoIPv6     = 41
	protoRouting  = 43
	protoFragment = 44
	protoGRE      = 47
	protoAH       = 51
	protoICMPv6   = 58
	protoDstOpts  = 60
	protoEtherIP  = 97
	protoMobility = 135
	protoMPLS     = 137
	protoHIP      = 139
	protoShim6    = 140
)

var errVersion = errors.New("IP version does not fit")

// network is the innermost IP header of a packet, either version.
//
// gopacket's IPv4 and IPv6 layers are not used: they store the length of a
// packet in 16 bits where the header says 0 (segmentation offload, BIG TCP),
// refuse IPv6 packets with that length, and allocate for each extension
// header.
type network struct {
	header
	v6       bool
	src, dst [16]byte // IPv4 in the first four bytes
	proto    uint8    // what the payload is
	ttl      uint8    // time to live, or hop limit
	// length is the size of the payload on the wire; the captured payload may
	// be shorter.
	length int
	// cut is how many bytes at the end of the packet were not captured.
	cut int
	// fragment is set unless the payload is whole.
	fragment bool
	id       uint32
	offset   int
	more     bool
}

// decode4 reads an IPv4 header (RFC 791, section 3.1).
func (n *network) decode4(b []byte) error {
	if len(b) < 20 {
		return errShort
	}
	if b[0]>>4 != 4 {
		return errVersion
	}
	size := int(b[0]&0x0f) * 4
	total := int(binary.BigEndian.Uint16(b[2:]))
	if size < 20 || size > len(b) || total != 0 && total < size {
		return errShort
	}
	n.v6, n.ttl = false, b[8]
	n.src, n.dst = [16]byte{}, [16]byte{}
	copy(n.src[:], b[12:16])
	copy(n.dst[:], b[16:20])
	place := binary.BigEndian.Uint16(b[6:])
	n.id = uint32(binary.BigEndian.Uint16(b[4:]))
	n.offset, n.more = int(place&0x1fff)*8, place&0x2000 != 0
	n.fragment = n.more || n.offset > 0
	n.bound(b[size:], total-size, total == 0)
	return n.upper(b[9])
}

// decode6 reads an IPv6 header (RFC 8200, section 3).
func (n *network) decode6(b []byte) error {
	if len(b) < 40 {
		return errShort
	}
	if b[0]>>4 != 6 {
		return errVersion
	}
	n.v6, n.ttl = true, b[7]
	copy(n.src[:], b[8:24])
	copy(n.dst[:], b[24:40])
	n.fragment = false
	length := int(binary.BigEndian.Uint16(b[4:]))
	n.bound(b[40:], length, length == 0)
	return n.upper(b[6])
}

// bound cuts link-layer padding off the payload b, whose header says that it
// has length bytes. Where the header cannot say (a super-packet of 64 KiB or
// more: 0 in either version, a jumbo payload option in IPv6) all that the
// link carried counts, and a header never claims more than that.
func (n *network) bound(b []byte, length int, unknown bool) {
	carried := len(b) + n.cut
	if unknown || length > carried {
		length = carried
	}
	n.payload = b[:min(length, len(b))]
	n.length = length
	n.cut = length - len(n.payload)
}

// upper walks over extension headers, starting with one of type proto, to the
// payload that a layer of this package can read.
func (n *network) upper(proto uint8) error {
	for {
		n.proto = proto
		if n.fragment {
			n.next = gopacket.LayerTypeFragment
			return nil
		}
		size, err := n.extension(proto)
		if err != nil || size == 0 {
			n.next = ipPayload(proto)
			return err
		}
		proto = n.payload[0]
		n.payload, n.length = n.payload[size:], n.length-size
	}
}

// extension gives the size of the extension header of type proto that the
// payload begins with; 0 when proto is no extension header.
func (n *network) extension(proto uint8) (int, error) {
	b := n.payload
	switch proto {
	case protoHopByHop, protoRouting, protoDstOpts, protoMobility, protoHIP, protoShim6,
		protoAH, protoFragment:
	default:
		return 0, nil
	}
	if len(b) < 8 {
		return 0, errShort
	}
	size := (int(b[1]) + 1) * 8
	switch proto {
	case protoAH: // RFC 4302, section 2.2
		size = (int(b[1]) + 2) * 4
	case protoFragment: // RFC 8200, section 4.5
		size = 8
		place := binary.BigEndian.Uint16(b[2:])
		n.id = binary.BigEndian.Uint32(b[4:])
		n.offset, n.more = int(place&^7), place&1 != 0
		n.fragment = n.more || n.offset > 0
	}
	if size > len(b) {
		return 0, errShort
	}
	return size, nil
}

// ipPayload is the layer behind an IP protocol number.
func ipPayload(proto uint8) gopacket.LayerType {
	switch proto {
	case protoTCP:
		return layers.LayerTypeTCP
	case protoUDP:
		return layers.LayerTypeUDP
	case protoICMP:
		return layers.LayerTypeICMPv4
	case protoICMPv6:
		return layers.LayerTypeICMPv6
	case protoIPv4:
		return layers.LayerTypeIPv4
	case protoIPv6:
		return layers.LayerTypeIPv6
	case protoGRE:
		return layers.LayerTypeGRE
	case protoEtherIP:
		return layers.LayerTypeEtherIP
	case protoMPLS:
		return layers.LayerTypeMPLS
	}
	return gopacket.LayerTypeZero
}

// ip4, ip6 and whole are the ways into a [network]: its two versions, and the
// payload of a packet that came in fragments.
type (
	ip4   struct{ *network }
	ip6   struct{ *network }
	whole struct{ *network }
)

// CanDecode implements [gopacket.DecodingLayer].
func (ip4) CanDecode() gopacket.LayerClass { return layers.LayerTypeIPv4 }

// DecodeFromBytes implements [gopacket.DecodingLayer].
func (l ip4) DecodeFromBytes(b []byte, _ gopacket.DecodeFeedback) error { return l.decode4(b) }

// CanDecode implements [gopacket.DecodingLayer].
func (ip6) CanDecode() gopacket.LayerClass { return layers.LayerTypeIPv6 }

// DecodeFromBytes implements [gopacket.DecodingLayer].
func (l ip6) DecodeFromBytes(b []byte, _ gopacket.DecodeFeedback) error { return l.decode6(b) }

// CanDecode implements [gopacket.DecodingLayer].
func (whole) CanDecode() gopacket.LayerClass { return layerWhole }

// DecodeFromBytes implements [gopacket.DecodingLayer].
func (l whole) DecodeFromBytes(b []byte, _ gopacket.DecodeFeedback) error {
	l.fragment, l.cut = false, 0
	l.payload, l.length = b, len(b)
	return l.upper(l.proto)
}
