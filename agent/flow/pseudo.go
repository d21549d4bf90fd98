package flow

import (
	"encoding/binary"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/gopx-trace/gopx-trace/capture"
)

// Headers that capturing systems put in front of packets, and of links that few
// use (https://www.tcpdump.org/linktypes.html).

// pktap is the header of macOS (bsd/net/pktap.h): length, record type, link
// type of what follows.
type pktap struct {
	header
	links map[capture.LinkType]gopacket.LayerType
}

// CanDecode implements [gopacket.DecodingLayer].
func (*pktap) CanDecode() gopacket.LayerClass { return layerPKTAP }

// DecodeFromBytes implements [gopacket.DecodingLayer].
func (l *pktap) DecodeFromBytes(b []byte, _ gopacket.DecodeFeedback) error {
	if len(b) < 12 {
		return errShort
	}
	n := binary.LittleEndian.Uint32(b)
	if n < 12 || uint64(n) > uint64(len(b)) {
		return errShort
	}
	return l.set(b, int(n), l.links[capture.LinkType(binary.LittleEndian.Uint32(b[8:]))])
}

// pflog is the header of the BSD packet filter's log. Its first byte is its
// length without the padding to 32 bits.
type pflog struct{ header }

// CanDecode implements [gopacket.DecodingLayer].
func (*pflog) CanDecode() gopacket.LayerClass { return layerPFLOG }

// DecodeFromBytes implements [gopacket.DecodingLayer].
func (l *pflog) DecodeFromBytes(b []byte, _ gopacket.DecodeFeedback) error {
	if len(b) == 0 || (int(b[0])+3)&^3 > len(b) {
		return errShort
	}
	n := (int(b[0]) + 3) &^ 3
	return l.set(b, n, ipVersion(b[n:]))
}

// enc is the header of the BSD IPsec interface: address family, SPI, flags.
type enc struct{ header }

// CanDecode implements [gopacket.DecodingLayer].
func (*enc) CanDecode() gopacket.LayerClass { return layerENC }

// DecodeFromBytes implements [gopacket.DecodingLayer].
func (l *enc) DecodeFromBytes(b []byte, _ gopacket.DecodeFeedback) error {
	if len(b) < 12 {
		return errShort
	}
	return l.set(b, 12, ipVersion(b[12:]))
}

// arcnet is ARCNET as Linux gives it: addresses, offset, protocol, and for all
// but the old protocols (RFC 1051) a split flag and a number (RFC 1201). Packets
// in several frames are not put together.
type arcnet struct{ header }

// CanDecode implements [gopacket.DecodingLayer].
func (*arcnet) CanDecode() gopacket.LayerClass { return layerARCNET }

// DecodeFromBytes implements [gopacket.DecodingLayer].
func (l *arcnet) DecodeFromBytes(b []byte, _ gopacket.DecodeFeedback) error {
	const (
		oldIP = 240
		newIP = 212
		newV6 = 196
	)
	if len(b) < 8 {
		return errShort
	}
	switch whole := b[5] == 0; {
	case b[4] == oldIP:
		return l.set(b, 5, ipVersion(b[5:]))
	case whole && (b[4] == newIP || b[4] == newV6):
		return l.set(b, 8, ipVersion(b[8:]))
	}
	return l.set(b, len(b), gopacket.LayerTypeZero)
}

// pppDir is PPP behind a byte that tells the direction. Some of these files have
// it in place of the address byte of RFC 1662.
type pppDir struct{ header }

// CanDecode implements [gopacket.DecodingLayer].
func (*pppDir) CanDecode() gopacket.LayerClass { return layerPPPDir }

// DecodeFromBytes implements [gopacket.DecodingLayer].
func (l *pppDir) DecodeFromBytes(b []byte, _ gopacket.DecodeFeedback) error {
	if len(b) < 2 {
		return errShort
	}
	if b[1] == 0x03 { // control byte: the address byte was replaced
		return l.set(b, 2, layers.LayerTypePPP)
	}
	return l.set(b, 1, layers.LayerTypePPP)
}
