package flow

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/gopx-trace/gopx-trace/capture"
)

// BenchmarkTable follows a download of full-size Ethernet packets in a number
// of connections, with an acknowledgment for every second packet.
func BenchmarkTable(b *testing.B) {
	const conns = 64
	var down, up [conns][]byte
	ether := append(make([]byte, 12), 8, 0)
	for i := range conns {
		src := netip.AddrPortFrom(client().Addr(), uint16(40000+i))
		down[i] = append(ether[:14:14], tcpPacket(server(), src, 0, 1, flagACK, 100, make([]byte, 1446), 0)...)
		up[i] = append(ether[:14:14], tcpPacket(src, server(), 1, 0, flagACK, 100, nil, 0)...)
	}
	var received countBytes
	t := NewTable(Options{Open: func(*Conn) Stream { return &received }})
	p := capture.Packet{Time: time.Unix(1, 0), Link: 1}
	feed := func(data []byte) {
		p.Frame++
		p.Data, p.Length = data, len(data)
		t.Packet(&p)
	}
	var seq [conns]uint32
	b.SetBytes(1500)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		i := n / 16 % conns
		binary.BigEndian.PutUint32(down[i][38:], seq[i])
		seq[i] += 1446
		feed(down[i])
		if n%2 == 0 {
			binary.BigEndian.PutUint32(up[i][42:], seq[i])
			feed(up[i])
		}
	}
	var sent uint32
	for _, n := range seq {
		sent += n
	}
	if uint32(received) != sent {
		b.Fatalf("%d bytes were delivered, want %d (modulo 2^32)", uint32(received), sent)
	}
}

type countBytes int

func (c *countBytes) Data(_ Dir, b []byte, _ Mark) { *c += countBytes(len(b)) }
func (c *countBytes) Gap(Dir, uint64, Mark)        {}
func (c *countBytes) End(Dir, Ending, Mark)        {}

func TestNoAllocationInOrder(t *testing.T) {
	table := NewTable(Options{})
	b := tcpPacket(server(), client(), 0, 1, flagACK, 100, make([]byte, 1446), 0)
	p := raw(1, start(), b, 0)
	var seq uint32
	send := func() {
		binary.BigEndian.PutUint32(b[24:], seq)
		seq += 1446
		table.Packet(p)
	}
	send()
	if n := testing.AllocsPerRun(1000, send); n > 0 {
		t.Errorf("%v allocations for each packet", n)
	}
	if c := table.recent.Front().Value.(*connection); c.Bytes[ToClient] != uint64(seq) {
		t.Errorf("%v bytes were delivered, want %d", c.Bytes, seq)
	}
}
