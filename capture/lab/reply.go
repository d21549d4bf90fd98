package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"unsafe"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
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

// writeAtOnce sends replies of one size from a UDP socket as one packet that the
// kernel takes apart at the receiver's socket (UDP_SEGMENT, udp(7)): a client
// that has its answer may close its own before a second one.
func writeAtOnce(from net.PacketConn, to net.Addr, replies []*dns.Msg) error {
	conn, isUDP := from.(*net.UDPConn)
	addr, isAddr := to.(*net.UDPAddr)
	if !isUDP || !isAddr {
		return fmt.Errorf("%T to %T is no UDP", from, to)
	}
	var all []byte
	size := 0
	for _, r := range replies {
		packed, err := r.Pack()
		if err != nil {
			return err
		}
		if all, size = append(all, packed...), max(size, len(packed)); len(packed) != size {
			return errors.New("replies of different sizes")
		}
	}
	control := make([]byte, unix.CmsgSpace(2))
	header := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
	header.Level, header.Type = unix.SOL_UDP, unix.UDP_SEGMENT
	header.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(control[unix.CmsgLen(0):], uint16(size))
	_, _, err := conn.WriteMsgUDP(all, control, addr)
	return err
}
