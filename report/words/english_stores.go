package words

// englishStores is about certificates and those who check them.
func englishStores() []Sentence {
	chain := "openssl s_client{connect} -connect {endpoint} -servername {name} -showcerts </dev/null"
	return []Sentence{
		{
			Rule: "clock-skew", Title: "this machine's clock is wrong",
			Summary:   "the clock of this machine is {skew} that of {other}, and by it the certificate of {host} is not valid now ({not_before} to {not_after})",
			Because:   "certificates are checked against the local clock, which said {at} when {other} said {clock}",
			Fix:       []string{"date -u; timedatectl", "timedatectl set-ntp true   # or chronyc makestep; a suspended virtual machine may need it"},
			Meaning:   "The certificate is in order; the time is not.",
			Proof:     "A Date header far from the local clock, by which the refused certificate is valid.",
			LookAlike: "tls-expired, tls-not-yet-valid: the clocks agree.",
		},
		{
			Rule: "tls-no-root-store", Title: "no certificate authorities on this machine",
			Summary:   "go trusts nobody on this machine, so it refused the certificate of {host}{via}: there is not one authority in {from}",
			Because:   "the package with the certificate authorities is not installed, as in small images, or SSL_CERT_FILE names a file that is not there",
			Fix:       []string{"env | grep SSL_CERT_   # if one is set and leads nowhere: unset SSL_CERT_FILE SSL_CERT_DIR", "apt-get install ca-certificates   # else; or apk add ca-certificates, dnf install ca-certificates", "COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/   # in a Dockerfile from scratch"},
			Meaning:   "Every certificate is by an unknown authority here.",
			Proof:     "The refused certificate, and the places where crypto/x509 looks for authorities, all empty.",
			LookAlike: "tls-unknown-ca: there are authorities, and this one is not among them.",
		},
		{
			Rule: "tls-weak-key-or-sha1", Title: "a certificate that is too weak",
			Summary:   "a certificate of {host}{via} is {weak}, which go does not take ({subject})",
			Because:   "SHA-1 and short keys can be forged; an old internal authority or inspection device may still use them",
			Fix:       []string{chain + " | openssl x509 -noout -text | grep -E 'Signature Algorithm|Public-Key'", "have the certificate issued anew with SHA-256 and a key of 2048 bits or more"},
			Meaning:   "go says \"unknown authority\": it does not follow a signature of that kind.",
			Proof:     "The certificate's signature algorithm or key, and the client's refusal.",
			LookAlike: "tls-unknown-ca: the signature is of a kind that go checks.",
		},
		{
			Rule: "tls-intercepted", Title: "TLS is opened on the way",
			Summary:   "{product} opens the TLS connection to {host}{place}{via}: its authority ({issuer}) signed the certificate, and go does not trust it",
			Because:   "the product shows a certificate of its own for every host; browsers of the company's machines have its root, containers and build machines often not",
			Fix:       []string{chain, "export SSL_CERT_FILE=/path/to/bundle-with-that-root.pem   # for git: GIT_SSL_CAINFO", "cp that-root.crt /usr/local/share/ca-certificates/ && update-ca-certificates   # for everything, Debian", "ask for {host} to be exempted from inspection"},
			Meaning:   "Not the host's own certificate was shown.",
			Proof:     "A refused certificate whose issuer has the default name of a known product.",
			LookAlike: "tls-unknown-ca: the issuer is not known as such a product. https-proxy-unknown-ca: the HTTP proxy's own certificate.",
		},
		{
			Rule: "tls-ca-rotated", Title: "the authority has a new key",
			Summary:   "the certificate of {host}{via} is by {root}, and go trusts an authority of that name whose key did not sign it",
			Because:   "the authority was renewed, and {from} still has the old certificate",
			Fix:       []string{chain, "get the new root certificate from those who run the authority and put it into {from}"},
			Meaning:   "Name and key of the authority do not belong together here.",
			Proof:     "The refused chain's top issuer, and the same name among the trusted authorities.",
			LookAlike: "tls-unknown-ca: no authority of that name is trusted.",
		},
	}
}

