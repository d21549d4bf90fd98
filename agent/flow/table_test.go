package flow

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopx-trace/gopx-trace/capture"
)

// twice records every segment as cgroup programs do on loopback when both ends
// are traced: as it leaves socket 11 (client) or 22 (server), and as it reaches
// the other one. The listener's socket, 33, is the one that a SYN reaches.
func twice(segs []seg) []*capture.Packet {
	var doubled []seg
	for _, s := range segs {
		out, in := s, s
		out.dir, in.dir = capture.Outbound, capture.Inbound
		out.socket, in.socket = 11, 22
		if s.from == ToClient {
			out.socket, in.socket = 22, 11
		}
		if s.flags == "S" {
			in.socket = 33
		}
		doubled = append(doubled, out, in)
	}
	return packets(doubled)
}

func conversation() []seg {
	return after(shake(),
		seg{from: ToServer, flags: "A", seq: 1, ack: 1, data: "question"},
		seg{from: ToClient, flags: "A", seq: 1, ack: 9, data: "answer"},
		seg{from: ToServer, flags: "FA", seq: 9, ack: 7},
		seg{from: ToClient, flags: "FA", seq: 7, ack: 10},
		seg{from: ToServer, flags: "A", seq: 10, ack: 8})
}

func TestBothEndsOfLoopback(t *testing.T) {
	r := follow(twice(conversation()))
	if len(r.conns) != 1 {
		t.Fatalf("%d connections, want 1", len(r.conns))
	}
	c := r.conns[0]
	if c.Retransmits != [2]int{} || c.History != "ShADdFf" || c.State != "SF" || c.Socket != 11 {
		t.Errorf("retransmits %v, life %s %s, socket %d", c.Retransmits, c.History, c.State, c.Socket)
	}
	want := []string{"> question @7", "< answer @10", "> finished @11", "< finished @14"}
	if diff := cmp.Diff(want, r.streams[0].lines); diff != "" {
		t.Errorf("stream (-want +got):\n%s", diff)
	}
}

func TestRealRetransmissionOnLoopback(t *testing.T) {
	again := seg{from: ToServer, flags: "A", seq: 1, ack: 1, data: "question"}
	r := follow(twice(after(shake(), again, again)))
	if got := r.conns[0].Retransmits; got != [2]int{1, 0} {
		t.Errorf("retransmits %v, want [1 0]", got)
	}
}

func TestOnlyServerTraced(t *testing.T) {
	segs := conversation()
	for i := range segs {
		segs[i].socket, segs[i].dir = 22, capture.Inbound
		if segs[i].from == ToClient {
			segs[i].dir = capture.Outbound
		}
	}
	c, _ := single(t, segs)
	if c.Bytes != [2]uint64{8, 6} || c.History != "ShADdFf" || c.Socket != 22 {
		t.Errorf("bytes %v, history %s, socket %d", c.Bytes, c.History, c.Socket)
	}
}

func TestDatagramCopies(t *testing.T) {
	a, b := netip.MustParseAddrPort("127.0.0.1:5353"), netip.MustParseAddrPort("127.0.0.53:53")
	var ps []*capture.Packet
	add := func(src, dst netip.AddrPort, dir capture.Direction, socket uint64) {
		p := raw(len(ps)+1, start(), udpPacket(src, dst, []byte("x")), 0)
		p.Direction, p.Socket = dir, socket
		ps = append(ps, p)
	}
	add(a, b, capture.Outbound, 1)
	add(a, b, capture.Inbound, 2) // copy
	add(b, a, capture.Outbound, 2)
	add(b, a, capture.Inbound, 1) // copy
	add(a, b, capture.Outbound, 1)
	far := netip.MustParseAddrPort("10.0.0.9:53")
	add(far, a, capture.Inbound, 1)
	var frames []int
	for _, d := range follow(ps).datagrams {
		frames = append(frames, d.Mark.Frame)
	}
	if diff := cmp.Diff([]int{1, 3, 5, 6}, frames); diff != "" {
		t.Errorf("frames (-want +got):\n%s", diff)
	}
}

