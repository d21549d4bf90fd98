package lab

import (
	"crypto/tls"
	"slices"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/http2"
)

// variants lists other shapes of faults that stand above: another place, time
// or status, behind a proxy. They show that a rule fits more than its recording.
func variants() []Fault {
	return slices.Concat(wayVariants(), proxyVariants(), tlsVariants(), httpVariants(), directVariants())
}

func wayVariants() []Fault {
	return []Fault{
		{Name: "route-missing-at-router", Rule: "route-missing", Hop: atRoute, About: "a router on the way has no route to the module proxy's network",
			Setup: func(s *Setup) { s.At(GoProxyHost).Way = RouterLost }, Says: "connect: network is unreachable", Proof: []string{"servers: unreachable"}},
		{Name: "fw-admin-prohibited-proxy", Rule: "fw-admin-prohibited", Hop: atRoute, About: "a router says that policy forbids the way to the HTTP proxy",
			Setup: func(s *Setup) { s.Via, s.At(ProxyHost).Way = HTTPProxy, Prohibited },
			Says:  "proxyconnect tcp: dial tcp 10.78.0.3:3128: connect: no route to host", Proof: []string{"servers: unreachable"}},
		{Name: "route-missing-comma", Rule: "route-missing", Hop: atRoute, About: "the client has no route to the first module proxy of a comma list",
			Setup: func(s *Setup) {
				s.GOPROXY, s.At(MirrorHost).Way = "https://"+MirrorHost+",https://"+GoProxyHost, NoRoute
			}, Says: "connect: network is unreachable", Proof: []string{"client: no route"}},
		{Name: "dns-nxdomain-comma", Rule: "dns-nxdomain", Hop: atResolver, About: "the first module proxy of a comma list is misspelled",
			Setup: func(s *Setup) { s.GOPROXY = "https://goproxi.test,https://" + GoProxyHost }, Says: "no such host", Proof: []string{ResolverHost + ": NXDOMAIN"}},
		{Name: "dns-servfail-git", Rule: "dns-servfail", Hop: atResolver, About: "the resolver fails to resolve the git host",
			Setup: func(s *Setup) {
				s.GOPROXY, s.Resolver = "direct", Resolver{Rcode: dns.RcodeServerFailure, Names: []string{GitHost}}
			},
			Command: getFromGit(), Says: "server misbehaving", Proof: []string{ResolverHost + ": SERVFAIL"}},
		{Name: "arp-no-answer-cdn", Rule: "redirect-cdn-blocked", Hop: atCDN, About: "the address of the host that zips redirect to is on the client's network and nobody has it",
			Setup: func(s *Setup) { s.At(CDNHost).Way = NoNeighbor }, Says: "connect: no route to host", Proof: []string{"client: unreachable", GoProxyHost + ": 302"}},
	}
}

