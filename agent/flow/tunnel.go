package flow

import (
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// Tunnel headers that gopacket's layers read without checking lengths
// (ERSPAN), with a list that only grows (Geneve, GTP) or with lines on the
// standard output (GTP).

// geneve is Geneve (RFC 8926, section 3.4); its options are skipped.
type geneve struct{ header }

// CanDecode implements [gopacket.DecodingLayer].
func (*geneve) CanDecode() gopacket.LayerClass { return layers.LayerTypeGeneve }

// DecodeFromBytes implements [gopacket.DecodingLayer].
func (l *geneve) DecodeFromBytes(b []byte, _ gopacket.DecodeFeedback) error {
	if len(b) < 8 {
		return errShort
	}
	return l.typed(b, 2, 8+int(b[0]&0x3f)*4)
}

// erspan is ERSPAN type II as Cisco switches mirror ports with it
// (draft-foschiano-erspan-03, section 4.2).
type erspan struct{ header }

// CanDecode implements [gopacket.DecodingLayer].
func (*erspan) CanDecode() gopacket.LayerClass { return layers.LayerTypeERSPANII }

// DecodeFromBytes implements [gopacket.DecodingLayer].
func (l *erspan) DecodeFromBytes(b []byte, _ gopacket.DecodeFeedback) error {
	return l.set(b, 8, layers.LayerTypeEthernet)
}

// gtp is the user plane of GTP version 1 (3GPP TS 29.281, section 5.1).
type gtp struct{ header }

// CanDecode implements [gopacket.DecodingLayer].
func (*gtp) CanDecode() gopacket.LayerClass { return layers.LayerTypeGTPv1U }

// DecodeFromBytes implements [gopacket.DecodingLayer].
func (l *gtp) DecodeFromBytes(b []byte, _ gopacket.DecodeFeedback) error {
	const (
		version1  = 0x30 // version and protocol type, the first four bits
		optional  = 0x07 // extension header, sequence number or N-PDU number
		extension = 0x04
		userData  = 255 // message type G-PDU
	)
	if len(b) < 8 {
		return errShort
	}
	if b[0]&0xf0 != version1 || b[1] != userData {
		return l.set(b, 8, gopacket.LayerTypeZero)
	}
	n := 8
	if b[0]&optional != 0 {
		n += 4
	}
	if b[0]&extension != 0 {
		for n <= len(b) && b[n-1] != 0 { // type of the extension header at n
			if n == len(b) || b[n] == 0 {
				return errShort
			}
			n += int(b[n]) * 4
		}
	}
	if n > len(b) {
		return errShort
	}
	return l.set(b, n, ipVersion(b[n:]))
}

// greERSPAN is the protocol type of a GRE header for ERSPAN type II; type I
// has the same number, but no sequence number and no header of its own.
const greERSPAN = 0x88be

// gre is gopacket's GRE with ERSPAN type I.
type gre struct{ layers.GRE }

// NextLayerType implements [gopacket.DecodingLayer].
func (g *gre) NextLayerType() gopacket.LayerType {
	if g.Protocol == greERSPAN && !g.SeqPresent {
		return layers.LayerTypeEthernet
	}
	return etherType(g.Protocol)
}
