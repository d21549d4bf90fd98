package flow

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/gopx-trace/gopx-trace/capture"
)

// What this host leads elsewhere is one connection: packets leave for the
// address that is reached, answers come from the one that was dialled.
func TestRedirected(t *testing.T) {
	dialled := netip.MustParseAddrPort("10.9.9.9:443")
	talk := func(socket uint64) []*capture.Packet {
		ps := packets([]seg{
			{from: ToServer, flags: "S"}, {from: ToClient, flags: "SA", ack: 1},
			{from: ToServer, flags: "A", seq: 1, ack: 1, data: "hello"},
			{from: ToClient, flags: "A", seq: 1, ack: 6, data: "world"},
			{from: ToClient, flags: "FA", seq: 6, ack: 6}, {from: ToServer, flags: "FA", seq: 6, ack: 7},
		})
		for _, p := range ps {
			p.Socket, p.Direction = socket, capture.Outbound
			if src := server().Addr().As4(); slices.Equal(p.Data[12:16], src[:]) {
				from := dialled.Addr().As4()
				copy(p.Data[12:], from[:])
				p.Direction = capture.Inbound
			}
		}
		return ps
	}
	r := follow(talk(7))
	if len(r.conns) != 1 {
		t.Fatalf("%d connections", len(r.conns))
	}
	c := r.conns[0]
	if c.Dialled != dialled || c.Server != server() || c.State != "SF" || c.Missed != [2]uint64{} {
		t.Errorf("dialled %v, reached %v, %s, %v bytes missed", c.Dialled, c.Server, c.State, c.Missed)
	}
	want := []string{"> hello @3", "< world @4", "< finished @5", "> finished @6"}
	if !slices.Equal(r.streams[0].lines, want) {
		t.Errorf("%q, want %q", r.streams[0].lines, want)
	}
	if r.table.streams != 2 || len(r.table.bySocket) != 0 {
		t.Errorf("%d streams for Wireshark, %d sockets left", r.table.streams, len(r.table.bySocket))
	}
	if n := len(follow(talk(0)).conns); n != 2 {
		t.Errorf("without the socket %d connections, want two halves", n)
	}
}