func proxyVariants() []Fault {
	return []Fault{
		{Name: "tunnel-reset-connect", Rule: "tunnel-reset", Hop: atProxy, About: "the proxy closes the connection instead of answering CONNECT",
			Setup: func(s *Setup) { s.Via, s.At(ProxyHost).Answer = HTTPProxy, Hangup() }, Says: "EOF", Proof: []string{ProxyHost + ": unanswered"}},
		{Name: "tunnel-reset-https", Rule: "tunnel-reset", Hop: atProxy, About: "the tunnel of a proxy that is reached over TLS is cut as soon as the ClientHello goes in",
			Setup: func(s *Setup) { s.Via, s.At(GoProxyHost).Raw = HTTPSProxy, ResetAfterHello() }, Says: ": EOF",
			Proof: []string{ProxyHost + ": tunnel", GoProxyHost + ": raw"}},
		{Name: "tunnel-fin", Rule: "tunnel-reset", Hop: atProxy, About: "the tunnel opens and is closed as soon as the ClientHello goes in",
			Setup: func(s *Setup) { s.Via, s.At(GoProxyHost).Raw = HTTPProxy, FinAfterHello() }, Says: ": EOF",
			Proof: []string{ProxyHost + ": tunnel", GoProxyHost + ": raw"}},
		{Name: "tunnel-reset-socks", Rule: "tunnel-reset", Hop: atProxy, About: "the SOCKS5 tunnel opens and is cut as soon as the ClientHello goes in",
			Setup: func(s *Setup) { s.Via, s.At(GoProxyHost).Raw = SOCKS5, ResetAfterHello() }, Says: ": EOF",
			Proof: []string{ProxyHost + ": tunnel", GoProxyHost + ": raw"}},
		{Name: "proxy-ntlm-plain", Rule: "proxy-ntlm-kerberos", Hop: atProxy, About: "the proxy takes Kerberos only, and is asked for plain http",
			Setup: func(s *Setup) {
				s.Via, s.GOPROXY = HTTPProxy, "http://"+GoProxyHost
				s.At(ProxyHost).Answer = Challenge(407, "Proxy-Authenticate", "Negotiate")
			}, Says: "407 Proxy Authentication Required", Proof: []string{ProxyHost + ": 407"}},
		{Name: "proxy-405", Rule: "proxy-not-a-proxy", Hop: atProxy, About: "HTTPS_PROXY names a web server, which does not know CONNECT",
			Setup: func(s *Setup) { s.Via, s.At(ProxyHost).Answer = HTTPProxy, Status(405) }, Says: ": Method Not Allowed", Proof: []string{ProxyHost + ": 405"}},
		{Name: "http-to-https-proxy", Rule: "wrong-scheme-to-proxy", Hop: atConfig, About: "HTTPS_PROXY says http:// and the proxy speaks TLS, as its alert shows",
			Setup: func(s *Setup) { s.Via, s.At(ProxyHost).Raw = HTTPProxy, AlertAfterHello(unexpectedMessage) }, Says: "malformed HTTP response", Proof: []string{ProxyHost + ": raw"}},
		{Name: "http-to-tls-port", Rule: "tunnel-reset", Hop: atProxy, About: "HTTPS_PROXY says http:// and the proxy speaks TLS, but ends without an alert",
			Setup: func(s *Setup) { s.Via, s.Env = HTTPSProxy, []string{"HTTPS_PROXY=http://" + ProxyHost + ":3129"} }, Says: "EOF", Proof: []string{ProxyHost + ": connection"}},
		{Name: "http-to-socks-proxy", Rule: "tunnel-reset", Hop: atProxy, About: "HTTPS_PROXY says http:// and the proxy speaks SOCKS5",
			Setup: func(s *Setup) { s.Via, s.Env = SOCKS5, []string{"HTTPS_PROXY=http://" + ProxyHost + ":1080"} }, Says: "EOF", Proof: []string{ProxyHost + ": request"}},
	}
}

func tlsVariants() []Fault {
	failed := []string{GoProxyHost + ": handshake failed"}
	return []Fault{
		{Name: "tls-version-proxy", Rule: "tls-version", Hop: atGoProxy, About: "through an HTTP proxy, the server knows no TLS version after 1.0",
			Setup: func(s *Setup) { s.Via, s.At(GoProxyHost).MaxTLS = HTTPProxy, tls.VersionTLS10 }, Says: "protocol version not supported", Proof: failed},
		{Name: "tls-version-client", Rule: "tls-version", Hop: atCDN, About: "the CDN answers with TLS 1.1 whatever the ClientHello says, and the client turns it down",
			Setup: func(s *Setup) { s.At(CDNHost).Raw = AnswerTLS11() }, Says: "server selected unsupported protocol version 302", Proof: []string{CDNHost + ": raw"}},
		{Name: "tls-version-openssl", Rule: "tls-version", Hop: "other:" + MirrorHost, About: "curl agrees on TLS 1.1 with a server and then has no signature for it",
			Setup: func(s *Setup) { s.At(MirrorHost).MaxTLS = tls.VersionTLS11 }, Command: curlFrom(MirrorHost), Says: "legacy sigalg", Proof: []string{MirrorHost + ": connection"}},
		{Name: "tls-hostname-openssl", Rule: "tls-hostname", Hop: "other:" + MirrorHost, About: "curl finds another name in a certificate of a good chain",
			Setup: func(s *Setup) { s.At(MirrorHost).Certificate = WrongName }, Command: curlFrom(MirrorHost), Says: "no alternative certificate subject name", Proof: []string{MirrorHost + ": connection"}},
		{Name: "tls-client-cert-12", Rule: "tls-client-cert", Hop: atCDN, About: "the CDN demands a certificate from the client, in TLS 1.2",
			Setup: func(s *Setup) { s.At(CDNHost).TLS, s.At(CDNHost).MaxTLS = demandCertificate, tls.VersionTLS12 }, Says: "remote error: tls: handshake failure",
			Proof: []string{CDNHost + ": handshake failed"}},
		{Name: "tls-unrecognized-name", Rule: "tls-alert-policy", Hop: atGoProxy, About: "through an HTTP proxy, the server has no such virtual host",
			Setup: func(s *Setup) { s.Via, s.At(GoProxyHost).Raw = HTTPProxy, AlertAfterHello(unrecognizedName) },
			Says:  "remote error: tls: unrecognized name", Proof: []string{GoProxyHost + ": raw"}},
		{Name: "tls-no-protocol", Rule: "tls-handshake-failure", Hop: atGoProxy, About: "the server speaks none of the client's protocols (ALPN)",
			Setup: func(s *Setup) { s.At(GoProxyHost).TLS = onlyOddProtocol }, Says: "remote error: tls: no application protocol", Proof: failed},
	}
}

