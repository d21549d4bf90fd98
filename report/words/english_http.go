package words

// englishHTTP is about answers that did not come, or not whole.
func englishHTTP() []Sentence {
	again := "curl -sv -o /dev/null --max-time 60 {url}"
	another := "go env -w GOPROXY='https://OTHER-MODULE-PROXY,direct'   # in its place: \"|\" does not help against silence: no error ever comes"
	return []Sentence{
		{
			Rule: "hang-no-response", Title: "no answer to the request",
			Summary:   "{host} took the request for {url}{via} and did not answer for {seconds} s{brief}",
			Because:   "the server, or something between, does not finish; go has no time limit for the headers and waits for ever",
			Fix:       []string{again, another, "timeout 120 go mod download   # at least an end"},
			Meaning:   "The request was sent on an open connection and no byte came back.",
			Proof:     "A request without an answer, no FIN and no RST of the peer.",
			LookAlike: "body-stall: the headers came. sumdb-hang, git-hang: the same at another peer.",
		},
		{
			Rule: "body-stall", Title: "the answer stopped in the middle",
			Summary:   "{host} stopped sending {url}{via} after {got} of {length} bytes, {seconds} s before the end of the trace{brief}",
			Because:   "a virus scanner that holds the file back, or a broken path; go has no time limit for a body and waits for ever",
			Fix:       []string{again, another},
			Meaning:   "The body began and then nothing more came, on an open connection.",
			Proof:     "Fewer bytes than announced, the time of the last one, no FIN and no RST.",
			LookAlike: "body-truncated: the connection was closed. A slow body keeps coming.",
		},
		{
			Rule: "body-truncated", Title: "the answer was cut off",
			Summary:   "{host} ended its answer after {got} of {length} bytes of {url}{via}",
			Because:   "a size limit or a scanner on the way, or a server that failed in the middle",
			Fix:       []string{again, "if it is always cut at the same size, ask those who run the proxy for their limit"},
			Meaning:   "The peer closed before the announced end.",
			Proof:     "A FIN, or the end of an HTTP/2 stream, with fewer body bytes than announced.",
			LookAlike: "body-reset: a RST. Bytes that the tracer lost are not counted as cut.",
		},
		{
			Rule: "body-reset", Title: "the connection was reset in the middle of the answer",
			Summary:   "the connection to {host}{via} was reset after {got} of {length} bytes of {url}",
			Because:   "a scanner or data-loss filter on the way, or a server that crashed",
			Fix:       []string{again},
			Meaning:   "A RST came while the body was on its way.",
			Proof:     "A RST from the peer's address with fewer body bytes than announced.",
			LookAlike: "body-truncated: a FIN.",
		},
		{
			Rule: "http-fresh-conn-closed", Title: "the connection ended in place of an answer",
			Summary:   "the connection to {host}{via} was {how} in place of an answer to {url}",
			Because:   "the server or a web firewall drops the request; go does not repeat a request on a fresh connection",
			Fix:       []string{again},
			Meaning:   "The first request on a connection was answered by FIN or RST.",
			Proof:     "A FIN or RST from the peer after the request, with no byte of an answer.",
			LookAlike: "On a connection that was used before, this is an ordinary race, and go tries again by itself.",
		},
	}
}

// englishRedirects is about redirects that lead nowhere.
func englishRedirects() []Sentence {
	return []Sentence{
		{
			Rule: "redirect-loop", Title: "redirects without an end",
			Summary:   "{host} redirects {url} in a circle ({count} requests over {hosts})",
			Because:   "a load balancer or login portal that wants a cookie, which go does not keep; go stops after 10 redirects",
			Fix:       []string{"curl -sIL --max-redirs 12 {url} | grep -i '^location'"},
			Meaning:   "Each answer is a redirect, back to where it came from.",
			Proof:     "The Location headers, one after the other.",
			LookAlike: "redirect-cdn-blocked: the chain ends at a host that can't be reached.",
		},
		{
			Rule: "redirect-https-to-http", Title: "redirect from https to http",
			Summary:   "{host} redirects {url} to plain HTTP ({location}), which go does not follow",
			Because:   "the server does not know that it is reached over TLS (a missing X-Forwarded-Proto behind a load balancer)",
			Fix:       []string{"curl -sI {url} | grep -i '^location'", "the server's external URL has to be https"},
			Meaning:   "Following would give up the protection of TLS.",
			Proof:     "A Location with http:// in the answer to an https request, and no request after it.",
			LookAlike: "redirect-cdn-blocked: the target was tried.",
		},
		{
			Rule: "redirect-cdn-blocked", Title: "the host behind the redirect can't be reached",
			Summary:   "{from} redirects to {to}, which can't be reached: {reason}",
			Because:   "the module proxy keeps its files at another host, and that one is not allowed or not up",
			Fix:       []string{"curl -sv -o /dev/null --max-time 30 {location}", "allow {to} wherever {from} is allowed"},
			Meaning:   "Everything works up to the redirect.",
			Proof:     "A redirect, and a failed lookup or connection to the host that it names.",
			LookAlike: "tcp-refused and the like: the host is GOPROXY's own. proxy-403: a proxy refused the tunnel to it.",
		},
		{
			Rule: "redirect-no-location", Title: "a redirect to nowhere",
			Summary:   "{host} answered {status} {text} for {url} without saying where to",
			Because:   "the server sends a redirect without a Location header",
			Fix:       []string{"curl -sI {url}"},
			Meaning:   "The answer can't be followed.",
			Proof:     "A redirect status without Location.",
			LookAlike: "proxy-302-portal: the redirect answers CONNECT.",
		},
	}
}
