package decode

import (
	"net/netip"

	"github.com/miekg/dns"

	"github.com/gopx-trace/gopx-trace/agent/flow"
)

// Message is one DNS message on the wire.
type Message struct {
	Src, Dst  netip.AddrPort
	Transport string // udp, tcp
	Msg       *dns.Msg
	Mark      flow.Mark
	PID       uint32
}
