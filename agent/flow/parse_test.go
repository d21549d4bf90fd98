package flow

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gopx-trace/gopx-trace/capture"
)

func join(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func hello4() []byte { return tcpPacket(client(), server(), 1, 1, flagACK, 1, []byte("hello"), 0) }

func hello6() []byte {
	a, b := netip.MustParseAddrPort("[2001:db8::1]:40000"), netip.MustParseAddrPort("[2001:db8::2]:443")
	return tcpPacket(a, b, 1, 1, flagACK, 1, []byte("hello"), 0)
}

func macs(etherType ...byte) []byte { return append(make([]byte, 12), etherType...) }

// linkCase is one packet, of hello4 or hello6, in what can be around it.
type linkCase struct {
	link capture.LinkType
	data []byte
}

func linkCases() map[string]linkCase {
	v4, v6 := hello4(), hello6()
	snap := []byte{0xaa, 0xaa, 3, 0, 0, 0, 8, 0}
	wifi := join([]byte{0x08, 0x01}, make([]byte, 22), snap, v4)
	tunnel4 := func(proto uint8, inner []byte) []byte {
		return ipPacket(netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), proto, inner, 0)
	}
	hops := join([]byte{protoTCP, 0, 1, 4, 0, 0, 0, 0}, v6[40:]) // hop-by-hop options with padding
	withHops := ipPacket(netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"), protoHopByHop, hops, 0)
	ah := join([]byte{protoTCP, 4, 0, 0}, make([]byte, 20), v4[20:])
	vx := udpPacket(netip.MustParseAddrPort("192.0.2.1:999"), netip.MustParseAddrPort("192.0.2.2:4789"),
		join([]byte{8, 0, 0, 0, 0, 0, 1, 0}, macs(8, 0), v4))
	far := netip.MustParseAddrPort("192.0.2.1:999")
	sll1 := join(make([]byte, 14), []byte{8, 0})
	sll1[5] = 20 // an address length of more than the field
	return map[string]linkCase{
		"Ethernet":             {1, join(macs(8, 0), v4)},
		"Ethernet, padded":     {1, join(macs(8, 0), v4, make([]byte, 9))},
		"Ethernet, IPv6":       {1, join(macs(0x86, 0xdd), v6)},
		"Ethernet, LLC":        {1, join(macs(0, byte(len(snap)+len(v4))), snap, v4)},
		"VLAN":                 {1, join(macs(0x81, 0, 0, 5, 8, 0), v4)},
		"QinQ":                 {1, join(macs(0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0), v4)},
		"QinQ, old":            {1, join(macs(0x91, 0, 0, 5, 0x91, 0, 0, 6, 0x86, 0xdd), v6)},
		"MPLS":                 {1, join(macs(0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64), v4)},
		"MPLS pseudowire":      {1, join(macs(0x88, 0x47, 0, 2, 1, 64, 0, 0, 0, 0), []byte{0, 0x1b, 0x21, 1, 2, 3, 0, 0x1b, 0x21, 4, 5, 6, 8, 0}, v4)},
		"PPPoE":                {1, join(macs(0x88, 0x64, 0x11, 0, 0, 1, 0, byte(2+len(v4)), 0, 0x21), v4)},
		"PPPoE, compressed":    {1, join(macs(0x88, 0x64, 0x11, 0, 0, 1, 0, byte(1+len(v6)), 0x57), v6)},
		"RAW, IPv4":            {101, v4},
		"RAW, IPv6":            {101, v6},
		"RAW of BSD":           {12, v4},
		"RAW of OpenBSD":       {14, v6},
		"IPv4":                 {228, v4},
		"IPv6":                 {229, v6},
		"NULL":                 {0, join([]byte{2, 0, 0, 0}, v4)},
		"NULL, big-endian":     {0, join([]byte{0, 0, 0, 30}, v6)},
		"LOOP":                 {108, join([]byte{0, 0, 0, 2}, v4)},
		"SLL":                  {113, join(sll1, v4)},
		"SLL2":                 {276, join([]byte{0x86, 0xdd}, make([]byte, 18), v6)},
		"PPP":                  {9, join([]byte{0xff, 3, 0, 0x21}, v4)},
		"PPP, bare":            {9, join([]byte{0, 0x57}, v6)},
		"PPP in HDLC":          {50, join([]byte{0xff, 3, 0, 0x21}, v4)},
		"Cisco HDLC":           {104, join([]byte{0x0f, 0, 8, 0}, v4)},
		"FDDI":                 {10, join([]byte{0x50}, make([]byte, 12), snap, v4)},
		"802.11":               {105, wifi},
		"802.11, QoS, 4 addr.": {105, join([]byte{0x88, 0x03}, make([]byte, 30), snap, v4)},
		"802.11, radiotap":     {127, join([]byte{0, 0, 12, 0}, make([]byte, 8), wifi)},
		"802.11, PPI":          {192, join([]byte{0, 0, 8, 0, 105, 0, 0, 0}, wifi)},
		"NFLOG":                {239, join([]byte{2, 0, 0, 0, 5, 0, 10, 0, 'x', 0, 0, 0, byte(4 + len(v4)), 0, 9, 0}, v4)},
		"hop-by-hop options":   {101, withHops},
		"AH":                   {101, tunnel4(protoAH, ah)},
		"IP in IP":             {101, tunnel4(protoIPv4, v4)},
		"6in4":                 {101, tunnel4(protoIPv6, v6)},
		"GRE":                  {101, tunnel4(protoGRE, join([]byte{0x20, 0, 8, 0, 0, 0, 0, 1}, v4))},
		"GRE, Ethernet":        {101, tunnel4(protoGRE, join([]byte{0, 0, 0x65, 0x58}, macs(8, 0), v4))},
		"EtherIP":              {101, tunnel4(protoEtherIP, join([]byte{0x30, 0}, macs(8, 0), v4))},
		"MPLS in IP":           {101, tunnel4(protoMPLS, join([]byte{0, 2, 1, 64}, v4))},
		"GRE, ERSPAN I":        {101, tunnel4(protoGRE, join([]byte{0, 0, 0x88, 0xbe}, macs(8, 0), v4))},
		"GRE, ERSPAN II":       {101, tunnel4(protoGRE, join([]byte{0x10, 0, 0x88, 0xbe, 0, 0, 0, 1}, []byte{0x10, 1, 0, 2, 0, 0, 0, 0}, macs(8, 0), v4))},
		"Geneve":               {101, udpPacket(far, netip.MustParseAddrPort("192.0.2.2:6081"), join([]byte{1, 0, 0x65, 0x58, 0, 0, 1, 0, 9, 9, 9, 9}, macs(8, 0), v4))},
		"GTP":                  {101, udpPacket(far, netip.MustParseAddrPort("192.0.2.2:2152"), join([]byte{0x30, 255, 0, byte(len(v4)), 0, 0, 0, 1}, v4))},
		"GTP, extension":       {101, udpPacket(far, netip.MustParseAddrPort("192.0.2.2:2152"), join([]byte{0x34, 255, 0, byte(8 + len(v6)), 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 0, 0}, v6))},
		"VXLAN":                {101, vx},
		"PKTAP":                {258, join([]byte{108, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0}, make([]byte, 96), macs(8, 0), v4)},
		"PFLOG":                {117, join([]byte{61, 2}, make([]byte, 62), v4)},
		"ENC":                  {109, join([]byte{2, 0, 0, 0}, make([]byte, 8), v4)},
		"ARCNET, RFC 1051":     {129, join([]byte{1, 2, 0, 0, 240}, v4)},
		"ARCNET, RFC 1201":     {129, join([]byte{1, 2, 0, 0, 212, 0, 0, 1}, v4)},
		"PPP of pppd":          {166, join([]byte{1, 3, 0, 0x21}, v4)},
		"PPP with direction":   {204, join([]byte{0, 0xff, 3, 0, 0x57}, v6)},
	}
}

func TestLinkTypes(t *testing.T) {
	for name, tt := range linkCases() {
		t.Run(name, func(t *testing.T) {
			p := raw(1, start(), tt.data, 0)
			p.Link = tt.link
			r := follow([]*capture.Packet{p})
			if len(r.conns) != 1 {
				t.Fatalf("%d connections, want 1; unread %v", len(r.conns), r.table.Unread())
			}
			if r.streams[0].lines[0] != "> hello @1" || r.conns[0].Missed != [2]uint64{} {
				t.Errorf("stream %v", r.streams[0].lines)
			}
		})
	}
}

func TestUnread(t *testing.T) {
	v4 := hello4()
	for name, tt := range map[string]struct {
		link capture.LinkType
		data []byte
		want map[string]int
	}{
		"unknown link type":     {147, v4, map[string]int{"link type 147 (USER0)": 1}},
		"nameless link type":    {777, v4, map[string]int{"link type 777": 1}},
		"cut in IP":             {101, v4[:19], map[string]int{"damaged or cut header": 1}},
		"cut in TCP":            {101, v4[:30], map[string]int{"damaged or cut header": 1}},
		"ARP":                   {1, join(macs(8, 6), make([]byte, 28)), map[string]int{}},
		"GRE cut":               {101, ipPacket(client().Addr(), server().Addr(), protoGRE, []byte{0xff, 0}, 0), map[string]int{"damaged or cut header": 1}},
		"802.11 ack":            {105, []byte{0xd4, 0, 0, 0, 1, 2, 3, 4, 5, 6}, map[string]int{}},
		"802.11 encrypted":      {105, join([]byte{0x08, 0x41}, make([]byte, 60)), map[string]int{}},
		"nothing":               {1, nil, map[string]int{}},
		"MPLS without a bottom": {1, join(macs(0x88, 0x47, 0, 1, 0, 64)), map[string]int{"damaged or cut header": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			p := raw(1, start(), tt.data, 0)
			p.Link = tt.link
			r := follow([]*capture.Packet{p})
			if diff := cmp.Diff(tt.want, r.table.Unread()); diff != "" || len(r.conns) > 0 {
				t.Errorf("%d connections; unread (-want +got):\n%s", len(r.conns), diff)
			}
		})
	}
}

func TestUnknownLinksAreBounded(t *testing.T) {
	r := newResult()
	for link := range capture.LinkType(2000) {
		r.table.Packet(&capture.Packet{Time: start(), Frame: 1, Link: 3000 + link, Data: []byte{1}, Length: 1})
	}
	if u := r.table.Unread(); len(u) != maxUnknownLinks+1 || u["other link types"] != 2000-maxUnknownLinks {
		t.Errorf("unread %v", u)
	}
}

func TestSuperPackets(t *testing.T) {
	big := make([]byte, 100_000) // more than a 16-bit length can say
	b4 := tcpPacket(client(), server(), 1, 1, flagACK, 1, big, 0)
	binary.BigEndian.PutUint16(b4[2:], 0)
	b6 := tcpPacket(netip.MustParseAddrPort("[::1]:1"), netip.MustParseAddrPort("[::2]:2"), 1, 1, flagACK, 1, big, 0)
	binary.BigEndian.PutUint16(b6[4:], 0)
	jumbo := join(b6[:40], []byte{protoTCP, 0, 0xc2, 4, 0, 1, 0x86, 0xbc}, b6[40:])
	jumbo[6] = protoHopByHop
	for name, b := range map[string][]byte{"IPv4": b4, "IPv6": b6, "IPv6 jumbo": jumbo} {
		t.Run(name, func(t *testing.T) {
			if c := follow([]*capture.Packet{raw(1, start(), b, 0)}).conns[0]; c.Bytes[0]+c.Bytes[1] != 100_000 {
				t.Errorf("bytes %v", c.Bytes)
			}
			cut := raw(1, start(), b[:1000], len(b)-1000)
			c := follow([]*capture.Packet{cut}).conns[0]
			if c.Bytes[0]+c.Missed[0]+c.Bytes[1]+c.Missed[1] != 100_000 || c.Missed == [2]uint64{} {
				t.Errorf("cut: bytes %v, missed %v", c.Bytes, c.Missed)
			}
		})
	}
}

func TestTCPOptionsDoNotMatter(t *testing.T) {
	for name, options := range map[string][]byte{
		"length 0":    {8, 0, 1, 1},
		"length long": {2, 40, 1, 1},
		"length cut":  {1, 1, 1, 8},
	} {
		b := join(hello4()[:40], options, []byte("hello"))
		b[32] = 6 << 4
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		r := follow([]*capture.Packet{raw(1, start(), b, 0)})
		if len(r.conns) != 1 || r.streams[0].lines[0] != "> hello @1" {
			t.Errorf("%s: %v", name, r.table.Unread())
		}
	}
}

func TestDatagram(t *testing.T) {
	a, b := netip.MustParseAddrPort("[2001:db8::1]:5000"), netip.MustParseAddrPort("[2001:db8::2]:53")
	whole := udpPacket(a, b, []byte("question"))
	r := follow([]*capture.Packet{
		raw(1, start(), whole, 0),
		raw(2, start(), whole[:50], len(whole)-50),
		raw(3, start(), udpPacket(b, a, nil), 0),
	})
	want := []Datagram{
		{Src: a, Dst: b, Payload: []byte("question"), Mark: Mark{start(), 1}},
		{Src: a, Dst: b, Payload: []byte("qu"), Mark: Mark{start(), 2}, Cut: true},
		{Src: b, Dst: a, Mark: Mark{start(), 3}},
	}
	same := cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
	if diff := cmp.Diff(want, r.datagrams, same); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDatagramToTunnelPort(t *testing.T) {
	far := netip.MustParseAddrPort("192.0.2.1:53")
	for _, port := range []uint16{2152, 4789, 6081} {
		b := udpPacket(far, netip.AddrPortFrom(client().Addr(), port), []byte("an answer that is no tunnel"))
		if got := follow([]*capture.Packet{raw(1, start(), b, 0)}).datagrams; len(got) != 1 || got[0].Src != far {
			t.Errorf("port %d: %v", port, got)
		}
	}
}

// cutUp splits an IP packet into fragments with so many payload bytes.
func cutUp(b []byte, size int) [][]byte {
	var out [][]byte
	v6 := b[0]>>4 == 6
	head := 20
	if v6 {
		head = 40
	}
	payload := b[head:]
	for at := 0; at < len(payload); at += size {
		end := min(at+size, len(payload))
		var more uint16
		if end < len(payload) {
			more = 1
		}
		h := append([]byte(nil), b[:head]...)
		if v6 {
			binary.BigEndian.PutUint16(h[4:], uint16(8+end-at))
			proto := h[6]
			h[6] = protoFragment
			h = append(h, proto, 0, 0, 0, 0, 0, 0, 77)
			binary.BigEndian.PutUint16(h[42:], uint16(at)|more)
		} else {
			binary.BigEndian.PutUint16(h[2:], uint16(20+end-at))
			h[5] = 77
			binary.BigEndian.PutUint16(h[6:], uint16(at/8)|more<<13)
		}
		out = append(out, append(h, payload[at:end]...))
	}
	return out
}

func TestFragments(t *testing.T) {
	inner := tcpPacket(client(), server(), 1, 1, flagACK, 1, []byte("one packet in many pieces"), 0)
	tunnel := ipPacket(netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), protoIPv4, cutUp(inner, 24)[0], 0)
	tunnel2 := ipPacket(netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), protoIPv4, cutUp(inner, 24)[1], 0)
	six := tcpPacket(netip.MustParseAddrPort("[::1]:40000"), netip.MustParseAddrPort("[::2]:443"), 1, 1, flagACK, 1, []byte("one packet in many pieces"), 0)
	reversed := func(p [][]byte) [][]byte {
		for i, j := 0, len(p)-1; i < j; i, j = i+1, j-1 {
			p[i], p[j] = p[j], p[i]
		}
		return p
	}
	for name, parts := range map[string][][]byte{
		"IPv4":                   cutUp(inner, 8),
		"IPv4, reversed":         reversed(cutUp(inner, 8)),
		"IPv4, twice":            append(cutUp(inner, 16)[:2], cutUp(inner, 8)[2:]...),
		"IPv6":                   cutUp(six, 16),
		"IPv6, reversed":         reversed(cutUp(six, 8)),
		"in a fragmented tunnel": append(cutUp(tunnel, 32), cutUp(tunnel2, 16)...),
	} {
		t.Run(name, func(t *testing.T) {
			var ps []*capture.Packet
			for i, b := range parts {
				ps = append(ps, raw(i+1, start(), b, 0))
			}
			r := follow(ps)
			if len(r.conns) != 1 {
				t.Fatalf("%d connections; unread %v", len(r.conns), r.table.Unread())
			}
			if c := r.conns[0]; c.Bytes != [2]uint64{25, 0} || c.Start != start() {
				t.Errorf("bytes %v", c.Bytes)
			}
		})
	}
}

func TestFragmentBounds(t *testing.T) {
	inner := tcpPacket(client(), server(), 1, 1, flagACK, 1, make([]byte, 1000), 0)
	first := cutUp(inner, 512)[0]
	r := newResult()
	for i := range 10 * maxFragmented {
		b := append([]byte(nil), first...)
		binary.BigEndian.PutUint16(b[4:], uint16(i))
		r.table.Packet(raw(i+1, start().Add(time.Duration(i)*time.Millisecond), b, 0))
	}
	f := &r.table.parser.fragments
	if len(f.packets) > maxFragmented || f.cost > maxFragmentCost {
		t.Errorf("%d packets, %d bytes are kept", len(f.packets), f.cost)
	}
	r.table.Packet(raw(1, start().Add(time.Hour), cutUp(inner, 512)[1], 0))
	if got := r.table.Unread()["IP fragments without the rest"]; got != 10*maxFragmented+1 || len(r.conns) != 0 {
		t.Errorf("unread %d, connections %d", got, len(r.conns))
	}
}
