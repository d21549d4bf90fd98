package lab

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/miekg/dns"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// impatient is a resolv.conf that waits two seconds for a name server, twice.
const impatient = "options timeout:2 attempts:2\n"

// answerFaults lists the faults of what name servers answer.
func answerFaults() []Fault {
	replies := func(r Reply) func(*Setup) {
		return func(s *Setup) { s.Resolver = Resolver{Reply: r, Names: []string{GoProxyHost}} }
	}
	refused := []string{"servers: RST"}
	return []Fault{
		{Name: "dns-edns-rejected", Rule: "dns-edns-rejected", Hop: atResolver, About: "the resolver answers FORMERR to questions with EDNS",
			Setup: replies(RejectEDNS()), Says: "server misbehaving", Proof: []string{ResolverHost + ": FORMERR"}},
		{Name: "dns-answers-ignored", Rule: "dns-answers-ignored", Hop: atResolver, About: "the answers have another id than the questions",
			Setup: func(s *Setup) { replies(WrongID())(s); s.ResolvConf = impatient }, Says: "i/o timeout",
			Proof: []string{ResolverHost + ": NOERROR"}, Patience: 10 * time.Second},
		{Name: "dns-injected", Rule: "dns-injected", Hop: atResolver, About: "a forged answer comes before the resolver's own, and leads to a host with another certificate",
			Setup: replies(Forged("10.77.0.11")), Says: "certificate is valid for mirror.test, not goproxy.test", Proof: []string{MirrorHost + ": handshake failed"}},
		{Name: "dns-sinkhole", Rule: "dns-sinkhole", Hop: atResolver, About: "a filter in the resolver answers 0.0.0.0 for the module proxy",
			Setup: replies(Addresses("0.0.0.0", "::")), Says: "connect: connection refused", Proof: []string{ResolverHost + ": NOERROR"}},
		{Name: "dns-lame", Rule: "dns-lame", Hop: atResolver, About: "the resolver is a name server for other names and asks nobody",
			Setup: replies(Lame()), Says: "lame referral", Proof: []string{ResolverHost + ": NOERROR"}},
		{Name: "dns-truncated-tcp-blocked", Rule: "dns-truncated-tcp-blocked", Hop: atResolver, About: "the answer is to be had over TCP, and the resolver's TCP port is closed",
			Setup: func(s *Setup) { replies(Truncated())(s); s.Resolver.NoTCP = true }, Says: "lookup goproxy.test", Proof: refused},
		{Name: "dns-no-resolvconf", Rule: "dns-no-resolvconf", Hop: "host", About: "resolv.conf is empty, so go asks this machine",
			Setup: func(s *Setup) { s.NoResolver = true }, Says: "connection refused"},
		{Name: "dns-hosts-stale", Rule: "dns-hosts-stale", Hop: "host", About: "the hosts file has an old address of the module proxy",
			Setup: func(s *Setup) { s.Hosts, s.At(MirrorHost).Port = "10.77.0.11 goproxy.test\n", Closed }, Says: "connect: connection refused", Proof: refused},
		{Name: "dns-hosts-other", Rule: "dns-hosts-stale", Hop: "host", About: "the hosts file leads to a host with another certificate",
			Setup: func(s *Setup) { s.Hosts = "10.77.0.11 goproxy.test\n" }, Says: "certificate is valid for mirror.test, not goproxy.test", Proof: []string{MirrorHost + ": handshake failed"}},
		{Name: "dns-aaaa-blackhole", Rule: "dns-aaaa-blackhole", Hop: atResolver, About: "questions for IPv6 addresses are never answered, and go waits for each",
			Setup: func(s *Setup) { replies(SilentFor(dns.TypeAAAA))(s); s.ResolvConf = impatient }, Slow: true, Proof: fetched(ResolverHost + ": unanswered")},
		{Name: "dns-first-server-dead", Rule: "dns-first-server-dead", Hop: atResolver, About: "the first name server of resolv.conf never answers",
			Setup: func(s *Setup) { s.DeafFirst, s.ResolvConf = true, impatient }, Slow: true, Proof: fetched()},
	}
}

// notedAnswers lists healthy cases that a report has a note on.
func notedAnswers() []Fault {
	return []Fault{
		{Name: "search-domains", Notes: "dns-search-ndots", About: "names are asked for with two search domains first, in vain",
			Setup: func(s *Setup) { s.ResolvConf = "search svc.corp.test corp.test\noptions ndots:5\n" }, Proof: fetched(ResolverHost + ": NXDOMAIN")},
		{Name: "old-list", Notes: "proxy-stale-latest", About: "the list of versions comes out of a cache, two hours old",
			Setup:   func(s *Setup) { s.At(GoProxyHost).Answer = Aged(2 * time.Hour) },
			Command: []string{"go", "get", "mod.test/hello@latest"}, Proof: fetched()},
	}
}

// Aged gives answers the Age of a cached one (RFC 9111, section 5.1).
func Aged(age time.Duration) Answer {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Age", strconv.Itoa(int(age.Seconds())))
			next.ServeHTTP(w, r)
		})
	}
}

// localFaults lists what this machine's own tables break, and addresses that
// lead nowhere.
func localFaults() []Fault {
	routed := func(kind int) func(*Setup) {
		return func(s *Setup) { s.Client = func() error { return addRoute("10.77.0.10/32", kind) } }
	}
	gives := func(addrs ...string) Resolver {
		return Resolver{Reply: Addresses(addrs...), Names: []string{GoProxyHost}}
	}
	return []Fault{
		{Name: "route-prohibited", Rule: "route-prohibited", Hop: atRoute, About: "a route of this machine forbids the module proxy's address",
			Setup: routed(unix.RTN_PROHIBIT), Says: "connect: permission denied"},
		{Name: "route-blackhole", Rule: "route-blackhole", Hop: atRoute, About: "a route of this machine sends the module proxy's address nowhere",
			Setup: routed(unix.RTN_BLACKHOLE), Says: "connect: invalid argument"},
		{Name: "tcp-ephemeral-exhausted", Rule: "tcp-ephemeral-exhausted", Hop: "host", About: "two local ports for all connections",
			Command: []string{"go", "get", "mod.test/hello/a/b@v1.0.0"},
			Setup: func(s *Setup) {
				s.At(GoProxyHost).HTTP1 = true // parallel requests are connections then
				s.Client = func() error {
					return os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte("40000 40001"), 0o644)
				}
			}, Says: "cannot assign requested address"},
		{Name: "ipv6-only-host", Rule: "ipv6-only-host", Hop: atRoute, About: "the module proxy has an IPv6 address only, the client no IPv6",
			Setup: func(s *Setup) { s.Resolver = gives("2001:db8::10") }, Says: "connect: network is unreachable"},
		{Name: "tcp-multi-address-dead", Rule: "tcp-multi-address-dead", Hop: atGoProxy, About: "the module proxy has two addresses, and nobody listens at either",
			Setup: func(s *Setup) {
				s.Resolver = gives("10.77.0.10", "10.77.0.11")
				s.At(GoProxyHost).Port, s.At(MirrorHost).Port = Closed, Closed
			}, Says: "connect: connection refused", Proof: []string{"servers: RST"}},
	}
}

// addRoute adds a route of a type (rtnetlink(7)) in the calling thread's
// namespace.
func addRoute(to string, kind int) error {
	_, dst, err := net.ParseCIDR(to)
	if err != nil {
		return err
	}
	if err := netlink.RouteAdd(&netlink.Route{Dst: dst, Type: kind}); err != nil {
		return errors.Join(fmt.Errorf("route to %v", dst), err)
	}
	return nil
}
