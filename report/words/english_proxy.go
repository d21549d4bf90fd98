package words

// englishProxy is about how the HTTP proxy between answers CONNECT.
func englishProxy() []Sentence {
	show := "curl -v -x {proxy} https://{target}/   # show this to those who run the proxy"
	return []Sentence{
		{
			Rule: "proxy-407", Title: "the proxy wants credentials",
			Summary:   "the proxy {endpoint} answered 407 to CONNECT {target}: it wants credentials, and go {sent}",
			Because:   "go takes credentials for a proxy from its URL only, does not prompt, and knows Basic only",
			Fix:       []string{"export HTTPS_PROXY={scheme}://USER:PASSWORD@{endpoint}   # percent-encode @ : / # % in the password", show},
			Meaning:   "The proxy asks who is calling.",
			Proof:     "Status 407 with a Basic challenge, and the credentials in the request, or their absence.",
			LookAlike: "proxy-ntlm-kerberos: no Basic among the challenges; no password helps. http-unauthorized: 401, by the origin.",
		},
		{
			Rule: "proxy-ntlm-kerberos", Title: "the proxy wants NTLM or Kerberos",
			Summary:   "the proxy {endpoint} wants an authentication that go does not have (407 to CONNECT {target} without a Basic challenge)",
			Because:   "go knows Basic only; NTLM, Negotiate and Digest need a program in between",
			Fix:       []string{"run a local proxy that authenticates (cntlm, px, alpaca), then: export HTTPS_PROXY=http://127.0.0.1:3128", "or ask those who run the proxy for an exception for {target}"},
			Meaning:   "No password in the proxy's URL can satisfy this proxy.",
			Proof:     "Status 407 whose Proxy-Authenticate headers do not offer Basic.",
			LookAlike: "proxy-407 offers Basic.",
		},
		{
			Rule: "wrong-scheme-to-proxy", Title: "the proxy is spoken to in the wrong protocol",
			Summary:   "{variable} says {scheme}:// for the proxy {endpoint}, which answers with something else: {answer}",
			Because:   "the scheme of the variable is the protocol that is spoken with the proxy itself, not that of the URLs that are fetched through it; most proxies take plain HTTP",
			Fix:       []string{"export {variable}={right}"},
			Meaning:   "What comes back from the proxy is not in the protocol of its URL.",
			Proof:     "The first bytes of the proxy, and the variable.",
			LookAlike: "http-on-https-port: the origin speaks plain HTTP. https-proxy-unknown-ca: the proxy does speak TLS.",
		},
		{
			Rule: "proxy-not-a-proxy", Title: "this is no HTTP proxy",
			Summary:   "{endpoint}, which {variable} names as the proxy, answered {status} {text} to CONNECT {target}: it seems to be a web server, not an HTTP proxy",
			Because:   "the host or port in {variable} is wrong; a proxy that does not allow a host says 403 as a rule",
			Fix:       []string{"env | grep -i _proxy   # host and port as meant?", "unset {variable}   # where no proxy is needed", show},
			Meaning:   "What answers at the proxy's address does not know CONNECT.",
			Proof:     "Status 404, 405 or 501 in reply to CONNECT.",
			LookAlike: "proxy-403: a proxy that refuses.",
		},
		{
			Rule: "proxy-403", Title: "the proxy does not allow the host",
			Summary:   "the proxy {endpoint} refused CONNECT {target}: {status} {text}",
			Because:   "the proxy's policy does not allow this destination; the origin was never asked",
			Fix:       []string{show, "ask for {target} to be allowed, or use a module proxy that is: go env -w GOPROXY=https://ALLOWED-MODULE-PROXY"},
			Meaning:   "The HTTP proxy refused to open a tunnel.",
			Proof:     "A 4xx status, other than 407, in reply to CONNECT.",
			LookAlike: "http-forbidden: the origin answered 403, inside the tunnel; go then prints the number, here only the phrase.",
		},
		{
			Rule: "proxy-5xx", Title: "the proxy could not reach the host",
			Summary:   "the proxy {endpoint} could not open the tunnel to {target}: {status} {text}",
			Because:   "the proxy's own lookup of, or connection to, {target} failed, or the proxy is overloaded",
			Fix:       []string{show, "another module proxy, if only {target} fails: go env -w GOPROXY=https://OTHER-MODULE-PROXY"},
			Meaning:   "The fault is on the far side of the proxy.",
			Proof:     "A 5xx status in reply to CONNECT.",
			LookAlike: "http-server-error: the origin's 5xx, inside the tunnel.",
		},
		{
			Rule: "proxy-302-portal", Title: "the proxy answers CONNECT with something else",
			Summary:   "the proxy {endpoint} answered {status} {text} to CONNECT {target}; go takes 200 alone",
			Because:   "a login portal redirects even CONNECT, or the proxy uses another 2xx status, which curl would accept",
			Fix:       []string{show, "log in to the portal with a browser, then try again"},
			Meaning:   "The proxy neither opened the tunnel nor refused it in a way that go understands.",
			Proof:     "A status below 400 other than 200 in reply to CONNECT.",
			LookAlike: "proxy-403: 4xx.",
		},
	}
}

