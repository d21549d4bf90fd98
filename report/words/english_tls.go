package words

// englishTLS is about handshakes that ended without a certificate being at
// fault.
func englishTLS() []Sentence {
	try := "openssl s_client{connect} -connect {endpoint} -servername {name} </dev/null"
	return []Sentence{
		{
			Rule: "sni-reset", Title: "reset after the ClientHello",
			Summary:   "the connection to {host}{place}{via} was reset right after the ClientHello that names it",
			Because:   "a device on the way that filters by server name does this; so may the server itself",
			Fix:       []string{try, "openssl s_client -connect {address} -servername example.com </dev/null   # an answer to another name shows a filter", "export HTTPS_PROXY=http://PROXY:3128   # a way around, if there is one"},
			Meaning:   "TCP works; the first packet with the server's name is answered by a RST.",
			Proof:     "A RST from the peer's address after the ClientHello and before any byte of an answer.",
			LookAlike: "tunnel-reset: through a proxy. tcp-refused: the RST answers the SYN. tls-fin-after-hello: a FIN.",
		},
		{
			Rule: "tls-fin-after-hello", Title: "closed after the ClientHello",
			Summary:   "{host}{place}{via} closed the connection right after the ClientHello, without a TLS alert",
			Because:   "a load balancer without a backend for this name, or a service on this port that is not TLS",
			Fix:       []string{try, "go env GOPROXY   # host and port as meant?"},
			Meaning:   "The peer took the ClientHello and hung up; go prints EOF.",
			Proof:     "A FIN from the peer after the ClientHello and no byte before it.",
			LookAlike: "tls-handshake-failure: an alert says why. tunnel-reset: through a proxy.",
		},
		{
			Rule: "tls-silent-server", Title: "no answer to the ClientHello",
			Summary:   "{host}{place}{via} did not answer the ClientHello ({bytes} bytes) for {seconds} s{brief}",
			Because:   "an overloaded server, or a device on the way that drops the ClientHello: go's is larger than one packet, curl's is not; go gives up after 10 s",
			Fix:       []string{try, "GODEBUG=tlsmlkem=0 go mod download   # a small ClientHello: if that works, a device on the way drops large ones"},
			Meaning:   "TCP works, the TLS handshake does not begin.",
			Proof:     "A ClientHello and no byte, no FIN and no RST after it.",
			LookAlike: "proxy-tunnel-silent: through a proxy. tcp-syn-dropped: no TCP connection either.",
		},
		{
			Rule: "http-on-https-port", Title: "plain HTTP on the HTTPS port",
			Summary:   "{host} port {port} speaks plain HTTP, not TLS: {answer}",
			Because:   "the URL says https for a service without TLS, or a portal on the way answers in its place",
			Fix:       []string{"curl -v http://{endpoint}/   # if that is the module proxy: use http:// in GOPROXY", "go env GOPROXY"},
			Meaning:   "The answer to the ClientHello is an HTTP response.",
			Proof:     "Bytes that begin with HTTP/ in reply to the ClientHello.",
			LookAlike: "non-tls-service: neither TLS nor HTTP. tunnel-plain-http: inside a proxy's tunnel.",
		},
		{
			Rule: "non-tls-service", Title: "another service on the port",
			Summary:   "{host} port {port} does not speak TLS; it begins {answer}",
			Because:   "the port belongs to another service",
			Fix:       []string{"go env GOPROXY   # is port {port} right?", try},
			Meaning:   "The answer to the ClientHello is neither TLS nor HTTP.",
			Proof:     "The first bytes of the server.",
			LookAlike: "http-on-https-port.",
		},
	}
}

// englishAlerts is about handshakes that an alert ended.
func englishAlerts() []Sentence {
	try := "openssl s_client{connect} -connect {endpoint} -servername {name} </dev/null"
	return []Sentence{
		{
			Rule: "tls-version", Title: "no TLS version in common",
			Summary:   "{host}{place}{via} and the client have no TLS version in common (alert {alert})",
			Because:   "the server, or an inspecting device in front of it, is limited to TLS 1.1 or older; go's least is TLS 1.2",
			Fix:       []string{"openssl s_client{connect} -connect {endpoint} -servername {name} -tls1_2 </dev/null", "the server needs TLS 1.2 or newer"},
			Meaning:   "The handshake ends at the choice of the version.",
			Proof:     "The alert protocol_version.",
			LookAlike: "tls-handshake-failure: another alert.",
		},
		{
			Rule: "tls-handshake-failure", Title: "the server ended the handshake",
			Summary:   "the TLS handshake with {host}{place}{via} ended with the alert {alert}",
			Because:   "no cipher suite, group or protocol in common; old servers that know RSA key exchange only do this",
			Fix:       []string{try, "GODEBUG=tlsrsakex=1,tls3des=1 go mod download   # if that works, the server knows old suites only"},
			Meaning:   "The peers could not agree.",
			Proof:     "The alert on the wire.",
			LookAlike: "tls-version, tls-client-cert, tls-alert-policy: other alerts.",
		},
		{
			Rule: "tls-client-cert", Title: "the server wants a client certificate",
			Summary:   "{host}{place}{via} wants a certificate from the client (alert {alert}); go has no way to give one",
			Because:   "the service is for clients with a certificate; the go command can't be told one",
			Fix:       []string{"run a local proxy that holds the certificate and point GOPROXY at it, or use another module proxy"},
			Meaning:   "Mutual TLS.",
			Proof:     "The alert certificate_required or bad_certificate from the server, or in TLS 1.2 handshake_failure after it asked for a certificate.",
			LookAlike: "tls-unknown-ca: the alert is the client's.",
		},
		{
			Rule: "tls-alert-policy", Title: "the server does not serve this name",
			Summary:   "{host}{place}{via} turned the handshake down with the alert {alert}",
			Because:   "no virtual host of that name there, or a filter that answers by an alert",
			Fix:       []string{try, "go env GOPROXY   # is the name right?"},
			Meaning:   "The peer does not want to talk under this name.",
			Proof:     "The alert access_denied or unrecognized_name.",
			LookAlike: "tls-handshake-failure: another alert.",
		},
	}
}
