package lab

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"slices"
)

// The lab's hosts.
const (
	ResolverHost = "resolver.test" // DNS server, port 53
	ProxyHost    = "proxy.test"    // the proxy of Setup.Via
	GoProxyHost  = "goproxy.test"  // module proxy; its zips are at CDNHost
	MirrorHost   = "mirror.test"   // second module proxy, for lists
	CDNHost      = "cdn.test"      // where module proxies redirect for .zip
	SumDBHost    = "sum.test"      // checksum database
	GitHost      = "git.test"      // git over HTTPS and ?go-get=1 discovery

	deafHost = "deaf.test" // a name server that never answers, see Setup.DeafFirst
)

// Via is the kind of proxy between the client and all servers.
type Via uint8

// Kinds of proxy.
const (
	Direct     Via = iota // none
	HTTPProxy             // CONNECT and absolute-form over plain TCP, port 3128
	HTTPSProxy            // the same over TLS, port 3129
	SOCKS5                // RFC 1928, names resolved by the proxy, port 1080
)

// Family is the set of address families the lab's hosts have.
type Family uint8

// Address families.
const (
	IPv4Only Family = iota
	IPv6Only
	DualStack
)

// Port is the state of a server's TCP ports.
type Port uint8

// States of a port.
const (
	Open     Port = iota
	Closed        // nothing listens: a SYN is answered by RST
	Dropping      // a SYN is never answered
)

// Certificate is what a TLS server presents.
type Certificate uint8

// Certificates.
const (
	Valid       Certificate = iota // leaf and intermediate; the root is trusted by the client
	Expired                        // not_after is yesterday
	NotYetValid                    // not_before is tomorrow
	WrongName                      // valid for other.test
	UnknownCA                      // by an authority that the client does not trust
	SelfSigned                     // subject and issuer are the host
	LeafOnly                       // the intermediate is not sent
	Intercepted                    // by an authority with the name of an inspecting product
	SHA1Signed                     // by the trusted root, with SHA-1
)

// An Answer is a way to answer HTTP requests in place of next, the healthy
// server.
type Answer func(next http.Handler) http.Handler

// Server says how one host misbehaves. The zero value is a healthy server.
type Server struct {
	// Way is how the client's packets get to the host.
	Way         Way
	Port        Port
	Certificate Certificate
	// HTTP1 leaves h2 out of ALPN.
	HTTP1 bool
	// TTL is the time to live of the server's packets, 0 for the kernel's; a
	// refusal by the kernel has the kernel's.
	TTL int
	// Filter drops some of the packets that come for the server; nil none.
	Filter Filter
	// MaxTLS is the highest version offered, e.g. tls.VersionTLS12; 0 is the newest.
	MaxTLS uint16
	// TLS changes the healthy configuration; nil leaves it.
	TLS func(*tls.Config)
	// HTTP2 takes over connections that agreed on h2; nil serves them.
	HTTP2 func(*tls.Conn)
	// Raw takes over accepted connections; nil serves TLS and HTTP.
	Raw Raw
	// Answer replaces the healthy HTTP server; nil is the healthy one. On
	// ProxyHost it comes after the check of credentials.
	Answer Answer
}

// Stub is the state of a resolver on the client's host.
type Stub uint8

// States of the stub.
const (
	NoStub    Stub = iota
	StubUp         // at 127.0.0.53, outside the traced process tree
	StubDown       // resolv.conf names it and nothing listens
	StubMuted      // it takes queries and neither asks nor answers
)

// Resolver says how the DNS server misbehaves. The zero value is healthy.
type Resolver struct {
	// Rcode is answered for Names, e.g. dns.RcodeServerFailure.
	Rcode int
	// Empty answers NOERROR without addresses for Names.
	Empty bool
	// Silent never answers for Names.
	Silent bool
	// Closed: nothing listens on port 53.
	Closed bool
	// Reply changes the healthy reply for Names; nil is the healthy one.
	Reply Reply
	// NoTCP: nothing listens on TCP port 53.
	NoTCP bool
	// Names limits Rcode, Empty, Silent and Reply to these hosts; empty is all.
	Names []string
}

