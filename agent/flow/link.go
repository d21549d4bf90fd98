package flow

import (
	"encoding/binary"
	"errors"
	"strconv"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/gopx-trace/gopx-trace/capture"
)

// Layer types of headers that gopacket v1.1.19 has no type for. They stay
// inside this package's parser; gopacket's own numbers end below 200.
const (
	layerIP        gopacket.LayerType = 200 + iota // IPv4 or IPv6, told by the first nibble
	layerWhole                                     // the payload of a reassembled IP packet
	layerFamily                                    // LINKTYPE_NULL, LINKTYPE_LOOP
	layerSLL2                                      // LINKTYPE_LINUX_SLL2
	layerPPI                                       // LINKTYPE_PPI
	layerHDLC                                      // LINKTYPE_C_HDLC
	layerRadiotap                                  // LINKTYPE_IEEE802_11_RADIOTAP
	layerNFLOG                                     // LINKTYPE_NFLOG
	layerPKTAP                                     // LINKTYPE_PKTAP
	layerPFLOG                                     // LINKTYPE_PFLOG
	layerENC                                       // LINKTYPE_ENC
	layerARCNET                                    // LINKTYPE_ARCNET_LINUX
	layerPPPDir                                    // LINKTYPE_PPP_PPPD, LINKTYPE_PPP_WITH_DIR
	layerTypeLimit                                 // first unused number
)

// linkLayers maps link types (https://www.tcpdump.org/linktypes.html) to the
// header that their packets begin with.
func linkLayers() map[capture.LinkType]gopacket.LayerType {
	return map[capture.LinkType]gopacket.LayerType{
		0:               layerFamily,
		1:               layers.LayerTypeEthernet,
		9:               layers.LayerTypePPP,
		12:              layerIP,
		14:              layerIP,
		50:              layers.LayerTypePPP,
		51:              layers.LayerTypePPPoE,
		capture.LinkRaw: layerIP,
		104:             layerHDLC,
		10:              layers.LayerTypeFDDI,
		105:             layers.LayerTypeDot11,
		108:             layerFamily,
		109:             layerENC,
		113:             layers.LayerTypeLinuxSLL,
		117:             layerPFLOG,
		127:             layerRadiotap,
		129:             layerARCNET,
		166:             layerPPPDir,
		192:             layerPPI,
		204:             layerPPPDir,
		228:             layerIP,
		229:             layerIP,
		239:             layerNFLOG,
		258:             layerPKTAP,
		276:             layerSLL2,
	}
}

// linkReason says which link type it is that is not read, with its registered
// name if it is one that is met in practice.
func linkReason(l capture.LinkType) string {
	name := map[capture.LinkType]string{
		119: "IEEE802_11_PRISM", 163: "IEEE802_11_AVS", 143: "DOCSIS", 197: "ERF",
		187: "BLUETOOTH_HCI_H4", 201: "BLUETOOTH_HCI_H4_WITH_PHDR", 251: "BLUETOOTH_LE_LL", 254: "BLUETOOTH_LINUX_MONITOR",
		189: "USB_LINUX", 220: "USB_LINUX_MMAPPED", 249: "USBPCAP",
		195: "IEEE802_15_4_WITHFCS", 230: "IEEE802_15_4_NOFCS", 227: "CAN_SOCKETCAN", 247: "INFINIBAND",
		252: "WIRESHARK_UPPER_PDU", 253: "NETLINK", 281: "DSA_TAG_BRCM", 284: "DSA_TAG_DSA", 285: "DSA_TAG_EDSA",
	}[l]
	if l >= 147 && l <= 162 {
		name = "USER" + strconv.Itoa(int(l)-147)
	}
	if name == "" {
		return "link type " + strconv.Itoa(int(l))
	}
	return "link type " + strconv.Itoa(int(l)) + " (" + name + ")"
}

// errShort says that a header does not fit into the captured bytes.
var errShort = errors.New("header cut short")

// header is the part of a [gopacket.DecodingLayer] that the layers of this
// package share: what follows, and with which bytes.
type header struct {
	next    gopacket.LayerType
	payload []byte
}