// curlFrom is a script that fetches with curl.
func curlFrom(host string) []string {
	return []string{"sh", "-c", "curl -sSf https://" + host + "/mod.test/hello/@v/list || exit 1"}
}

// onlyOddProtocol leaves an application protocol that no HTTP client offers.
func onlyOddProtocol(c *tls.Config) {
	odd := c.Clone()
	odd.NextProtos = []string{"postgresql"}
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return odd, nil }
}

func httpVariants() []Fault {
	return []Fault{
		{Name: "body-reset-plain", Rule: "body-reset", Hop: atGoProxy, About: "a plain HTTP module proxy resets the connection in the middle of .info",
			Setup: func(s *Setup) {
				s.GOPROXY, s.At(GoProxyHost).Answer = "http://"+GoProxyHost, OnPath(".info", ResetBody())
			}, Says: "connection reset by peer", Proof: []string{GoProxyHost + ": 200", "servers: RST"}},
		{Name: "redirect-https-to-http-info", Rule: "redirect-https-to-http", Hop: atGoProxy, About: "through an HTTP proxy, the module proxy redirects everything to itself in plain http",
			Setup: func(s *Setup) { s.Via, s.At(GoProxyHost).Answer = HTTPProxy, RedirectTo("http://"+GoProxyHost) },
			Says:  "redirected from secure URL", Proof: []string{GoProxyHost + ": 302"}},
		{Name: "html-as-list-no-type", Rule: "html-as-list", Hop: atGoProxy, About: "a page without a media type in place of the list, through an HTTP proxy",
			Setup:   func(s *Setup) { s.Via, s.At(GoProxyHost).Answer = HTTPProxy, OnPath("/@v/list", Page("", portal)) },
			Command: []string{"go", "get", "mod.test/hello@<v1.1.0"}, Says: "no matching versions for query", Proof: []string{GoProxyHost + ": 200"}},
		{Name: "html-as-mod-kept", Rule: "html-as-mod-poisons-cache", Hop: atGoProxy, About: "without a checksum database a portal's page is kept as go.mod",
			Setup: func(s *Setup) {
				s.Env, s.At(GoProxyHost).Answer = []string{"GOSUMDB=off"}, OnPath("quote/@v/v1.2.0.mod", Page("text/html", portal))
			},
			Command: []string{"sh", "-c", "go get mod.test/quote@v1.2.0 && go list -m all && go mod tidy && exit 1"}, Says: "missing module", Proof: []string{GoProxyHost + ": 200"}},
		{Name: "url-gone", Rule: "url-not-found", Hop: atGoProxy, About: "through an HTTP proxy, a script fetches a file that is gone",
			Setup:   func(s *Setup) { s.Via, s.At(GoProxyHost).Answer = HTTPProxy, Status(410) },
			Command: []string{"sh", "-c", "https_proxy=$HTTPS_PROXY curl -fsS https://" + GoProxyHost + "/tools/install.sh || exit 1"}, Says: "410", Proof: []string{GoProxyHost + ": 410"}},
		{Name: "h2-short-body", Rule: "body-truncated", Hop: atCDN, About: "the CDN ends the zip's HTTP/2 stream in good order after half of the bytes",
			Setup: func(s *Setup) { s.At(CDNHost).Answer = Truncate() }, Says: "unexpected EOF", Proof: []string{CDNHost + ": 200"}},
		{Name: "h2-reset-in-body", Rule: "h2-stream-error", Hop: atCDN, About: "the CDN resets the zip's HTTP/2 stream in the middle",
			Setup: func(s *Setup) { s.At(CDNHost).Answer = Cut() }, Says: "INTERNAL_ERROR; received from peer", Proof: []string{CDNHost + ": 200"}},
		{Name: "h2-stream-calm", Rule: "h2-enhance-your-calm", Hop: atCDN, About: "through an HTTP proxy, the CDN resets each stream with ENHANCE_YOUR_CALM",
			Setup: func(s *Setup) { s.Via, s.At(CDNHost).HTTP2 = HTTPProxy, RefuseStreams(http2.ErrCodeEnhanceYourCalm) },
			Says:  "ENHANCE_YOUR_CALM; received from peer", Proof: []string{CDNHost + ": h2"}},
		{Name: "h2-goaway-protocol", Rule: "h2-goaway-error", Hop: atCDN, About: "the CDN ends its HTTP/2 connections with PROTOCOL_ERROR and no word",
			Setup: func(s *Setup) { s.At(CDNHost).HTTP2 = GoAway(http2.ErrCodeProtocol, "") }, Says: "PROTOCOL_ERROR", Proof: []string{CDNHost + ": h2"}},
		{Name: "h2-goaway-http11", Rule: "h2-http11-required", Hop: atGoProxy, About: "the module proxy ends its HTTP/2 connections with HTTP_1_1_REQUIRED",
			Setup: func(s *Setup) { s.At(GoProxyHost).HTTP2 = GoAway(http2.ErrCodeHTTP11Required, "") }, Says: "HTTP_1_1_REQUIRED", Proof: []string{GoProxyHost + ": h2"}},
		{Name: "h2-refused-cdn", Rule: "h2-refused-stream", Hop: atCDN, About: "through an HTTP proxy, the CDN refuses each HTTP/2 stream",
			Setup: func(s *Setup) { s.Via, s.At(CDNHost).HTTP2 = HTTPProxy, RefuseStreams(http2.ErrCodeRefusedStream) },
			Proof: []string{CDNHost + ": h2"}, Patience: refusedPatience},
	}
}

