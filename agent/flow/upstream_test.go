package flow

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a local resolver asks others is handed on message by message, over TCP
// too, and is no connection; its stream has a number all the same.
func TestUpstream(t *testing.T) {
	stub, up := netip.MustParseAddrPort("10.0.0.1:5000"), netip.MustParseAddrPort("10.0.0.53:53")
	message := func(length int, text string) []byte {
		return append(binary.BigEndian.AppendUint16(nil, uint16(length)), text...)
	}
	r := newResult()
	var got []string
	r.table.options.Datagram = func(d *Datagram) {
		transport, cut := "udp", ""
		if d.TCP {
			transport = "tcp"
		}
		if d.Cut {
			cut = " cut"
		}
		if !d.Upstream {
			transport = "not upstream"
		}
		got = append(got, transport+" "+d.Src.String()+" "+string(d.Payload)+cut)
	}
	for i, b := range [][]byte{
		udpPacket(stub, up, []byte("one")),
		tcpPacket(stub, up, 1, 1, flagACK, 100, message(3, "two"), 0),
		tcpPacket(up, stub, 1, 6, flagACK, 100, message(9, "three"), 0),
		tcpPacket(stub, up, 6, 1, flagACK, 100, []byte{0}, 0),
	} {
		p := raw(i+1, start(), b, 0)
		p.Upstream = true
		r.table.Packet(p)
	}
	r.table.Packet(raw(5, start(), tcpPacket(client(), server(), 0, 0, flagSYN, 100, nil, 0), 0))
	r.table.Close()
	want := []string{"udp 10.0.0.1:5000 one", "tcp 10.0.0.1:5000 two", "tcp 10.0.0.53:53 three cut"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	var streams []int
	for _, c := range r.conns {
		streams = append(streams, c.Stream)
	}
	if !slices.Equal(streams, []int{1}) {
		t.Errorf("streams %v, want only number 1", streams)
	}
}
