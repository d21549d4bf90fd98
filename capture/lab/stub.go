package lab

import (
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Patience of the stub with the resolver: it asks twice and then answers
// SERVFAIL, before the client asks again by itself after 5 s.
const (
	stubTries   = 2
	stubTimeout = time.Second
)

// stubAddr is where the stub listens, as systemd-resolved does.
func stubAddr() netip.AddrPort { return netip.MustParseAddrPort("127.0.0.53:53") }

// serveStub starts the stub in the client's namespace.
func (l *Lab) serveStub() error {
	if l.setup.Stub != StubUp && l.setup.Stub != StubMuted {
		return nil
	}
	var pc net.PacketConn
	if err := l.client.do(func() (err error) {
		pc, err = net.ListenPacket("udp", stubAddr().String())
		return err
	}); err != nil {
		return err
	}
	l.runNames(&dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(l.passOn)}, pc.Close)
	return nil
}

// passOn answers a query with what the resolver answers, or that this failed. It
// writes names in upper case, as resolvers change it at random (draft-vixie-dnsext-dns0x20).
func (l *Lab) passOn(w dns.ResponseWriter, q *dns.Msg) {
	l.counts.add(stubHost, "request")
	if l.setup.Stub == StubMuted || len(q.Question) != 1 {
		return
	}
	up := q.Copy()
	up.Id, up.Question[0].Name = dns.Id(), strings.ToUpper(q.Question[0].Name)
	reply := l.askResolver(up)
	if reply == nil {
		reply = new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
	}
	reply.Id, reply.Question = q.Id, q.Question
	for _, rr := range reply.Answer {
		if strings.EqualFold(rr.Header().Name, q.Question[0].Name) {
			rr.Header().Name = q.Question[0].Name
		}
	}
	l.counts.add(stubHost, dns.RcodeToString[reply.Rcode])
	w.WriteMsg(reply)
}

// askResolver asks the lab's resolver from the client's namespace; nil is silence.
func (l *Lab) askResolver(q *dns.Msg) *dns.Msg {
	for range stubTries {
		var conn net.Conn
		if err := l.client.do(func() (err error) {
			conn, err = net.Dial("udp", netip.AddrPortFrom(l.Addrs(ResolverHost)[0], 53).String())
			return err
		}); err != nil {
			return nil
		}
		c := &dns.Client{Timeout: stubTimeout}
		reply, _, err := c.ExchangeWithConnContext(l.ctx, q, &dns.Conn{Conn: conn})
		conn.Close()
		if err == nil {
			return reply
		}
	}
	return nil
}

// stubHost is the name under which the stub's doings are counted.
const stubHost = "stub"

// stubFaults lists what can be wrong with, or behind, a resolver on the client's
// own host.
func stubFaults() []Fault {
	behind := func(r Resolver) func(*Setup) {
		r.Names = []string{GoProxyHost}
		return func(s *Setup) { s.Stub, s.Resolver = StubUp, r }
	}
	failed := stubHost + ": SERVFAIL"
	return []Fault{
		{Name: "stub", About: "the client asks a resolver on its own host, which asks another one",
			Setup: func(s *Setup) { s.Stub = StubUp }, Proof: fetched(stubHost+": NOERROR", ResolverHost+": NOERROR")},
		{Name: "stub-upstream-silent", Rule: "dns-timeout", Hop: atResolver, About: "the resolver behind the one on the client's host never answers it",
			Setup: behind(Resolver{Silent: true}), Says: "server misbehaving", Proof: []string{ResolverHost + ": unanswered", failed}, Patience: 12 * time.Second},
		{Name: "stub-upstream-servfail", Rule: "dns-servfail", Hop: atResolver, About: "the resolver behind the one on the client's host fails to resolve the name",
			Setup: behind(Resolver{Rcode: dns.RcodeServerFailure}), Says: "server misbehaving", Proof: []string{ResolverHost + ": SERVFAIL", failed}},
		{Name: "stub-upstream-refused", Rule: "dns-refused", Hop: atResolver, About: "the resolver behind the one on the client's host refuses to serve it",
			Setup: behind(Resolver{Rcode: dns.RcodeRefused}), Says: "server misbehaving", Proof: []string{ResolverHost + ": REFUSED", stubHost + ": REFUSED"}},
		{Name: "stub-upstream-nxdomain", Rule: "dns-nxdomain", Hop: atResolver, About: "the resolver behind the one on the client's host does not know the name",
			Setup: behind(Resolver{Rcode: dns.RcodeNameError}), Says: "no such host", Proof: []string{ResolverHost + ": NXDOMAIN", stubHost + ": NXDOMAIN"}},
		{Name: "stub-upstream-closed", Rule: "dns-port-closed", Hop: atResolver, About: "nothing listens where the resolver on the client's host asks",
			Setup: func(s *Setup) { s.Stub, s.Resolver.Closed = StubUp, true }, Says: "server misbehaving", Proof: []string{"servers: port unreachable", failed}},
		{Name: "stub-muted", Rule: "dns-timeout", Hop: atResolver, About: "the resolver on the client's host takes queries and does nothing with them",
			Setup: func(s *Setup) { s.Stub = StubMuted }, Says: "i/o timeout", Proof: []string{stubHost + ": request"}, Patience: 12 * time.Second},
		{Name: "stub-down", Rule: "dns-port-closed", Hop: atResolver, About: "resolv.conf names a resolver on the client's host and none is running",
			Setup: func(s *Setup) { s.Stub = StubDown }, Says: "connection refused", Proof: []string{"client: unreachable"}},
	}
}