func directVariants() []Fault {
	return []Fault{
		{Name: "goproxy-off-download", Rule: "goproxy-off", Hop: atConfig, About: "GOPROXY=off and a module that go.mod requires",
			Setup:   func(s *Setup) { s.GOPROXY = "off" },
			Command: []string{"sh", "-c", "echo 'require mod.test/hello v1.0.0' >>go.mod; exec go mod download"}, Says: "module lookup disabled by GOPROXY=off"},
		{Name: "import-path-empty", Rule: "import-path-html", Hop: atGit, About: "the import path's host answers discovery with nothing",
			Setup:   func(s *Setup) { s.GOPROXY, s.At(GitHost).Answer = "direct", Page("text/html", "") },
			Command: getFromGit(), Says: "no go-import meta tags", Proof: []string{GitHost + ": 200"}},
		{Name: "import-path-204", Rule: "http-odd-2xx", Hop: atGit, About: "the import path's host answers discovery with 204",
			Setup:   func(s *Setup) { s.GOPROXY, s.At(GitHost).Answer = "direct", Status(204) },
			Command: getFromGit(), Says: "204 No Content", Proof: []string{GitHost + ": 204"}},
		{Name: "git-not-found-proxy", Rule: "git-not-found", Hop: atGit, About: "through an HTTP proxy, the git host hides the repository",
			Setup: func(s *Setup) {
				s.Via, s.GOPROXY, s.At(GitHost).Answer = HTTPProxy, "direct", OnPath("/lib.git/", Status(404))
			},
			Command: getFromGit(), Says: "not found", Proof: []string{GitHost + ": 404", ProxyHost + ": tunnel"}},
		{Name: "git-auth-prompt-proxy", Rule: "git-auth-prompt", Hop: atGit, About: "through an HTTP proxy, the repository wants credentials",
			Setup: func(s *Setup) {
				s.Via, s.GOPROXY = HTTPProxy, "direct"
				s.At(GitHost).Answer = OnPath("/lib.git/", Challenge(401, "Www-Authenticate", `Basic realm="git.test"`))
			},
			Command: getFromGit(), Says: "terminal prompts disabled", Proof: []string{GitHost + ": 401", ProxyHost + ": tunnel"}},
		{Name: "git-hang-pack", Rule: "git-hang", Hop: atGit, About: "through an HTTP proxy, the git host lists its references and never sends a pack",
			Setup: func(s *Setup) {
				s.Via, s.GOPROXY, s.At(GitHost).Answer = HTTPProxy, "direct", OnPath("/git-upload-pack", Silence())
			},
			Command: getFromGit(), Proof: []string{GitHost + ": unanswered", GitHost + ": 200"}, Patience: 7 * time.Second},
	}
}
