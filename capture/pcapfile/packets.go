package pcapfile

import (
	"fmt"
	"time"

	"github.com/gopx-trace/gopx-trace/capture"
)

// enhancedPacket reads an Enhanced Packet Block.
func (r *ngReader) enhancedPacket(b []byte) error {
	if len(b) < packetFields {
		return fmt.Errorf("enhanced packet of %d bytes", len(b))
	}
	return r.packetBlock(b, r.order.Uint32(b))
}

// obsoletePacket reads a Packet Block, which differs in its first word only:
// interface and drop count, 16 bits each.
func (r *ngReader) obsoletePacket(b []byte) error {
	if len(b) < packetFields {
		return fmt.Errorf("packet of %d bytes", len(b))
	}
	return r.packetBlock(b, uint32(r.order.Uint16(b)))
}

func (r *ngReader) packetBlock(b []byte, index uint32) error {
	i, err := r.captureInterface(index)
	if err != nil {
		return err
	}
	stamp := uint64(r.order.Uint32(b[4:]))<<32 | uint64(r.order.Uint32(b[8:]))
	captured, length := r.order.Uint32(b[12:]), r.order.Uint32(b[16:])
	b = b[packetFields:]
	if int64(captured) > int64(len(b)) {
		return fmt.Errorf("packet of %d bytes in a block with room for %d", captured, len(b))
	}
	r.addPacket(i.link, b[:captured], length, i.resolution.time(stamp, i.offset))
	r.packetOptions(b[min(padded(int(captured)), len(b)):])
	return nil
}

// simplePacket reads a Simple Packet Block: of the first interface, without a
// time, cut at the interface's snap length.
func (r *ngReader) simplePacket(b []byte) error {
	if len(b) < simpleFields {
		return fmt.Errorf("simple packet of %d bytes", len(b))
	}
	i, err := r.captureInterface(0)
	if err != nil {
		return err
	}
	length := r.order.Uint32(b)
	captured := length
	if i.snap != 0 {
		captured = min(captured, i.snap)
	}
	b = b[simpleFields:]
	if int64(captured) > int64(len(b)) {
		return fmt.Errorf("packet of %d bytes in a block with room for %d", captured, len(b))
	}
	r.addPacket(i.link, b[:captured], length, r.last)
	return nil
}

func (r *ngReader) captureInterface(index uint32) (captureInterface, error) {
	if int64(index) >= int64(len(r.interfaces)) {
		return captureInterface{}, fmt.Errorf("packet of interface %d, of %d that are described", index, len(r.interfaces))
	}
	return r.interfaces[index], nil
}

func (r *ngReader) addPacket(link capture.LinkType, data []byte, length uint32, t time.Time) {
	r.frame++
	r.packet = capture.Packet{Time: t, Frame: r.frame, Link: link, Data: data, Length: max(int(length), len(data))}
	r.queue = append(r.queue, &r.packet)
}

func (r *ngReader) packetOptions(b []byte) {
	o := options{order: r.order, rest: b}
	for o.next() {
		if o.code == optPacketFlags && len(o.value) >= 4 {
			if d := capture.Direction(r.order.Uint32(o.value) & packetFlagsDirBits); d <= capture.Outbound {
				r.packet.Direction = d
			}
			continue
		}
		if owner, ok := o.ours(); ok && len(owner) >= ownerFields {
			r.packet.Socket = le.Uint64(owner)
			r.packet.PID = le.Uint32(owner[8:])
			r.packet.Filled = owner[12]&markFilled != 0
			r.packet.Upstream = owner[12]&markUpstream != 0
			r.packet.Comm = r.name(owner[ownerFields:])
		}
	}
}

// name returns b as a string, the same one for the same name.
func (r *ngReader) name(b []byte) string {
	if s, ok := r.names[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(r.names) < maxNames && len(s) <= maxName {
		r.names[s] = s
	}
	return s
}
