package flow

import (
	"encoding/binary"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// radiotap is the header in front of monitored IEEE 802.11 frames
// (https://www.radiotap.org): version, pad, length; the fields are skipped.
type radiotap struct{ header }

// CanDecode implements [gopacket.DecodingLayer].
func (*radiotap) CanDecode() gopacket.LayerClass { return layerRadiotap }

// DecodeFromBytes implements [gopacket.DecodingLayer].
func (l *radiotap) DecodeFromBytes(b []byte, _ gopacket.DecodeFeedback) error {
	if len(b) < 4 {
		return errShort
	}
	return l.set(b, max(8, int(binary.LittleEndian.Uint16(b[2:]))), layers.LayerTypeDot11)
}

// dot11 is an IEEE 802.11 data frame (IEEE 802.11-2020, section 9.3.2.1).
// gopacket's layer of that name takes the last four bytes for a checksum, which
// most captures do not have; here the IP length cuts a checksum off. Encrypted,
// empty and aggregated frames are not opened.
type dot11 struct{ header }

// CanDecode implements [gopacket.DecodingLayer].
func (*dot11) CanDecode() gopacket.LayerClass { return layers.LayerTypeDot11 }

// DecodeFromBytes implements [gopacket.DecodingLayer].
func (l *dot11) DecodeFromBytes(b []byte, _ gopacket.DecodeFeedback) error {
	const (
		isData    = 0x08 // type, bits 2 and 3 of the first byte
		empty     = 0x40 // subtype bit: no data
		qos       = 0x80 // subtype bit
		bothDS    = 0x03 // flags: from and to a distribution system
		protected = 0x40 // flag
		order     = 0x80 // flag: HT control field behind QoS
		amsdu     = 0x80 // QoS control bit
	)
	if len(b) < 2 {
		return errShort
	}
	control, flags := b[0], b[1]
	if control&0x0c != isData || control&empty != 0 || flags&protected != 0 {
		return l.set(b, len(b), gopacket.LayerTypeZero)
	}
	n := 24 // set checks that there are so many
	if flags&bothDS == bothDS {
		n += 6 // fourth address
	}
	if control&qos != 0 {
		if len(b) < n+2 {
			return errShort
		}
		if b[n]&amsdu != 0 {
			return l.set(b, len(b), gopacket.LayerTypeZero)
		}
		n += 2
		if flags&order != 0 {
			n += 4
		}
	}
	return l.set(b, n, layers.LayerTypeLLC)
}