// Setup is a lab to build. The zero value is healthy, without a proxy, IPv4.
type Setup struct {
	// GOPROXY of the client; empty is https://goproxy.test.
	GOPROXY string
	// GOSUMDBWithURL has GOSUMDB name https://sum.test, so that no module
	// proxy is asked for the database (GOSUMDB has the form "name+key url").
	GOSUMDBWithURL bool
	// NoSumDBRelay has the module proxies answer 404 for /sumdb/.
	NoSumDBRelay bool

	Via Via
	// Auth has the proxy demand the credentials lab:secret.
	Auth bool
	// NoCredentials keeps them from the client.
	NoCredentials bool

	// ProxyVariables are the variables that give the client its proxy; nil is
	// HTTPS_PROXY and HTTP_PROXY.
	ProxyVariables []string

	Family   Family
	Resolver Resolver
	// DeafFirst puts a name server that never answers before the resolver.
	DeafFirst bool
	// Stub is a resolver on the client's own host, which resolv.conf then names
	// and which passes every question on to the resolver.
	Stub Stub
	// NoResolver leaves the client's resolv.conf empty.
	NoResolver bool
	// ResolvConf and Hosts are added to the client's resolv.conf and hosts file.
	ResolvConf, Hosts string
	// SmallPackets has the client's interface take single segments only, so
	// that filters meet those.
	SmallPackets bool
	// Client changes the client's network after it is made; it is called in
	// the client's namespace. nil changes nothing.
	Client func() error

	// Servers holds the hosts that misbehave; see [Setup.At].
	Servers map[string]*Server

	// NoGitCA keeps the lab's root certificate from git: GIT_SSL_CAINFO is not
	// set, and git does not read SSL_CERT_FILE.
	NoGitCA bool
	// Files are written to the client's modules beside, or in place of, go.mod.
	Files map[string]string
	// OldRoot gives the client another root certificate of the same name.
	OldRoot bool
	// NoGit gives the client a PATH with go in it and nothing else.
	NoGit bool
	// Stored is the content of the client's go/env file, as "go env -w" writes
	// it; empty is GOENV=off.
	Stored string
	// Env is added to the client's environment and wins over it.
	Env []string
	// UID and GID own the client's directories; the client may be run as this
	// user by whatever is started in the lab.
	UID, GID int
}

// At returns the server on a host, to be changed.
func (s *Setup) At(host string) *Server {
	if s.Servers == nil {
		s.Servers = make(map[string]*Server)
	}
	if s.Servers[host] == nil {
		s.Servers[host] = new(Server)
	}
	return s.Servers[host]
}

// server returns what the setup says of a host, without changing it.
func (s *Setup) server(host string) Server {
	if v := s.Servers[host]; v != nil {
		return *v
	}
	return Server{}
}

// place is a host's number in the lab's networks.
type place struct {
	host   string
	number byte
}

// clientNumber is the client's own number.
const clientNumber = 1

// places lists the hosts in the servers' namespace.
func places() []place {
	return []place{
		{ResolverHost, 53}, {ProxyHost, 3}, {GoProxyHost, 10}, {MirrorHost, 11},
		{CDNHost, 12}, {SumDBHost, 13}, {GitHost, 14}, {deafHost, 54},
	}
}

// addr4 is a host's IPv4 address in 10.77.0.0/16.
func addr4(number byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 77, 0, number}) }

// addr6 is a host's IPv6 address in the unique local prefix fd77::/64.
func addr6(number byte) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfd, 1: 0x77, 15: number})
}

// addrs returns the addresses of a host number on the cable's network, in the
// families of the setup.
func (s *Setup) addrs(number byte) []netip.Addr {
	switch s.Family {
	case IPv6Only:
		return []netip.Addr{addr6(number)}
	case DualStack:
		return []netip.Addr{addr4(number), addr6(number)}
	default:
		return []netip.Addr{addr4(number)}
	}
}

// Addrs returns the addresses of a lab host, IPv4 first; nil if there is no
// such host.
func (l *Lab) Addrs(host string) []netip.Addr {
	all := places()
	i := slices.IndexFunc(all, func(p place) bool { return p.host == host })
	if i < 0 {
		return nil
	}
	addrs := l.setup.addrs(all[i].number)
	if l.setup.server(host).Way.elsewhere() {
		for i, a := range addrs {
			addrs[i] = moved(a)
		}
	}
	return addrs
}
