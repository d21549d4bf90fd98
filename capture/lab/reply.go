package lab

import (
	"net"
	"net/netip"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"
)

// Reply makes what the DNS server sends out of a query and its healthy reply;
// nothing is silence.
type Reply func(q, healthy *dns.Msg) []*dns.Msg

// RejectEDNS answers queries with an OPT record by FORMERR, as servers do that
// are older than RFC 6891.
func RejectEDNS() Reply {
	return func(q, healthy *dns.Msg) []*dns.Msg {
		if q.IsEdns0() == nil {
			return []*dns.Msg{healthy}
		}
		return []*dns.Msg{new(dns.Msg).SetRcode(q, dns.RcodeFormatError)}
	}
}

// WrongID answers with an id that is not the query's, as broken NAT does.
func WrongID() Reply {
	return func(_, healthy *dns.Msg) []*dns.Msg {
		healthy.Id++
		return []*dns.Msg{healthy}
	}
}

// Addresses answers with these addresses.
func Addresses(addrs ...string) Reply {
	return func(q, healthy *dns.Msg) []*dns.Msg {
		healthy.Answer = nil
		for _, a := range addrs {
			if rr := record(q.Question[0], netip.MustParseAddr(a)); rr != nil {
				healthy.Answer = append(healthy.Answer, rr)
			}
		}
		return []*dns.Msg{healthy}
	}
}

// Forged puts a reply with this address before the healthy one, as somebody on
// the way does who sees the query and is faster than the server.
func Forged(addr string) Reply {
	return func(q, healthy *dns.Msg) []*dns.Msg {
		if len(healthy.Answer) == 0 {
			return []*dns.Msg{healthy}
		}
		return append(Addresses(addr)(q, healthy.Copy()), healthy)
	}
}

// Truncated sends replies without their records and with the TC bit.
func Truncated() Reply {
	return func(_, healthy *dns.Msg) []*dns.Msg {
		healthy.Answer, healthy.Truncated = nil, true
		return []*dns.Msg{healthy}
	}
}

// Lame answers as a server that is neither responsible for the name nor asks
// others for it.
func Lame() Reply {
	return func(q, _ *dns.Msg) []*dns.Msg { return []*dns.Msg{new(dns.Msg).SetReply(q)} }
}

// SilentFor never answers questions of a type, e.g. dns.TypeAAAA.
func SilentFor(kind uint16) Reply {
	return func(q, healthy *dns.Msg) []*dns.Msg {
		if q.Question[0].Qtype == kind {
			return nil
		}
		return []*dns.Msg{healthy}
	}
}

// writeAtOnce sends replies from a UDP socket in one system call: a client that
// has its answer may close its own before a second call.
func writeAtOnce(from net.PacketConn, to net.Addr, replies []*dns.Msg) error {
	batch := make([]ipv4.Message, 0, len(replies))
	for _, r := range replies {
		packed, err := r.Pack()
		if err != nil {
			return err
		}
		batch = append(batch, ipv4.Message{Buffers: [][]byte{packed}, Addr: to})
	}
	// The socket is of IPv4 or IPv6; the call is the same for both.
	_, err := ipv4.NewPacketConn(from).WriteBatch(batch, 0)
	return err
}