func TestPortReuse(t *testing.T) {
	r := follow(packets(append(conversation(),
		seg{from: ToServer, flags: "S", seq: 1000},
		seg{from: ToClient, flags: "SA", seq: 2000, ack: 1001},
		seg{from: ToServer, flags: "A", seq: 1001, ack: 2001, data: "second"},
	)))
	if len(r.conns) != 2 || r.conns[1].Stream != 1 {
		t.Fatalf("connections %v", r.conns)
	}
	want := []string{"> second @11", "> open @11", "< open @11"}
	if diff := cmp.Diff(want, r.streams[1].lines); diff != "" {
		t.Errorf("second stream (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{0, 1}, r.closed); diff != "" {
		t.Errorf("closed (-want +got):\n%s", diff)
	}
}

func TestRefusedAndTriedAgain(t *testing.T) {
	r := follow(packets([]seg{
		{from: ToServer, flags: "S"}, {from: ToClient, flags: "RA", ack: 1},
		{from: ToServer, flags: "S"}, {from: ToClient, flags: "SA", seq: 7, ack: 1},
		{from: ToServer, flags: "A", seq: 1, ack: 8, data: "hi"},
	}))
	if len(r.conns) != 2 {
		t.Fatalf("%d connections, want 2", len(r.conns))
	}
	if r.conns[0].State != "REJ" || r.conns[1].State != "S1" || r.conns[1].Stream != 0 {
		t.Errorf("%s, then %s in stream %d", r.conns[0].State, r.conns[1].State, r.conns[1].Stream)
	}
}

func TestClient(t *testing.T) {
	for _, tt := range []struct {
		name     string
		src, dst uint16
		flags    uint8
		packet   capture.Packet
		sender   bool
	}{
		{"SYN", 443, 50000, flagSYN, capture.Packet{}, true},
		{"SYN-ACK", 50000, 443, flagSYN | flagACK, capture.Packet{}, false},
		{"live, outbound", 443, 50000, flagACK, capture.Packet{Socket: 1, Direction: capture.Outbound}, true},
		{"live, inbound", 50000, 443, flagACK, capture.Packet{Socket: 1, Direction: capture.Inbound}, false},
		{"to a system port", 2000, 443, flagACK, capture.Packet{}, true},
		{"from a proxy's port", 3128, 2000, flagACK, capture.Packet{}, false},
		{"from an ephemeral port", 40000, 5000, flagACK, capture.Packet{}, true},
		{"to an ephemeral port", 5000, 40000, flagACK, capture.Packet{}, false},
		{"no idea", 5000, 5001, flagACK, capture.Packet{}, true},
	} {
		s := segment{flags: tt.flags}
		if got := byClient(&tt.packet, &s, tt.src, tt.dst); got != tt.sender {
			t.Errorf("%s: sender is client: %v, want %v", tt.name, got, tt.sender)
		}
	}
}

func TestRTT(t *testing.T) {
	segs := shake()
	segs[1].after, segs[2].after = 2*time.Millisecond, 30*time.Millisecond
	if c, _ := single(t, segs); c.RTT != 30*time.Millisecond {
		t.Errorf("at the server: RTT %v, want 30ms", c.RTT)
	}
	segs[1].after = 50 * time.Millisecond
	if c, _ := single(t, segs); c.RTT != 50*time.Millisecond {
		t.Errorf("at the client: RTT %v, want 50ms", c.RTT)
	}
	lost := append([]seg{segs[0]}, segs...)
	lost[1].after = time.Second
	if c, _ := single(t, lost); c.RTT != 50*time.Millisecond || c.Retransmits[ToServer] != 1 {
		t.Errorf("SYN sent again: RTT %v, want 50ms; retransmits %v", c.RTT, c.Retransmits)
	}
}

func TestWhoEndsIt(t *testing.T) {
	c, _ := single(t, conversation())
	if c.ClosedBy == nil || *c.ClosedBy != ToServer || c.ResetBy != nil || c.Closed.Frame != 6 {
		t.Errorf("closed by %v in %d, reset by %v", c.ClosedBy, c.Closed.Frame, c.ResetBy)
	}
	c, _ = single(t, after(shake(), seg{from: ToClient, flags: "RA", seq: 1, ack: 1}))
	if c.ClosedBy != nil || c.ResetBy == nil || *c.ResetBy != ToClient || c.Closed.Frame != 4 {
		t.Errorf("closed by %v in %d, reset by %v", c.ClosedBy, c.Closed.Frame, c.ResetBy)
	}
}

// A reset connection stays open for a while, as the RST may turn out to be
// forged; only so many do.
func TestResetsAreBounded(t *testing.T) {
	r := newResult()
	for i := range maxReset + 10 {
		src := netip.AddrPortFrom(client().Addr(), uint16(1000+i))
		r.table.Packet(raw(i+1, start(), tcpPacket(src, server(), 1, 0, flagSYN, 1, nil, 0), 0))
		r.table.Packet(raw(i+1, start(), tcpPacket(server(), src, 0, 2, flagRST|flagACK, 1, nil, 0), 0))
	}
	ended := 0
	for _, s := range r.streams {
		ended += len(s.lines) / 2
	}
	if ended != 10 || len(r.table.resets) != maxReset {
		t.Errorf("%d connections have ended, %d may live on, want 10 and %d", ended, len(r.table.resets), maxReset)
	}
	r.table.Close()
	for i, s := range r.streams {
		if len(s.lines) != 2 {
			t.Fatalf("connection %d ended %d times", i, len(s.lines))
		}
	}
}

func TestUnreachable(t *testing.T) {
	c4, s4 := client(), server()
	c6, s6 := netip.MustParseAddrPort("[2001:db8::1]:40000"), netip.MustParseAddrPort("[2001:db8::2]:443")
	router4, router6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::ff")
	syn4 := tcpPacket(c4, s4, 1, 0, flagSYN, 1, nil, 0)
	syn6 := tcpPacket(c6, s6, 1, 0, flagSYN, 1, nil, 0)
	icmp4 := func(kind, code, mtu byte, quote []byte) []byte {
		return ipPacket(router4, c4.Addr(), protoICMP, append([]byte{kind, code, 0, 0, 0, 0, 5, mtu}, quote...), 0)
	}
	icmp6 := func(kind, code, mtu byte, quote []byte) []byte {
		return ipPacket(router6, c6.Addr(), protoICMPv6, append([]byte{kind, code, 0, 0, 0, 0, 5, mtu}, quote...), 0)
	}
	for _, tt := range []struct {
		name   string
		packet []byte
		want   *Unreachable
		conn   int // stream; -1 for none
	}{
		{"port unreachable", icmp4(3, 3, 0, syn4[:28]), &Unreachable{From: router4, Type: 3, Code: 3, Protocol: 6, Src: c4, Dst: s4}, 0},
		{"fragmentation needed", icmp4(3, 4, 0x78, syn4), &Unreachable{From: router4, Type: 3, Code: 4, MTU: 1400, Protocol: 6, Src: c4, Dst: s4}, 0},
		{"too big", icmp6(2, 0, 0x78, syn6), &Unreachable{From: router6, Type: 2, V6: true, MTU: 1400, Protocol: 6, Src: c6, Dst: s6}, 1},
		{"prohibited", icmp6(1, 1, 0, syn6), &Unreachable{From: router6, Type: 1, Code: 1, V6: true, Protocol: 6, Src: c6, Dst: s6}, 1},
		{"UDP", icmp4(3, 3, 0, udpPacket(c4, s4, nil)), &Unreachable{From: router4, Type: 3, Code: 3, Protocol: 17, Src: c4, Dst: s4}, -1},
		{"quote without ports", icmp4(3, 3, 0, syn4[:22]), nil, -1},
		{"quote cut in the IP header", icmp6(1, 1, 0, syn6[:30]), nil, -1},
		{"echo", icmp4(8, 0, 0, syn4), nil, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got *Unreachable
			stream := -1
			table := NewTable(Options{Unreachable: func(u *Unreachable, c *Conn) {
				got = u
				if c != nil {
					stream = c.Stream
				}
			}})
			table.Packet(raw(1, start(), syn4, 0))
			table.Packet(raw(2, start(), syn6, 0))
			table.Packet(raw(3, start(), tt.packet, 0))
			if tt.want != nil {
				tt.want.Mark = Mark{Time: start(), Frame: 3}
			}
			if diff := cmp.Diff(tt.want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if stream != tt.conn {
				t.Errorf("connection %d, want %d", stream, tt.conn)
			}
		})
	}
}

func TestManyConnections(t *testing.T) {
	r := newResult()
	r.table.maxConns = 10
	syn := func(i int) *capture.Packet {
		src := netip.AddrPortFrom(client().Addr(), uint16(1000+i))
		return raw(i, start(), tcpPacket(src, server(), 1, 0, flagSYN, 1, nil, 0), 0)
	}
	for i := range 100 {
		r.table.Packet(syn(i))
		r.table.Packet(syn(0)) // never silent for long
	}
	if len(r.table.byTuple) != 10 || r.table.recent.Len() != 10 {
		t.Errorf("%d connections are followed, want 10", len(r.table.byTuple))
	}
	if got := r.table.Limited()["open connections"]; got != 90 || len(r.closed) != 90 {
		t.Errorf("limit was hit %d times, %d closed, want 90", got, len(r.closed))
	}
	if r.conns[0].Retransmits[ToServer] == 0 {
		t.Error("the connection that was never silent was given up")
	}
	r.table.Close()
	if r.closed[len(r.closed)-1] != 99 || len(r.closed) != 100 {
		t.Errorf("closed %v", r.closed)
	}
}

func TestHeldBytesAreBounded(t *testing.T) {
	const size = 60000
	r := newResult()
	at := start()
	for i := range 200 { // every second segment is missing, nothing is acknowledged
		at = at.Add(time.Microsecond)
		b := tcpPacket(client(), server(), uint32(2*i*size), 1, flagACK, 1, make([]byte, size), 0)
		r.table.Packet(raw(i+1, at, b, 0))
		r.table.Packet(raw(i+1, at, tcpPacket(server(), client(), 1, 0, flagACK, 1, nil, 0), 0))
		if r.table.held > maxHeld {
			t.Fatalf("%d bytes are held after %d segments", r.table.held, i+1)
		}
	}
	if r.table.Limited()["bytes ahead of a hole"] == 0 {
		t.Error("the limit was not hit")
	}
	r.table.Close()
	c := r.conns[0]
	if c.Bytes[0] != 200*size || c.Missed[0] != 199*size || r.table.held != 0 {
		t.Errorf("bytes %d, missed %d, held %d", c.Bytes[0], c.Missed[0], r.table.held)
	}
}

func TestHeldBytesOfAllConnectionsAreBounded(t *testing.T) {
	r := newResult()
	r.table.maxHeldTotal = 10_000
	for i := range 50 {
		src := netip.AddrPortFrom(client().Addr(), uint16(1000+i))
		for _, seq := range []uint32{0, 1000} { // the second one is behind a hole
			r.table.Packet(raw(i+1, start(), tcpPacket(src, server(), seq, 1, flagACK, 1, make([]byte, 500), 0), 0))
		}
		if r.table.held > 10_000 {
			t.Fatalf("%d bytes are held after %d connections", r.table.held, i+1)
		}
	}
	r.table.Close()
	for _, c := range r.conns {
		if c.Bytes != [2]uint64{1000, 0} {
			t.Errorf("%s: bytes %v", c.Client, c.Bytes)
		}
	}
	if r.table.Limited()["bytes ahead of a hole"] == 0 || r.table.held != 0 {
		t.Errorf("limited %v, %d held at the end", r.table.Limited(), r.table.held)
	}
}

func TestHoleIsGivenUpAfterSegments(t *testing.T) {
	segs := after(shake(), seg{from: ToServer, flags: "A", seq: 1, ack: 2})
	for i := range reorderSegments {
		segs = append(segs, seg{from: ToClient, flags: "A", seq: uint32(2 + i), ack: 1, data: "x", after: time.Microsecond})
	}
	c, got := single(t, segs)
	last := fmt.Sprintf("< x @%d", len(segs))
	if c.Missed[ToClient] != 1 || got.lines[0] != "< gap 1 @5" || got.lines[reorderSegments] != last {
		t.Errorf("missed %v, lines %v", c.Missed, got.lines)
	}
}

func TestOneDamagedAcknowledgment(t *testing.T) {
	c, _ := single(t, after(shake(),
		seg{from: ToClient, flags: "A", seq: 1, ack: 800 << 20},
		seg{from: ToServer, flags: "A", seq: 1, ack: 1, data: "abc"},
		seg{from: ToClient, flags: "A", seq: 1, ack: 4}))
	if c.Missed != [2]uint64{} {
		t.Errorf("missed %v", c.Missed)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	var segs []seg
	for i := range 300 {
		segs = append(segs, seg{from: ToServer, flags: "R", seq: uint32(i * 5)})
	}
	if c, _ := single(t, segs); len(c.History) != maxHistory {
		t.Errorf("history of %d letters", len(c.History))
	}
}
