package lab

import (
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
		pc, err := l.listenUDP(addr)
		if err != nil {
			return err
		}
		l.runNames(&dns.Server{PacketConn: pc, Handler: l.answerNames(pc)}, pc.Close)
		if l.setup.Resolver.NoTCP {
			continue
		}
		ln, err := l.listen(netip.AddrPortFrom(addr, 53), false)
		if err != nil {
			return err
		}
		l.runNames(&dns.Server{Listener: ln, Handler: l.answerNames(nil)}, ln.Close)
	}
	return l.serveDeaf()
}

// serveDeaf opens the name server that never answers: its socket takes queries
// and nobody reads them.
func (l *Lab) serveDeaf() error {
	if !l.setup.DeafFirst {
		return nil
	}
	for _, addr := range l.Addrs(deafHost) {
		pc, err := l.listenUDP(addr)
		if err != nil {
			return err
		}
		l.onClose(func() error { return closed(pc.Close()) })
	}
	return nil
}

// listenUDP opens UDP port 53 of an address in the servers' namespace.
func (l *Lab) listenUDP(addr netip.Addr) (pc net.PacketConn, err error) {
	err = l.servers.do(func() (err error) {
		pc, err = net.ListenPacket("udp", netip.AddrPortFrom(addr, 53).String())
		return err
	})
	return pc, err
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

// answerNames answers the queries that come to a UDP socket, or nil for TCP.
func (l *Lab) answerNames(pc net.PacketConn) dns.Handler {
	return dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) { l.answerName(w, q, pc) })
}

// answerName answers one query, or not, as the setup says.
func (l *Lab) answerName(w dns.ResponseWriter, q *dns.Msg, pc net.PacketConn) {
	l.counts.add(ResolverHost, "request")
	if len(q.Question) != 1 {
		return
	}
	reply := l.lookup(q)
	replies := []*dns.Msg{reply}
	if change := l.setup.Resolver.Reply; reply != nil && change != nil && l.setup.Resolver.about(q) {
		replies = change(q, reply)
	}
	if reply == nil || len(replies) == 0 {
		l.counts.add(ResolverHost, "unanswered")
		return
	}
	for _, r := range replies {
		l.counts.add(ResolverHost, dns.RcodeToString[r.Rcode])
	}
	if len(replies) > 1 && pc != nil {
		writeAtOnce(pc, w.RemoteAddr(), replies)
		return
	}
	w.WriteMsg(replies[0])
}

// about reports whether a query is for one of the names that the resolver
// misbehaves for.
func (r *Resolver) about(q *dns.Msg) bool {
	return len(r.Names) == 0 || slices.Contains(r.Names, strings.ToLower(strings.TrimSuffix(q.Question[0].Name, ".")))
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
	if r.about(q) {
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