// englishOddAnswers is about answers that are not what they say.
func englishOddAnswers() []Sentence {
	again := "curl -sv -o /dev/null {url}"
	return []Sentence{
		{
			Rule: "h2-alpn-lie", Title: "HTTP/2 was agreed on, HTTP/1.1 is spoken",
			Summary:   "{host}{place}{via} agreed on HTTP/2 and answered in HTTP/1.1: {answer}",
			Because:   "a box that opens TLS passes the offer of HTTP/2 on, and what it speaks itself is older",
			Fix:       []string{"GODEBUG=http2client=0 go mod download   # HTTP/1.1 from the start", "curl -sv --http1.1 -o /dev/null {url}", "have the box offer no h2 in ALPN"},
			Meaning:   "The protocol of the answer is not the one of the handshake.",
			Proof:     "ALPN h2, and bytes that begin with HTTP/ where a SETTINGS frame has to be.",
			LookAlike: "http-on-https-port: there is no TLS at all.",
		},
		{
			Rule: "https-on-http-url", Title: "http in the URL, TLS on the port",
			Summary:   "{host} port {port} speaks TLS, and {url} says http",
			Because:   "the scheme of the URL does not fit the port",
			Fix:       []string{"go env -w GOPROXY={entry}", again, "curl -sv -o /dev/null {right}"},
			Meaning:   "The request was sent in the clear to a port that expects a handshake.",
			Proof:     "An answer that says so (400), or a TLS alert in reply to an HTTP request.",
			LookAlike: "http-on-https-port: the other way round.",
		},
		{
			Rule: "header-malformed", Title: "the answer is no HTTP",
			Summary:   "{host}{place}{via} answered the request for {url} with something that is no HTTP: {answer}",
			Because:   "a broken server or box; or a service of another kind on that port",
			Fix:       []string{again, "go env GOPROXY   # host and port as meant?"},
			Meaning:   "The first line of the answer can't be read.",
			Proof:     "The first bytes of the answer.",
			LookAlike: "http-fresh-conn-closed: there is no answer. https-on-http-url: the answer is TLS.",
		},
		{
			Rule: "gzip-broken", Title: "the answer is not compressed as it says",
			Summary:   "{host}{via} says gzip for {url}, and the body is not gzip",
			Because:   "a box between unpacks or rewrites the body and leaves the header; curl does not ask for gzip and sees nothing of it",
			Fix:       []string{"curl -sv -H 'Accept-Encoding: gzip' -o /dev/null {url}", "have {host} exempted from the box that rewrites"},
			Meaning:   "The body can't be unpacked.",
			Proof:     "Content-Encoding: gzip and a body without gzip's first two bytes.",
			LookAlike: "html-200: the body is a page, and says so.",
		},
		{
			Rule: "redirect-to-login", Title: "sent on to a login page",
			Summary:   "the request for {first} was redirected to {login}, a web page",
			Because:   "a portal or single sign-on wants a person to log in; go follows redirects and takes the page for the file",
			Fix:       []string{"curl -sIL {first}   # who redirects?", "log in with a browser on this network, then try again", "ask for module proxies to be exempted, or give go credentials in ~/.netrc"},
			Meaning:   "What came is not the module proxy's answer.",
			Proof:     "A redirect to another host, and 200 with text/html there.",
			LookAlike: "html-200: the page comes from the module proxy's own host. redirect-loop: the redirects do not end.",
		},
		{
			Rule: "checksum-mismatch", Title: "not the file that the checksum database knows",
			Summary:   "the go.mod of {module} that {host} serves has the sum {got}; the checksum database has {want}",
			Because:   "the tag was moved after it was first published, or the file was changed on the way or by the module proxy",
			Fix:       []string{"curl -s {url}   # is that the go.mod of that tag?", "curl -s https://{database}/lookup/{module}", "do not turn the checksum database off: ask the module's author, or take another version"},
			Meaning:   "Two sources disagree about what the version is.",
			Proof:     "The sum of the body that was served, and the database's signed record.",
			LookAlike: "html-as-mod-poisons-cache: the body is a web page.",
		},
		{
			Rule: "proxy-wrong-version", Title: "the answer is about another version",
			Summary:   "{host} answered {url} with information about {got} in place of {wanted}",
			Because:   "the module proxy, or a cache before it, mixes up its files",
			Fix:       []string{"curl -s {url}", "have those who run {host} purge that file", "go env -w GOPROXY='https://OTHER-MODULE-PROXY,direct'"},
			Meaning:   "go refuses the answer.",
			Proof:     "The Version of the .info file.",
			LookAlike: "html-200, empty-200: the answer is no JSON.",
		},
	}
}
