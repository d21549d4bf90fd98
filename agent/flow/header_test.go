package flow

import (
	"encoding/binary"
	"testing"

	"github.com/gopx-trace/gopx-trace/capture"
)

// selectively adds a selective acknowledgment of a block to the ACK of a packet.
func selectively(p *capture.Packet) *capture.Packet {
	data := append([]byte(nil), p.Data...)
	data[32] = 8 << 4 // the TCP header is 12 bytes longer
	data = append(data, 1, 1, 5, 10, 0, 0, 0, 100, 0, 0, 0, 120)
	binary.BigEndian.PutUint16(data[2:], uint16(len(data)))
	return &capture.Packet{Time: p.Time, Frame: p.Frame, Link: p.Link, Data: data, Length: len(data)}
}

// What the headers tell of who sent a packet and what arrived.
func TestHeaderFacts(t *testing.T) {
	list := packets(after(shake(),
		seg{from: ToServer, flags: "A", seq: 1, ack: 1, data: "question"},
		seg{from: ToClient, flags: "A", seq: 1, ack: 4},
		seg{from: ToClient, flags: "RA", seq: 1, ack: 4}))
	list[len(list)-2] = selectively(list[len(list)-2])
	list[len(list)-1].Data[8] = 57 // the RST's TTL
	c := follow(list).conns[0]
	if c.Unacked != [2]uint64{ToServer: 5} {
		t.Errorf("not acknowledged: %v", c.Unacked)
	}
	if c.Sacked != [2]bool{ToServer: true} {
		t.Errorf("acknowledged ahead of a hole: %v", c.Sacked)
	}
	if c.TTL != [2]uint8{64, 64} || c.ResetTTL != 57 {
		t.Errorf("TTL %v, of the RST %d", c.TTL, c.ResetTTL)
	}
	plain := follow(packets(conversation())).conns[0]
	if plain.Unacked != [2]uint64{} || plain.Sacked != [2]bool{} || plain.ResetTTL != 0 {
		t.Errorf("a whole conversation: not acknowledged %v, ahead of a hole %v, TTL of a RST %d", plain.Unacked, plain.Sacked, plain.ResetTTL)
	}
}