// NextLayerType implements [gopacket.DecodingLayer].
func (h *header) NextLayerType() gopacket.LayerType { return h.next }

// LayerPayload implements [gopacket.DecodingLayer].
func (h *header) LayerPayload() []byte { return h.payload }

// set notes what follows the first n bytes of b.
func (h *header) set(b []byte, n int, next gopacket.LayerType) error {
	if n > len(b) {
		return errShort
	}
	h.next, h.payload = next, b[n:]
	return nil
}

// typed is set for a header of n bytes with an EtherType at offset at.
func (h *header) typed(b []byte, at, n int) error {
	if n > len(b) {
		return errShort
	}
	return h.set(b, n, etherType(layers.EthernetType(binary.BigEndian.Uint16(b[at:]))))
}

// etherType is the layer behind an EtherType. gopacket does not know the
// pre-standard tag types of stacked VLANs.
func etherType(t layers.EthernetType) gopacket.LayerType {
	switch t {
	case 0x9100, 0x9200:
		return layers.LayerTypeDot1Q
	}
	return t.LayerType()
}

// ethernet is gopacket's Ethernet with [etherType].
type ethernet struct{ layers.Ethernet }

// NextLayerType implements [gopacket.DecodingLayer].
func (e *ethernet) NextLayerType() gopacket.LayerType { return etherType(e.EthernetType) }

// vlan is gopacket's Dot1Q with [etherType].
type vlan struct{ layers.Dot1Q }

// NextLayerType implements [gopacket.DecodingLayer].
func (v *vlan) NextLayerType() gopacket.LayerType { return etherType(v.Type) }

// anyIP is an IP packet whose version is told by its first nibble.
type anyIP struct{ header }

// CanDecode implements [gopacket.DecodingLayer].
func (*anyIP) CanDecode() gopacket.LayerClass { return layerIP }

// DecodeFromBytes implements [gopacket.DecodingLayer].
func (l *anyIP) DecodeFromBytes(b []byte, _ gopacket.DecodeFeedback) error {
	return l.set(b, 0, ipVersion(b))
}

// ipVersion is the layer type of the IP packet b, or zero.
func ipVersion(b []byte) gopacket.LayerType {
	if len(b) == 0 {
		return gopacket.LayerTypeZero
	}
	switch b[0] >> 4 {
	case 4:
		return layers.LayerTypeIPv4
	case 6:
		return layers.LayerTypeIPv6
	}
	return gopacket.LayerTypeZero
}

// family is the BSD loopback header: an address family in the byte order of
// the capturing host. The families of IPv6 differ from system to system, so
// the IP version is taken from the packet.
type family struct{ header }

// CanDecode implements [gopacket.DecodingLayer].
func (*family) CanDecode() gopacket.LayerClass { return layerFamily }

// DecodeFromBytes implements [gopacket.DecodingLayer].
func (l *family) DecodeFromBytes(b []byte, _ gopacket.DecodeFeedback) error {
	if len(b) < 4 {
		return errShort
	}
	f := binary.LittleEndian.Uint32(b)
	if f > 0xffff {
		f = binary.BigEndian.Uint32(b)
	}
	switch f {
	case 2, 10, 24, 28, 30: // AF_INET; AF_INET6 of Linux, NetBSD, FreeBSD, Darwin
		return l.set(b, 4, ipVersion(b[4:]))
	}
	switch layers.EthernetType(binary.BigEndian.Uint16(b[2:])) {
	case layers.EthernetTypeIPv4, layers.EthernetTypeIPv6: // as some systems write it
		return l.set(b, 4, ipVersion(b[4:]))
	}
	return l.set(b, 4, gopacket.LayerTypeZero)
}

// sll is Linux "cooked" capture. gopacket's layer of that name trusts the
// length of the address, which may be more than the eight bytes it has.
type sll struct{ header }

// CanDecode implements [gopacket.DecodingLayer].
func (*sll) CanDecode() gopacket.LayerClass { return layers.LayerTypeLinuxSLL }

// DecodeFromBytes implements [gopacket.DecodingLayer].
func (l *sll) DecodeFromBytes(b []byte, _ gopacket.DecodeFeedback) error {
	return l.typed(b, 14, 16)
}

