package lab

import (
	"crypto/tls"
	"fmt"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// Fault is one thing that goes wrong, or a healthy case, as a setup and a
// command that meets it.
type Fault struct {
	// Name is unique among [Faults]; several names may show one rule.
	Name string
	// Rule is the id of the rule that should be found; empty for a healthy case.
	Rule string
	// Notes is the id of a rule that has something to say beside that, as
	// information only.
	Notes string
	// Hop is the link that the report should name, e.g. "sumdb:sum.test".
	Hop string
	// About is one sentence for a person who chooses among the faults.
	About string
	// Setup breaks a healthy setup.
	Setup func(*Setup)
	// Command meets the fault; nil is go get of [HelloModule]. Its directory
	// must be a module, see [Lab.Dir].
	Command []string
	// Says is part of what the go command prints; empty if it is ended before.
	Says string
	// Slow is set where the command succeeds, after more time than it needs.
	Slow bool
	// Proof names the counters of [Lab.Counts] that must have moved; none where a
	// setting keeps the command from the network.
	Proof []string
	// Patience is how long the command takes to meet the fault, where it goes
	// on for long or for ever after it and may be ended then; 0 if it ends soon.
	Patience time.Duration
}

// Argv is the fault's command line.
func (f Fault) Argv() []string {
	if f.Command == nil {
		return []string{"go", "get", HelloModule}
	}
	return slices.Clone(f.Command)
}

// Build returns the fault's setup.
func (f Fault) Build() Setup {
	var s Setup
	if f.Setup != nil {
		f.Setup(&s)
	}
	return s
}

// Happened checks that the fault met the client in a lab of its setup.
func (f Fault) Happened(l *Lab) error { return l.Proves(f.Proof) }

// FaultNamed returns a fault by its name.
func FaultNamed(name string) (Fault, bool) {
	for _, f := range Faults() {
		if f.Name == name {
			return f, true
		}
	}
	return Fault{}, false
}

// Faults lists what the lab can show: healthy cases, then faults by layer.
func Faults() []Fault {
	return slices.Concat(healthy(), nameFaults(), stubFaults(), wayFaults(), connectFaults(), proxyFaults(), tlsFaults(), httpFaults(), streamFaults(), sumFaults(), directFaults(), variants(),
		settingsFaults(), gitWays(), answerFaults(), localFaults(), slowFaults(), storeFaults(), oddAnswers(), lossFaults(), notedAnswers())
}

// Hops of the faults.
const (
	atResolver = "resolver"
	atRoute    = "route"
	atConfig   = "config"
	atProxy    = "http-proxy:" + ProxyHost
	atGoProxy  = "goproxy:" + GoProxyHost
	atCDN      = "redirect:" + CDNHost
	atSumDB    = "sumdb:" + SumDBHost
	atGit      = "vcs:" + GitHost
)

// The commands that are not go get of HelloModule.
func getFromGit() []string { return []string{"go", "get", GitModule} }

// blockPage is an answer in plain HTTP.
const blockPage = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

// portal is a page that wants a person to log in.
const portal = "<!DOCTYPE html>\n<title>Log in</title>\n"

// fetched are the counters of a healthy fetch through goproxy.test.
func fetched(more ...string) []string {
	return append([]string{GoProxyHost + ": 200", CDNHost + ": 200"}, more...)
}

// healthy lists the cases without a fault.
func healthy() []Fault {
	return []Fault{
		{Name: "healthy", About: "nothing is broken: go, the module proxy, its CDN and the relayed checksum database",
			Proof: fetched(ResolverHost + ": NOERROR")},
		{Name: "healthy-proxy", About: "through an HTTP proxy that wants credentials and gets them",
			Setup: func(s *Setup) { s.Via, s.Auth = HTTPProxy, true },
			Proof: fetched(ProxyHost + ": tunnel")},
		{Name: "healthy-dependency", About: "a module that requires another one",
			Command: []string{"go", "get", "mod.test/quote@v1.2.0"}, Proof: fetched()},
		{Name: "git-direct", About: "GOPROXY=direct: discovery, git over HTTPS and the checksum database itself",
			Setup:   func(s *Setup) { s.GOPROXY = "direct" },
			Command: getFromGit(),
			Proof:   []string{GitHost + ": 200", SumDBHost + ": 200"}},
		{Name: "socks5", About: "through a SOCKS5 proxy with credentials",
			Setup: func(s *Setup) { s.Via, s.Auth = SOCKS5, true },
			Proof: fetched(ProxyHost + ": tunnel")},
		{Name: "https-proxy", About: "through a proxy that is itself reached over TLS",
			Setup: func(s *Setup) { s.Via = HTTPSProxy },
			Proof: fetched(ProxyHost + ": tunnel")},
		{Name: "ipv6", About: "hosts with IPv6 addresses only",
			Setup: func(s *Setup) { s.Family = IPv6Only }, Proof: fetched()},
		{Name: "dual-stack", About: "hosts with IPv4 and IPv6 addresses",
			Setup: func(s *Setup) { s.Family = DualStack }, Proof: fetched()},
		{Name: "http1", About: "servers without HTTP/2",
			Setup: func(s *Setup) { s.At(GoProxyHost).HTTP1, s.At(CDNHost).HTTP1 = true, true }, Proof: fetched()},
		{Name: "tls12", About: "servers without TLS 1.3",
			Setup: func(s *Setup) { s.At(GoProxyHost).MaxTLS, s.At(CDNHost).MaxTLS = tls.VersionTLS12, tls.VersionTLS12 }, Proof: fetched()},
		{Name: "fallback", About: "the first module proxy of the list answers 404, the second has the module",
			Setup: func(s *Setup) {
				s.GOPROXY = "https://" + MirrorHost + ",https://" + GoProxyHost
				s.At(MirrorHost).Answer = Status(404)
			},
			Proof: fetched(MirrorHost + ": 404")},
		{Name: "without-secrets", Notes: "tls-no-secret", About: "beside go, a client that gives no TLS secrets away",
			Command: []string{"sh", "-c", "go get mod.test/hello@v1.0.0 && " + askWithoutSecrets}, Proof: fetched(MirrorHost + ": 200")},
		{Name: "git-clone", About: "git clone through an HTTP proxy; git also looks up this machine's own name, which is none",
			Setup:   func(s *Setup) { s.Via = HTTPProxy },
			Command: []string{"git", "clone", "--quiet", "https://" + gitRepository + ".git"}, Proof: []string{GitHost + ": 200", ProxyHost + ": tunnel"}},
		{Name: "own-server", About: "a script waits for a server of its own on loopback, in vain, and goes on",
			Command: []string{"sh", "-c", "curl -s http://127.0.0.1:8080/ready; go get mod.test/hello@v1.0.0"}, Proof: fetched()},
		{Name: "sumdb-url", About: "GOSUMDB names the checksum database's own address",
			Setup: func(s *Setup) { s.GOSUMDBWithURL = true }, Proof: fetched(SumDBHost + ": 200")},
	}
}

// askWithoutSecrets is a program that knows no SSLKEYLOGFILE.
const askWithoutSecrets = "printf 'GET /mod.test/hello/@v/list HTTP/1.0\\r\\n\\r\\n' | openssl s_client -quiet -servername " + MirrorHost + " -connect " + MirrorHost + ":443 2>/dev/null"

// nameFaults lists the faults of DNS.
func nameFaults() []Fault {
	broken := func(r Resolver) func(*Setup) {
		r.Names = []string{GoProxyHost}
		return func(s *Setup) { s.Resolver = r }
	}
	return []Fault{
		{Name: "dns-nxdomain", Rule: "dns-nxdomain", Hop: atResolver, About: "the resolver does not know the module proxy's name",
			Setup: broken(Resolver{Rcode: dns.RcodeNameError}), Says: "no such host", Proof: []string{ResolverHost + ": NXDOMAIN"}},
		{Name: "dns-empty-noerror", Rule: "dns-empty-noerror", Hop: atResolver, About: "the name exists but has no address",
			Setup: broken(Resolver{Empty: true}), Says: "no such host", Proof: []string{ResolverHost + ": NOERROR"}},
		{Name: "dns-servfail", Rule: "dns-servfail", Hop: atResolver, About: "the resolver fails to resolve the name",
			Setup: broken(Resolver{Rcode: dns.RcodeServerFailure}), Says: "server misbehaving", Proof: []string{ResolverHost + ": SERVFAIL"}},
		{Name: "dns-refused", Rule: "dns-refused", Hop: atResolver, About: "the resolver refuses to serve this client",
			Setup: broken(Resolver{Rcode: dns.RcodeRefused}), Says: "server misbehaving", Proof: []string{ResolverHost + ": REFUSED"}},
		{Name: "dns-timeout", Rule: "dns-timeout", Hop: atResolver, About: "the resolver takes queries and never answers",
			Setup: broken(Resolver{Silent: true}), Says: "i/o timeout", Proof: []string{ResolverHost + ": unanswered"}, Patience: 12 * time.Second},
		{Name: "proxy-name-unresolvable", Rule: "proxy-name-unresolvable", Hop: atResolver, About: "the resolver does not know the proxy's name",
			Setup: func(s *Setup) {
				s.Via, s.Resolver = HTTPProxy, Resolver{Rcode: dns.RcodeNameError, Names: []string{ProxyHost}}
			},
			Says: "proxyconnect tcp: dial tcp: lookup proxy.test", Proof: []string{ResolverHost + ": NXDOMAIN"}},
		{Name: "dns-port-closed", Rule: "dns-port-closed", Hop: atResolver, About: "nothing listens on the resolver's port",
			Setup: func(s *Setup) { s.Resolver.Closed = true }, Says: "connection refused", Proof: []string{"servers: port unreachable"}},
	}
}

// connectFaults lists the faults of TCP.
func connectFaults() []Fault {
	return []Fault{
		{Name: "tcp-refused", Rule: "tcp-refused", Hop: atGoProxy, About: "nothing listens on the module proxy's port",
			Setup: func(s *Setup) { s.At(GoProxyHost).Port = Closed }, Says: "connect: connection refused", Proof: []string{"servers: RST"}},
		{Name: "tcp-syn-dropped", Rule: "tcp-syn-dropped", Hop: atGoProxy, About: "the module proxy's packets vanish: no answer to any SYN",
			Setup: func(s *Setup) { s.At(GoProxyHost).Port = Dropping }, Says: "i/o timeout",
			Proof: []string{GoProxyHost + ": SYN dropped"}, Patience: 32 * time.Second},
		{Name: "redirect-cdn-blocked", Rule: "redirect-cdn-blocked", Hop: atCDN, About: "the module proxy is fine, the host that its zips redirect to is not reachable",
			Setup: func(s *Setup) { s.At(CDNHost).Port = Closed }, Says: `Get "https://cdn.test/`,
			Proof: []string{"servers: RST", GoProxyHost + ": 302"}},
		{Name: "fallback-dead-first", Rule: "dead-first-with-comma", Hop: "goproxy:" + MirrorHost, About: "the first module proxy of a comma list is down, so the second is never asked",
			Setup: func(s *Setup) {
				s.GOPROXY = "https://" + MirrorHost + ",https://" + GoProxyHost
				s.At(MirrorHost).Port = Closed
			},
			Says: "connect: connection refused", Proof: []string{"servers: RST"}},
		{Name: "sni-reset", Rule: "sni-reset", Hop: atGoProxy, About: "the connection is reset as soon as the ClientHello shows the server's name",
			Setup: func(s *Setup) { s.At(GoProxyHost).Raw = ResetAfterHello() }, Says: "connection reset by peer",
			Proof: []string{GoProxyHost + ": raw", "servers: RST"}},
	}
}

// proxyFaults lists the faults of the proxy between.
func proxyFaults() []Fault {
	return []Fault{
		{Name: "proxy-407", Rule: "proxy-407", Hop: atProxy, About: "the proxy wants credentials and HTTPS_PROXY has none",
			Setup: func(s *Setup) { s.Via, s.Auth, s.NoCredentials = HTTPProxy, true, true }, Says: "Proxy Authentication Required", Proof: []string{ProxyHost + ": 407"}},
		{Name: "proxy-403", Rule: "proxy-403", Hop: atProxy, About: "the proxy does not allow the module proxy's host",
			Setup: func(s *Setup) { s.Via, s.At(ProxyHost).Answer = HTTPProxy, OnHost(GoProxyHost, Status(403)) }, Says: ": Forbidden", Proof: []string{ProxyHost + ": 403"}},
		{Name: "proxy-403-cdn", Rule: "proxy-403", Hop: atProxy, About: "the proxy allows the module proxy, but not the host that its zips redirect to",
			Setup: func(s *Setup) { s.Via, s.At(ProxyHost).Answer = HTTPProxy, OnHost(CDNHost, Status(403)) },
			Says:  ".zip\": Forbidden", Proof: []string{ProxyHost + ": 403", GoProxyHost + ": 302"}},
		{Name: "proxy-ntlm-kerberos", Rule: "proxy-ntlm-kerberos", Hop: atProxy, About: "the proxy takes Kerberos and NTLM only, which go does not speak",
			Setup: func(s *Setup) {
				s.Via, s.Auth = HTTPProxy, true
				s.At(ProxyHost).Answer = Challenge(407, "Proxy-Authenticate", "Negotiate", "NTLM")
			}, Says: "Proxy Authentication Required", Proof: []string{ProxyHost + ": 407"}},
		{Name: "proxy-not-a-proxy", Rule: "proxy-not-a-proxy", Hop: "http-proxy:" + GoProxyHost, About: "HTTPS_PROXY names a module proxy, which is no HTTP proxy",
			Setup: func(s *Setup) {
				s.GOPROXY, s.Env = "https://"+MirrorHost, []string{"HTTPS_PROXY=http://" + GoProxyHost + ":80"}
			},
			Says: ": Not Found", Proof: []string{GoProxyHost + ": 404"}},
		{Name: "wrong-scheme-to-proxy", Rule: "wrong-scheme-to-proxy", Hop: atConfig, About: "HTTPS_PROXY says https:// and the proxy speaks plain HTTP",
			Setup: func(s *Setup) { s.Via, s.Env = HTTPProxy, []string{"HTTPS_PROXY=https://" + ProxyHost + ":3128"} },
			Says:  "proxyconnect tcp: tls: first record does not look like a TLS handshake", Proof: []string{ProxyHost + ": connection"}},
		{Name: "tunnel-reset", Rule: "tunnel-reset", Hop: atProxy, About: "the tunnel opens and is cut as soon as the ClientHello goes in",
			Setup: func(s *Setup) { s.Via, s.At(GoProxyHost).Raw = HTTPProxy, ResetAfterHello() }, Says: ": EOF",
			Proof: []string{ProxyHost + ": tunnel", GoProxyHost + ": raw"}},
		{Name: "proxy-5xx", Rule: "proxy-5xx", Hop: atProxy, About: "the proxy cannot reach the module proxy",
			Setup: func(s *Setup) { s.Via, s.At(GoProxyHost).Port = HTTPProxy, Closed }, Says: ": Bad Gateway", Proof: []string{ProxyHost + ": 502", "servers: RST"}},
		{Name: "proxy-unreachable", Rule: "proxy-unreachable", Hop: atProxy, About: "nothing listens on the proxy's port",
			Setup: func(s *Setup) { s.Via, s.At(ProxyHost).Port = HTTPProxy, Closed }, Says: "proxyconnect tcp: dial tcp 10.77.0.3:3128: connect: connection refused", Proof: []string{"servers: RST"}},
		{Name: "proxy-hang-connect", Rule: "proxy-hang-connect", Hop: atProxy, About: "the proxy takes CONNECT and never answers",
			Setup: func(s *Setup) { s.Via, s.At(ProxyHost).Answer = HTTPProxy, Silence() }, Says: "context deadline exceeded",
			Proof: []string{ProxyHost + ": unanswered"}, Patience: 62 * time.Second},
		{Name: "proxy-tunnel-silent", Rule: "proxy-tunnel-silent", Hop: atProxy, About: "the tunnel opens and then nothing comes through it",
			Setup: func(s *Setup) { s.Via, s.At(GoProxyHost).Raw = HTTPProxy, SilentAfterHello() }, Says: "TLS handshake timeout",
			Proof: []string{ProxyHost + ": tunnel", GoProxyHost + ": raw"}, Patience: 12 * time.Second},
		{Name: "tunnel-plain-http", Rule: "tunnel-plain-http", Hop: atProxy, About: "a block page in plain HTTP comes through the tunnel in place of TLS",
			Setup: func(s *Setup) { s.Via, s.At(GoProxyHost).Raw = HTTPProxy, Speak(blockPage) }, Says: "server gave HTTP response to HTTPS client",
			Proof: []string{ProxyHost + ": tunnel", GoProxyHost + ": raw"}},
		{Name: "proxy-302-portal", Rule: "proxy-302-portal", Hop: atProxy, About: "the proxy sends CONNECT to a login page",
			Setup: func(s *Setup) { s.Via, s.At(ProxyHost).Answer = HTTPProxy, RedirectLoop() }, Says: ": Found", Proof: []string{ProxyHost + ": 302"}},
		{Name: "https-proxy-unknown-ca", Rule: "https-proxy-unknown-ca", Hop: atProxy, About: "the proxy's own certificate is not trusted",
			Setup: func(s *Setup) { s.Via, s.At(ProxyHost).Certificate = HTTPSProxy, UnknownCA }, Says: "proxyconnect tcp: tls: failed to verify certificate",
			Proof: []string{ProxyHost + ": handshake failed"}},
		{Name: "socks-refused", Rule: "socks-refused", Hop: atProxy, About: "the SOCKS5 proxy is refused by the module proxy's host",
			Setup: func(s *Setup) { s.Via, s.At(GoProxyHost).Port = SOCKS5, Closed }, Says: "socks connect tcp", Proof: []string{ProxyHost + ": refused", "servers: RST"}},
	}
}

// tlsFaults lists the faults of TLS with the module proxy.
func tlsFaults() []Fault {
	presents := func(c Certificate) func(*Setup) {
		return func(s *Setup) { s.At(GoProxyHost).Certificate = c }
	}
	does := func(r Raw) func(*Setup) { return func(s *Setup) { s.At(GoProxyHost).Raw = r } }
	failed, raw := []string{GoProxyHost + ": handshake failed"}, []string{GoProxyHost + ": raw"}
	return []Fault{
		{Name: "tls-unknown-ca", Rule: "tls-unknown-ca", Hop: atGoProxy, About: "an authority that the client does not trust signed the certificate",
			Setup: presents(UnknownCA), Says: "certificate signed by unknown authority", Proof: failed},
		{Name: "tls-expired", Rule: "tls-expired", Hop: atGoProxy, About: "the certificate expired yesterday",
			Setup: presents(Expired), Says: "certificate has expired or is not yet valid", Proof: failed},
		{Name: "tls-not-yet-valid", Rule: "tls-not-yet-valid", Hop: atGoProxy, About: "the certificate is valid from tomorrow",
			Setup: presents(NotYetValid), Says: "certificate has expired or is not yet valid", Proof: failed},
		{Name: "tls-hostname", Rule: "tls-hostname", Hop: atGoProxy, About: "the certificate is for another name",
			Setup: presents(WrongName), Says: "certificate is valid for other.test, not goproxy.test", Proof: failed},
		{Name: "tls-self-signed", Rule: "tls-self-signed", Hop: atGoProxy, About: "the certificate is signed by itself",
			Setup: presents(SelfSigned), Says: "certificate signed by unknown authority", Proof: failed},
		{Name: "tls-missing-intermediate", Rule: "tls-missing-intermediate", Hop: atGoProxy, About: "the server leaves out its intermediate certificate",
			Setup: presents(LeafOnly), Says: "certificate signed by unknown authority", Proof: failed},
		{Name: "tls-fin-after-hello", Rule: "tls-fin-after-hello", Hop: atGoProxy, About: "the server closes the connection after the ClientHello",
			Setup: does(FinAfterHello()), Says: ": EOF", Proof: raw},
		{Name: "tls-silent-server", Rule: "tls-silent-server", Hop: atGoProxy, About: "the server takes the ClientHello and stays silent",
			Setup: does(SilentAfterHello()), Says: "TLS handshake timeout", Proof: raw, Patience: 12 * time.Second},
		{Name: "http-on-https-port", Rule: "http-on-https-port", Hop: atGoProxy, About: "a plain HTTP server on the HTTPS port",
			Setup: does(Speak(blockPage)), Says: "server gave HTTP response to HTTPS client", Proof: raw},
		{Name: "tls-version", Rule: "tls-version", Hop: atGoProxy, About: "the server knows no TLS version after 1.1",
			Setup: func(s *Setup) { s.At(GoProxyHost).MaxTLS = tls.VersionTLS11 }, Says: "protocol version not supported", Proof: failed},
		{Name: "tls-handshake-failure", Rule: "tls-handshake-failure", Hop: atGoProxy, About: "the server's only cipher suite is none of the client's",
			Setup: func(s *Setup) { s.At(GoProxyHost).TLS, s.At(GoProxyHost).HTTP1 = onlyRSAKeyExchange, true }, Says: "remote error: tls: handshake failure", Proof: failed},
		// In TLS 1.3 the alert comes after go's first request: what go says depends
		// on whether reading the one or writing the other fails first.
		{Name: "tls-client-cert", Rule: "tls-client-cert", Hop: atGoProxy, About: "the server demands a certificate from the client",
			Setup: func(s *Setup) { s.At(GoProxyHost).TLS = demandCertificate }, Says: `@v/v1.0.0.info": `, Proof: failed},
		{Name: "tls-alert-policy", Rule: "tls-alert-policy", Hop: atGoProxy, About: "the server, or a filter, answers the ClientHello with access_denied",
			Setup: does(AlertAfterHello(accessDenied)), Says: "remote error: tls: access denied", Proof: raw},
		{Name: "non-tls-service", Rule: "non-tls-service", Hop: atGoProxy, About: "an SSH server on the HTTPS port",
			Setup: does(Speak("SSH-2.0-OpenSSH_9.2p1\r\n")), Says: "first record does not look like a TLS handshake", Proof: raw},
	}
}

// onlyRSAKeyExchange leaves a cipher suite that needs an RSA certificate and
// that Go no longer offers. HTTP/2 does not allow it.
func onlyRSAKeyExchange(c *tls.Config) {
	c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
}

func demandCertificate(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }

// httpFaults lists the faults of HTTP with the module proxy and the CDN.
func httpFaults() []Fault {
	answers := func(host string, a Answer) func(*Setup) {
		return func(s *Setup) { s.At(host).Answer = a }
	}
	status := func(name, about string, code int, says string) Fault {
		return Fault{Name: name, Rule: name, Hop: atGoProxy, About: about,
			Setup: answers(GoProxyHost, Status(code)), Says: says, Proof: []string{statusOf(GoProxyHost, code)}}
	}
	return []Fault{
		status("http-server-error", "the module proxy answers 500", 500, "500 Internal Server Error"),
		status("http-forbidden", "the module proxy answers 403", 403, "403 Forbidden"),
		status("http-unauthorized", "the module proxy answers 401", 401, "401 Unauthorized"),
		status("http-rate-limited", "the module proxy answers 429", 429, "429 Too Many Requests"),
		status("http-not-found", "the module proxy answers 404 to everything", 404, "404 Not Found"),
		status("redirect-no-location", "the module proxy redirects to nowhere", 302, "302 Found"),
		status("http-odd-2xx", "the module proxy answers 204", 204, "204 No Content"),
		{Name: "http-fresh-conn-closed", Rule: "http-fresh-conn-closed", Hop: atGoProxy, About: "the module proxy closes new connections after the request, unanswered",
			Setup: func(s *Setup) { s.At(GoProxyHost).Answer, s.At(GoProxyHost).HTTP1 = Hangup(), true }, Says: ": EOF", Proof: []string{GoProxyHost + ": unanswered"}},
		{Name: "empty-200", Rule: "empty-200", Hop: atGoProxy, About: "the module proxy answers 200 with an empty body",
			Setup: answers(GoProxyHost, Page("application/json", "")), Says: "unexpected end of JSON input", Proof: []string{GoProxyHost + ": 200"}},
		{Name: "html-as-zip", Rule: "html-as-zip", Hop: atCDN, About: "a portal's page with status 200 in place of the zip",
			Setup: answers(CDNHost, Page("text/html", portal)), Says: "zip: not a valid zip file", Proof: []string{CDNHost + ": 200"}},
		{Name: "hang-no-response", Rule: "hang-no-response", Hop: atGoProxy, About: "the module proxy takes the request and never answers",
			Setup: answers(GoProxyHost, Silence()), Proof: []string{GoProxyHost + ": unanswered"}, Patience: 7 * time.Second},
		{Name: "redirect-loop", Rule: "redirect-loop", Hop: atGoProxy, About: "the module proxy redirects each request to itself",
			Setup: answers(GoProxyHost, RedirectLoop()), Says: "stopped after 10 redirects", Proof: []string{GoProxyHost + ": 302"}},
		{Name: "html-200", Rule: "html-200", Hop: atGoProxy, About: "a portal's page with status 200 in place of the answer",
			Setup: answers(GoProxyHost, Page("text/html", portal)), Says: "invalid character '<'", Proof: []string{GoProxyHost + ": 200"}},
		{Name: "body-truncated", Rule: "body-truncated", Hop: atCDN, About: "the zip's connection ends in the middle of it",
			Setup: func(s *Setup) { s.At(CDNHost).Answer, s.At(CDNHost).HTTP1 = Truncate(), true }, Says: "unexpected EOF", Proof: []string{CDNHost + ": 200"}},
		{Name: "body-reset", Rule: "body-reset", Hop: atCDN, About: "the zip's connection is reset in the middle of it",
			Setup: func(s *Setup) { s.At(CDNHost).Answer, s.At(CDNHost).HTTP1 = ResetBody(), true }, Says: "connection reset by peer", Proof: []string{CDNHost + ": 200", "servers: RST"}},
		{Name: "redirect-https-to-http", Rule: "redirect-https-to-http", Hop: atGoProxy, About: "the module proxy redirects from https to plain http",
			Setup: answers(GoProxyHost, OnPath(".zip", RedirectTo("http://"+CDNHost))), Says: "redirected from secure URL", Proof: []string{GoProxyHost + ": 302"}},
		{Name: "html-as-list", Rule: "html-as-list", Hop: atGoProxy, About: "a portal's page with status 200 in place of the list of versions",
			Setup: answers(GoProxyHost, OnPath("/@v/list", Page("text/html", portal))), Command: []string{"go", "get", "mod.test/hello@v1"},
			Says: `no matching versions for query "v1"`, Proof: []string{GoProxyHost + ": 200"}},
		{Name: "html-as-mod", Rule: "html-as-mod-poisons-cache", Hop: atGoProxy, About: "a portal's page with status 200 in place of go.mod",
			Setup: answers(GoProxyHost, OnPath(".mod", Page("text/html", portal))), Says: "checksum mismatch", Proof: []string{GoProxyHost + ": 200"}},
		{Name: "url-not-found", Rule: "url-not-found", Hop: atGoProxy, About: "a script fetches a file that the module proxy's host does not have",
			Command: []string{"sh", "-c", "curl -fsS https://" + GoProxyHost + "/tools/install.sh || exit 1"}, Says: "404", Proof: []string{GoProxyHost + ": 404"}},
		{Name: "body-stall", Rule: "body-stall", Hop: atCDN, About: "the zip stops in the middle and the connection stays open",
			Setup: answers(CDNHost, Stall()), Proof: []string{CDNHost + ": 200"}, Patience: 7 * time.Second},
	}
}

// directFaults lists the faults of GOPROXY=direct and of toolchains.
func directFaults() []Fault {
	direct := func(s *Setup) { s.GOPROXY = "direct" }
	return []Fault{
		{Name: "import-path-404", Rule: "import-path-404", Hop: atGit, About: "the import path's host knows no such repository",
			Setup: direct, Command: []string{"go", "get", GitHost + "/none@v1.0.0"}, Says: "unrecognized import path", Proof: []string{GitHost + ": 404"}},
		{Name: "unknown-revision", Rule: "unknown-revision", Hop: atGit, About: "the git repository has no such tag",
			Setup: direct, Command: []string{"go", "get", gitRepository + "@v1.9.0"}, Says: "unknown revision v1.9.0", Proof: []string{GitHost + ": 200"}},
		// GnuTLS ends the handshake before it looks at the certificate, so that
		// the server sees no failure.
		{Name: "git-ca-differs", Rule: "git-ca-differs", Hop: "config", About: "go trusts the git host's certificate, git does not",
			Setup:   func(s *Setup) { s.GOPROXY, s.NoGitCA = "direct", true },
			Command: getFromGit(), Says: "certificate verification failed", Proof: []string{GitHost + ": 200"}},
		{Name: "goproxy-off", Rule: "goproxy-off", Hop: atConfig, About: "GOPROXY=off forbids every fetch",
			Setup: func(s *Setup) { s.GOPROXY = "off" }, Says: "module lookup disabled by GOPROXY=off"},
		{Name: "git-not-found", Rule: "git-not-found", Hop: atGit, About: "discovery names a repository that the git host does not have",
			Setup:   func(s *Setup) { s.GOPROXY, s.At(GitHost).Answer = "direct", OnPath("/lib.git/", Status(404)) },
			Command: getFromGit(), Says: "not found", Proof: []string{GitHost + ": 404"}},
		{Name: "git-auth-prompt", Rule: "git-auth-prompt", Hop: atGit, About: "the repository wants credentials and git has none",
			Setup: func(s *Setup) {
				s.GOPROXY = "direct"
				s.At(GitHost).Answer = OnPath("/lib.git/", Challenge(401, "Www-Authenticate", `Basic realm="git.test"`))
			},
			Command: getFromGit(), Says: "terminal prompts disabled", Proof: []string{GitHost + ": 401"}},
		{Name: "git-hang", Rule: "git-hang", Hop: atGit, About: "the git host takes git's request and never answers",
			Setup:   func(s *Setup) { s.GOPROXY, s.At(GitHost).Answer = "direct", OnPath("/lib.git/", Silence()) },
			Command: getFromGit(), Proof: []string{GitHost + ": unanswered"}, Patience: 7 * time.Second},
		{Name: "toolchain-not-available", Rule: "toolchain-not-available", Hop: "toolchain:" + GoProxyHost, About: "GOTOOLCHAIN wants a Go version that the module proxy does not have",
			Setup: func(s *Setup) { s.Env = []string{"GOTOOLCHAIN=go1.99.0"} }, Says: "toolchain not available", Proof: []string{GoProxyHost + ": 404"}},
	}
}

// statusOf is the counter of a host's answers with a status.
func statusOf(host string, status int) string { return fmt.Sprintf("%s: %d", host, status) }
