package lab

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// ttl of the lab's records, in seconds.
const ttl = 60

// serveNames starts the DNS server on UDP and TCP port 53.
func (l *Lab) serveNames() error {
	if l.setup.Resolver.Closed {
		return nil
	}
	for _, addr := range l.Addrs(ResolverHost) {
		at := netip.AddrPortFrom(addr, 53)
		ln, err := l.listen(at, false)
		if err != nil {
			return err
		}
		var pc net.PacketConn
		err = l.servers.do(func() (err error) {
			pc, err = net.ListenPacket("udp", at.String())
			return err
		})
		if err != nil {
			return errors.Join(err, ln.Close())
		}
		l.runNames(&dns.Server{Listener: ln, Handler: dns.HandlerFunc(l.answerName)}, ln.Close)
		l.runNames(&dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(l.answerName)}, pc.Close)
	}
	return nil
}

// runNames runs a DNS server until the lab closes. The socket is closed beside
// the shutdown, which does nothing to a server that has not yet begun.
func (l *Lab) runNames(srv *dns.Server, closeSocket func() error) {
	l.loops.Go(func() { srv.ActivateAndServe() })
	l.onClose(func() error {
		srv.Shutdown()
		return closed(closeSocket())
	})
}

// answerName answers one query, or not, as the setup says.
func (l *Lab) answerName(w dns.ResponseWriter, q *dns.Msg) {
	l.counts.add(ResolverHost, "request")
	if len(q.Question) != 1 {
		return
	}
	reply := l.lookup(q)
	if reply == nil {
		l.counts.add(ResolverHost, "unanswered")
		return
	}
	l.counts.add(ResolverHost, dns.RcodeToString[reply.Rcode])
	w.WriteMsg(reply)
}

// lookup makes the reply to a query of one question; nil is silence.
func (l *Lab) lookup(q *dns.Msg) *dns.Msg {
	r := l.setup.Resolver
	name := strings.ToLower(strings.TrimSuffix(q.Question[0].Name, "."))
	reply := new(dns.Msg).SetReply(q)
	reply.RecursionAvailable = true
	if opt := q.IsEdns0(); opt != nil {
		reply.SetEdns0(dns.DefaultMsgSize, false)
	}
	if len(r.Names) == 0 || slices.Contains(r.Names, name) {
		switch {
		case r.Silent:
			return nil
		case r.Rcode != dns.RcodeSuccess:
			reply.Rcode = r.Rcode
			return reply
		case r.Empty:
			return reply
		}
	}
	addrs := l.Addrs(name)
	if addrs == nil {
		reply.Rcode = dns.RcodeNameError
	}
	for _, a := range addrs {
		if rr := record(q.Question[0], a); rr != nil {
			reply.Answer = append(reply.Answer, rr)
		}
	}
	return reply
}

// record is an address as the answer to a question; nil if it asks for
// something else.
func record(q dns.Question, a netip.Addr) dns.RR {
	header := dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET, Ttl: ttl}
	switch {
	case q.Qtype == dns.TypeA && a.Is4():
		return &dns.A{Hdr: header, A: a.AsSlice()}
	case q.Qtype == dns.TypeAAAA && a.Is6():
		return &dns.AAAA{Hdr: header, AAAA: a.AsSlice()}
	}
	return nil
}