// sll2 is Linux "cooked" capture version 2.
type sll2 struct{ header }

// CanDecode implements [gopacket.DecodingLayer].
func (*sll2) CanDecode() gopacket.LayerClass { return layerSLL2 }

// DecodeFromBytes implements [gopacket.DecodingLayer].
func (l *sll2) DecodeFromBytes(b []byte, _ gopacket.DecodeFeedback) error {
	return l.typed(b, 0, 20)
}

// hdlc is Cisco HDLC: address, control, EtherType.
type hdlc struct{ header }

// CanDecode implements [gopacket.DecodingLayer].
func (*hdlc) CanDecode() gopacket.LayerClass { return layerHDLC }

// DecodeFromBytes implements [gopacket.DecodingLayer].
func (l *hdlc) DecodeFromBytes(b []byte, _ gopacket.DecodeFeedback) error {
	return l.typed(b, 2, 4)
}

// mpls is a whole label stack (RFC 3032, section 2.1). Nothing in it says
// what follows: IP is told by its first nibble, and a nibble of zero is the
// control word of an Ethernet pseudowire (RFC 4385, section 3).
type mpls struct{ header }

// CanDecode implements [gopacket.DecodingLayer].
func (*mpls) CanDecode() gopacket.LayerClass { return layers.LayerTypeMPLS }

// DecodeFromBytes implements [gopacket.DecodingLayer].
func (l *mpls) DecodeFromBytes(b []byte, _ gopacket.DecodeFeedback) error {
	for n := 4; n <= len(b); n += 4 {
		if b[n-2]&1 == 0 { // not the bottom of the stack
			continue
		}
		if len(b) >= n+4 && b[n]>>4 == 0 {
			return l.set(b, n+4, layers.LayerTypeEthernet)
		}
		return l.set(b, n, ipVersion(b[n:]))
	}
	return errShort
}

// ppi is the per-packet information header (LINKTYPE_PPI): version, flags,
// length, and the link type of what follows its fields.
type ppi struct {
	header
	links map[capture.LinkType]gopacket.LayerType
}

// CanDecode implements [gopacket.DecodingLayer].
func (*ppi) CanDecode() gopacket.LayerClass { return layerPPI }

// DecodeFromBytes implements [gopacket.DecodingLayer].
func (l *ppi) DecodeFromBytes(b []byte, _ gopacket.DecodeFeedback) error {
	if len(b) < 8 {
		return errShort
	}
	n := max(8, int(binary.LittleEndian.Uint16(b[2:])))
	return l.set(b, n, l.links[capture.LinkType(binary.LittleEndian.Uint32(b[4:]))])
}

// fddi is an FDDI frame: frame control and addresses, then LLC.
type fddi struct{ header }

// CanDecode implements [gopacket.DecodingLayer].
func (*fddi) CanDecode() gopacket.LayerClass { return layers.LayerTypeFDDI }

// DecodeFromBytes implements [gopacket.DecodingLayer].
func (l *fddi) DecodeFromBytes(b []byte, _ gopacket.DecodeFeedback) error {
	return l.set(b, 13, layers.LayerTypeLLC)
}

// nflog is the packet payload attribute of a Linux NFLOG message
// (https://www.tcpdump.org/linktypes/LINKTYPE_NFLOG.html).
type nflog struct{ header }

// CanDecode implements [gopacket.DecodingLayer].
func (*nflog) CanDecode() gopacket.LayerClass { return layerNFLOG }

// DecodeFromBytes implements [gopacket.DecodingLayer].
func (l *nflog) DecodeFromBytes(b []byte, _ gopacket.DecodeFeedback) error {
	const payloadAttribute = 9 // NFULA_PAYLOAD
	for n := 4; n+4 <= len(b); {
		size := int(binary.NativeEndian.Uint16(b[n:]))
		if size < 4 {
			break
		}
		if binary.NativeEndian.Uint16(b[n+2:])&0x7fff == payloadAttribute {
			end := min(n+size, len(b))
			return l.set(b[:end], n+4, ipVersion(b[n+4:end]))
		}
		n += (size + 3) &^ 3
	}
	return errShort
}
