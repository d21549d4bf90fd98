package pcapfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gopx-trace/gopx-trace/capture"
)

// Magic numbers of pcap files. The modified form is that of the Kuznetsov
// patches to libpcap 0.4: 8 more bytes in each packet header.
const (
	magicMicro    = 0xa1b2c3d4
	magicNano     = 0xa1b23c4d
	magicModified = 0xa1b2cd34
)

// Sizes of the pcap headers in bytes.
const (
	pcapFileHeader     = 24
	pcapPacketHeader   = 16
	pcapModifiedHeader = 24
)

// pcapReader reads pcap (draft-ietf-opsawg-pcap).
type pcapReader struct {
	w      *window
	order  binary.ByteOrder
	header int
	// fraction is the unit of the second time field.
	fraction time.Duration
	minor    uint16
	link     capture.LinkType
	packet   capture.Packet
}

func newPcapReader(w *window) (*pcapReader, error) {
	b, err := w.peek(4)
	if err != nil {
		return nil, headerError(err)
	}
	r := &pcapReader{w: w}
	if !r.magic(b) {
		return nil, fmt.Errorf("%w (it begins with % x%s)", ErrFormat, b, known(b))
	}
	if b, err = w.take(pcapFileHeader); err != nil {
		return nil, headerError(err)
	}
	if major := r.order.Uint16(b[4:]); major != 2 {
		return nil, fmt.Errorf("pcap version %d.%d: %w", major, r.order.Uint16(b[6:]), ErrFormat)
	}
	r.minor = r.order.Uint16(b[6:])
	// The upper half of the word is about the frame check sequence.
	r.link = registered(capture.LinkType(r.order.Uint32(b[20:])))
	r.settle()
	return r, nil
}

func (r *pcapReader) magic(b []byte) bool {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		r.order, r.header, r.fraction = order, pcapPacketHeader, time.Microsecond
		switch order.Uint32(b) {
		case magicMicro:
			return true
		case magicNano:
			r.fraction = time.Nanosecond
			return true
		case magicModified:
			r.header = pcapModifiedHeader
			return true
		}
	}
	return false
}

// registered turns the DLT_RAW of some systems, which old programs wrote into
// files as it was, into the registered LINKTYPE_RAW.
func registered(link capture.LinkType) capture.LinkType {
	if link == 12 || link == 14 {
		return capture.LinkRaw
	}
	return link
}

func (r *pcapReader) position() string {
	return fmt.Sprintf("after frame %d, byte %d", r.packet.Frame, r.w.offset())
}

func (r *pcapReader) next() (capture.Event, error) {
	b, err := r.w.take(r.header)
	if err != nil {
		return nil, err
	}
	sec, frac := r.order.Uint32(b), r.order.Uint32(b[4:])
	captured, length := r.lengths(b)
	if captured > maxPacket {
		return nil, fmt.Errorf("packet of %d bytes is larger than %d", captured, maxPacket)
	}
	data, err := r.w.take(int(captured))
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	r.packet = capture.Packet{
		Time:   time.Unix(int64(sec), int64(frac)*int64(r.fraction)).UTC(),
		Frame:  r.packet.Frame + 1,
		Link:   r.link,
		Data:   data,
		Length: max(int(length), len(data)),
	}
	return &r.packet, nil
}

// lengths returns the captured and the original length. Before version 2.3 they
// stood the other way round, and in 2.3 either way (libpcap, sf-pcap.c).
func (r *pcapReader) lengths(b []byte) (captured, length uint32) {
	captured, length = r.order.Uint32(b[8:]), r.order.Uint32(b[12:])
	if r.minor < 3 || r.minor == 3 && captured > length {
		captured, length = length, captured
	}
	return captured, length
}
