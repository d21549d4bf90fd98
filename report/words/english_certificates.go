package words

// englishCertificates is about certificates that the client refused.
func englishCertificates() []Sentence {
	show := "openssl s_client{connect} -connect {endpoint} -servername {name} -showcerts </dev/null"
	trust := "export SSL_CERT_FILE=/path/to/ca-bundle.pem   # with the authority's certificate in it; git needs GIT_SSL_CAINFO as well"
	noInsecure := "not GOINSECURE: it does not act on GOPROXY"
	return []Sentence{
		{
			Rule: "tls-unknown-ca", Title: "certificate of an unknown authority",
			Summary:   "the client does not trust the certificate of {host}: issued by {issuer}",
			Because:   "the authority is not among those that this machine trusts: a company's own, or that of a device that inspects TLS",
			Fix:       []string{show, trust, noInsecure},
			Meaning:   "The chain does not end at a trusted authority.",
			Proof:     "The client's alert, and a certificate whose dates and name are right.",
			LookAlike: "tls-expired, tls-hostname: the certificate itself is wrong. tls-self-signed: it has no authority at all. tls-missing-intermediate: the server sends its own certificate alone.",
		},
		{
			Rule: "tls-missing-intermediate", Title: "the server leaves out its intermediate certificate",
			Summary: "{host} sends its own certificate without that of {issuer}, which issued it, so that the client finds no way to an authority it trusts",
			Because: "the server is set up with its certificate alone; browsers fetch the missing one from {ca_issuers}, or remember it from elsewhere, and go and git do neither",
			Fix: []string{
				"openssl s_client{connect} -connect {endpoint} -servername {name} -showcerts </dev/null | grep -c BEGIN   # 1: the server's own and no more",
				"those who run {host} have to serve the whole chain: the certificate, followed by that of {issuer}",
				"curl -s {ca_issuers} | openssl x509 -inform der -out issuer.pem && cat /etc/ssl/certs/ca-certificates.crt issuer.pem > bundle.pem && export SSL_CERT_FILE=$PWD/bundle.pem   # until then, if you trust that authority",
			},
			Meaning:   "The chain has a gap that the server should have filled.",
			Proof:     "The client's alert, and a chain of one certificate that another authority issued and that says where that authority's certificate can be had.",
			LookAlike: "tls-unknown-ca: the certificate of a private authority or an inspecting device, which as a rule does not say so; where it does, this is what is told, and so it is likely at most.",
		},
		{
			Rule: "tls-self-signed", Title: "self-signed certificate",
			Summary:   "{host} has a certificate signed by itself ({subject}), which the client does not trust",
			Because:   "no authority vouches for it: a test set-up, or something that answers in the server's place",
			Fix:       []string{show, trust, noInsecure},
			Meaning:   "Subject and issuer are one.",
			Proof:     "The client's alert, and a certificate that its own key signed.",
			LookAlike: "tls-unknown-ca: another authority signed it.",
		},
		{
			Rule: "tls-expired", Title: "the certificate has expired",
			Summary:   "the certificate of {host} ({subject}) expired at {not_after}; it was {at} when it was refused",
			Because:   "it was not renewed, or this machine's clock is ahead",
			Fix:       []string{"date -u   # is the clock right?", show, "the certificate has to be renewed by those who run {host}"},
			Meaning:   "A certificate of the chain is past its end.",
			Proof:     "The client's alert, and notAfter before the time of the handshake.",
			LookAlike: "A wrong clock: then every host fails. tls-unknown-ca: where not the server's own certificate but another of the chain is out of date, go may have found a way without that one, and this is likely at most.",
		},
		{
			Rule: "tls-not-yet-valid", Title: "the certificate is not valid yet",
			Summary:   "the certificate of {host} ({subject}) is valid from {not_before} only; it was {at} when it was refused",
			Because:   "this machine's clock is behind, or the certificate was issued for later",
			Fix:       []string{"date -u   # is the clock right?", show},
			Meaning:   "A certificate of the chain is from the future.",
			Proof:     "The client's alert, and notBefore after the time of the handshake.",
			LookAlike: "A wrong clock: then many hosts fail.",
		},
		{
			Rule: "tls-hostname", Title: "the certificate is for another name",
			Summary:   "the certificate that was presented for {name}{via} is for {names}",
			Because:   "the URL uses another name than the certificate, the name leads to the wrong host, or something else answers there",
			Fix:       []string{show, "dig {name}   # the right host?", "use a name in GOPROXY that the certificate has"},
			Meaning:   "None of the certificate's names is the one that was asked for.",
			Proof:     "The client's alert, and the certificate's names.",
			LookAlike: "tls-unknown-ca: the name is right.",
		},
		{
			Rule: "https-proxy-unknown-ca", Title: "the proxy's own certificate is not trusted",
			Summary:   "the client does not trust the certificate of the proxy {endpoint} itself: issued by {issuer}",
			Because:   "the proxy is reached over TLS (an https:// proxy URL), and its authority is not among those that this machine trusts",
			Fix:       []string{"openssl s_client -connect {endpoint} -showcerts </dev/null", trust, "export HTTPS_PROXY=http://{host}:PORT   # most proxies are reached over plain HTTP"},
			Meaning:   "The handshake with the proxy failed, before any CONNECT.",
			Proof:     "The client's alert in a handshake with the address from *_PROXY.",
			LookAlike: "tls-unknown-ca: the origin's certificate, inside the tunnel.",
		},
	}
}
