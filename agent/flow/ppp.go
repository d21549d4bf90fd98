package flow

import (
	"encoding/binary"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// ppp is a PPP frame (RFC 1661, section 2), with or without the address and
// control bytes of RFC 1662.
type ppp struct{ header }

// CanDecode implements [gopacket.DecodingLayer].
func (*ppp) CanDecode() gopacket.LayerClass { return layers.LayerTypePPP }

// DecodeFromBytes implements [gopacket.DecodingLayer].
func (l *ppp) DecodeFromBytes(b []byte, _ gopacket.DecodeFeedback) error {
	n := 0
	if len(b) >= 2 && b[0] == 0xff && b[1] == 0x03 {
		n = 2
	}
	if len(b) < n+2 {
		return errShort
	}
	protocol := binary.BigEndian.Uint16(b[n:])
	n += 2
	if protocol&0x0100 != 0 { // an odd first byte: the field is compressed to it
		protocol >>= 8
		n--
	}
	return l.set(b, n, pppProtocol(protocol))
}

// pppProtocol is the layer behind a PPP protocol number.
func pppProtocol(p uint16) gopacket.LayerType {
	switch p {
	case 0x0021:
		return layers.LayerTypeIPv4
	case 0x0057:
		return layers.LayerTypeIPv6
	case 0x0281:
		return layers.LayerTypeMPLS
	}
	return gopacket.LayerTypeZero
}

// pppoe is PPP over Ethernet (RFC 2516, section 4). Only session packets,
// whose code is zero, carry PPP.
type pppoe struct{ header }

// CanDecode implements [gopacket.DecodingLayer].
func (*pppoe) CanDecode() gopacket.LayerClass { return layers.LayerTypePPPoE }

// DecodeFromBytes implements [gopacket.DecodingLayer].
func (l *pppoe) DecodeFromBytes(b []byte, _ gopacket.DecodeFeedback) error {
	if len(b) < 6 {
		return errShort
	}
	if b[1] != 0 {
		return l.set(b, 6, gopacket.LayerTypeZero)
	}
	return l.set(b, 6, layers.LayerTypePPP)
}
