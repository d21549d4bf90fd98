package words

// englishProxyVariables is about the *_PROXY variables.
func englishProxyVariables() []Sentence {
	show := "env | grep -i _proxy"
	return []Sentence{
		{
			Rule: "all-proxy-ignored", Title: "go does not read ALL_PROXY",
			Summary:   "go tried to reach {host} directly ({reason}): the proxy is in {variable} only, which go does not read",
			Because:   "curl and git use {variable} for every scheme; go knows HTTPS_PROXY, HTTP_PROXY and NO_PROXY, in upper and lower case, and no others",
			Fix:       []string{"export HTTPS_PROXY={proxy} HTTP_PROXY={proxy}", show},
			Meaning:   "The network is left through a proxy that every program but go was told of.",
			Proof:     "A failed lookup or dial of go's own to an https host, ALL_PROXY or SOCKS_PROXY set, HTTPS_PROXY not.",
			LookAlike: "https-proxy-missing: HTTP_PROXY is set. dns-nxdomain, tcp-syn-dropped: no variable names a proxy at all.",
		},
		{
			Rule: "https-proxy-missing", Title: "HTTP_PROXY is not for https URLs",
			Summary:   "go tried to reach {host} directly ({reason}): {variable} names a proxy for http URLs, and HTTPS_PROXY is not set",
			Because:   "the variable's name gives the scheme of the URLs that are fetched, not how the proxy is spoken to; module proxies have https URLs",
			Fix:       []string{"export HTTPS_PROXY={proxy}   # the same value: http:// there is right for most proxies", show},
			Meaning:   "Half of the pair of variables is missing.",
			Proof:     "A failed lookup or dial of go's own to an https host, HTTP_PROXY set, HTTPS_PROXY not.",
			LookAlike: "all-proxy-ignored: the proxy is in ALL_PROXY.",
		},
		{
			Rule: "proxy-url-broken", Title: "the proxy's URL can't be read",
			Summary:   "{variable} is no URL as it stands, and go makes {understood} of it without a word ({reason})",
			Because:   "a user name or password with @ : / # ? or % in it has to be percent-encoded; curl takes some of these as they are",
			Fix:       []string{"export {variable}={proxy}   # with the password percent-encoded: % is %25, # is %23, @ is %40, : is %3A, / is %2F", "curl -sv -o /dev/null https://example.com   # \"Uses proxy env variable\" shows what curl makes of it"},
			Meaning:   "The variable is set, and go does not use the proxy that it is meant to name.",
			Proof:     "The variable's value read as go reads it, and go's failure on the way that this leads to.",
			LookAlike: "proxy-name-unresolvable: the URL is read as it was meant, the name in it is wrong.",
		},
		{
			Rule: "proxy-case-conflict", Title: "HTTPS_PROXY and https_proxy differ",
			Summary:   "go uses HTTPS_PROXY={proxy}, which does not work ({reason}); https_proxy={other} is set too, and curl and git use that one",
			Because:   "go prefers the name in upper case, curl the one in lower case: one of the two was changed and the other forgotten",
			Fix:       []string{"export HTTPS_PROXY={other}", "curl -sv -o /dev/null -x {other} https://example.com   # is that the one that works?", show},
			Meaning:   "Two proxies are set for the same thing, and the programs disagree on which.",
			Proof:     "go's failure at the proxy of HTTPS_PROXY, and another value in https_proxy.",
			LookAlike: "proxy-unreachable, proxy-403: there is one proxy only.",
		},
		{
			Rule: "no-proxy-mismatch", Title: "NO_PROXY does not match as it was meant",
			Summary:   "{variable}={value} does not keep go from asking the proxy for {host} ({reason}), though {entry} in it seems meant to",
			Because:   "go wants commas, \".corp\" is for the hosts below corp only, a network in CIDR form matches addresses in URLs only, and schemes or paths match nothing; other programs are laxer",
			Fix:       []string{"export {variable}='{right}'   # commas between all entries, no blanks", "curl -sv -o /dev/null --noproxy '*' https://{host}/   # does the direct way work?"},
			Meaning:   "An internal host was to be asked directly and went to the proxy, which can't serve it.",
			Proof:     "A CONNECT for the host that the proxy refused or failed, and an entry of NO_PROXY that names it in a form that go does not match.",
			LookAlike: "proxy-403, proxy-5xx: NO_PROXY says nothing of the host.",
		},
		{
			Rule: "socks4-unsupported", Title: "go does not speak SOCKS 4",
			Summary:   "{variable}={proxy}: go has no SOCKS 4, sent an HTTP CONNECT to that port, and got no HTTP back",
			Because:   "go knows socks5:// and socks5h:// (the same to it: the proxy resolves names); a scheme that it does not know counts as an HTTP proxy",
			Fix:       []string{"export {variable}={right}   # most SOCKS servers, ssh -D among them, speak version 5 too", show},
			Meaning:   "The variable has a scheme that works for curl and not for go.",
			Proof:     "A CONNECT without an answer at a proxy whose URL begins with socks4.",
			LookAlike: "wrong-scheme-to-proxy: the scheme is one that go speaks, and the proxy does not. socks-refused: SOCKS 5 was spoken.",
		},
	}
}
