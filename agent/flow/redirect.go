package flow

import (
	"net/netip"

	"github.com/gopx-trace/gopx-trace/capture"
)

// redirected takes a segment of a connection that this host leads to another
// address than the one that was dialled (REDIRECT or DNAT where packets leave:
// a transparent proxy, a sidecar), and returns that connection, or nil if it is
// none. Packets are seen behind the translation as they leave and before it as
// they come (ip_finish_output and ip_local_deliver_finish in net/ipv4), so that
// answers have the address that was dialled. What ties them is the socket.
func (t *Table) redirected(p *capture.Packet, s *segment) *connection {
	n, h := &t.parser.network, &t.parser.tcp
	c := t.bySocket[p.Socket]
	if p.Socket == 0 || p.Direction != capture.Inbound || c == nil || c.Client.Port() != uint16(h.DstPort) {
		return nil
	}
	from := netip.AddrPortFrom(address(n.src, n.v6), uint16(h.SrcPort))
	if !c.Dialled.IsValid() {
		c.Dialled = from
		t.streams++ // for Wireshark these are two streams
	}
	if from != c.Dialled {
		return nil
	}
	t.recent.MoveToFront(c.recent)
	c.take(p, !c.clientLow, s)
	return c
}