// englishTunnels is about tunnels that were not opened, or did not carry.
func englishTunnels() []Sentence {
	show := "curl -v -x {proxy} https://{target}/   # show this to those who run the proxy"
	variables := "env | grep -i _proxy"
	return []Sentence{
		{
			Rule: "proxy-hang-connect", Title: "the proxy does not answer CONNECT",
			Summary:   "the proxy {endpoint} took CONNECT {target} and did not answer for {seconds} s{brief}",
			Because:   "the proxy is overloaded, or waits for a parent proxy or for {target}; go gives up after 60 s and prints \"context deadline exceeded\" only",
			Fix:       []string{show, variables},
			Meaning:   "The proxy accepted the connection and the request, and stayed silent.",
			Proof:     "A CONNECT request without an answer on a connection that stays open.",
			LookAlike: "proxy-tunnel-silent: CONNECT was answered 200.",
		},
		{
			Rule: "proxy-tunnel-silent", Title: "nothing comes through the tunnel",
			Summary:   "the proxy {endpoint} opened the tunnel to {target}, and nothing came back through it for {seconds} s{brief}",
			Because:   "what is behind the proxy drops the ClientHello (a filter by name or address) or does not answer; go gives up after 10 s",
			Fix:       []string{show, "ask those who run the proxy to look at {target} on its far side"},
			Meaning:   "CONNECT succeeded and the TLS handshake inside got no answer.",
			Proof:     "200 to CONNECT (or the SOCKS success), a ClientHello, no byte after it.",
			LookAlike: "tls-silent-server: there is no proxy. tunnel-reset: the tunnel was ended.",
		},
		{
			Rule: "tunnel-reset", Title: "the proxy ended the connection",
			Summary:   "the proxy {endpoint} {how} the connection for {target} right after {after}",
			Because:   "the proxy's policy (by name in the ClientHello), a crash, or a port that speaks something else than the variable says; the origin may have ended it too, which the proxy passes on",
			Fix:       []string{show, "env | grep -i _proxy   # the right port, and the scheme that is spoken there (http, https, socks5)?"},
			Meaning:   "The connection to the proxy ended in place of an answer.",
			Proof:     "A FIN or RST from the proxy's address directly after CONNECT or the ClientHello.",
			LookAlike: "sni-reset: without a proxy, from the origin's address.",
		},
		{
			Rule: "tunnel-plain-http", Title: "a web page inside the tunnel",
			Summary:   "inside the tunnel to {target}, opened by the proxy {endpoint}, plain HTTP answered the ClientHello: {answer}",
			Because:   "the proxy opens the tunnel and then puts a block page into it",
			Fix:       []string{show},
			Meaning:   "Not the origin but the proxy speaks inside the tunnel.",
			Proof:     "Bytes that begin with HTTP/ in reply to the ClientHello, after 200 to CONNECT.",
			LookAlike: "http-on-https-port: without a proxy.",
		},
		{
			Rule: "socks-refused", Title: "the SOCKS proxy refused",
			Summary:   "the SOCKS proxy {endpoint} refused to connect to {target}: {text}",
			Because:   "the proxy could not reach the destination, or its rules do not allow it",
			Fix:       []string{"curl -v -x {proxy} https://{target}/", variables},
			Meaning:   "The SOCKS handshake worked and the request was refused.",
			Proof:     "A SOCKS reply with another code than success.",
			LookAlike: "proxy-unreachable: the proxy itself was not reached.",
		},
	}
}
