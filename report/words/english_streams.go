package words

// englishStreams is about requests that were ended in HTTP/2's own way.
func englishStreams() []Sentence {
	without := "GODEBUG=http2client=0 go mod download   # the same over HTTP/1.1: if that works, HTTP/2 is what fails"
	again := "curl -sv -o /dev/null --http2 {url}"
	return []Sentence{
		{
			Rule: "h2-goaway-loop", Title: "asked for ever: each new HTTP/2 connection gives the request back",
			Summary:   "{host} ended {count} HTTP/2 connections in {seconds} s without an answer to {url}{via} ({code}); go repeats it without end and says nothing",
			Because:   "the server, or a load balancer in front of it, closes each new connection before it acts on the request, which HTTP/2 lets the client take for \"ask again\"",
			Fix:       []string{without, "go env -w GOPROXY='https://OTHER-MODULE-PROXY,direct'", "show those who run {host} the GOAWAY and RST_STREAM frames of the recording: -w FILE"},
			Meaning:   "The client connects, asks, is sent away, and does it again at once, at full speed.",
			Proof:     "The same request on many connections in a row, each ended by GOAWAY or RST_STREAM from the peer with no answer.",
			LookAlike: "hang-no-response: one connection, idle. h2-goaway-error: the code is an error, and go gives up.",
		},
		{
			Rule: "h2-stream-error", Title: "the server reset the HTTP/2 stream",
			Summary:   "{host} reset the HTTP/2 stream of {url}{via}: {code}",
			Because:   "the server, or a gateway that speaks HTTP/2 in front of it, failed in the middle of this request; the connection lives on",
			Fix:       []string{without, again},
			Meaning:   "One request of the connection was given up by the peer.",
			Proof:     "RST_STREAM from the peer, with an error code, before the answer was whole.",
			LookAlike: "body-reset: TCP's RST, for the whole connection. h2-goaway-error: GOAWAY, for the whole connection.",
		},
		{
			Rule: "h2-goaway-error", Title: "the server ended the HTTP/2 connection",
			Summary:   "{host} ended the HTTP/2 connection by GOAWAY ({code}{debug}) and left {url}{via} without an answer",
			Because:   "the server, or a gateway that speaks HTTP/2 in front of it, found an error on the connection",
			Fix:       []string{without, again},
			Meaning:   "The peer does not act on this request and says why it ends the connection.",
			Proof:     "GOAWAY from the peer, with an error code and a last stream before this one.",
			LookAlike: "GOAWAY with NO_ERROR is an ordinary end, after which go asks again. h2-stream-error: one request only.",
		},
		{
			Rule: "h2-refused-stream", Title: "the server refuses new HTTP/2 streams",
			Summary:   "{host} refused the stream for {url}{via} ({code})",
			Because:   "the server takes no more requests at once; go tries again, ever more slowly, for about a minute",
			Fix:       []string{"GODEBUG=cmdgonetlimit=2 go mod download   # fewer requests at once", without},
			Meaning:   "The request was not acted on.",
			Proof:     "RST_STREAM with REFUSED_STREAM from the peer, and no later answer to the same request.",
			LookAlike: "http-rate-limited: the same said by status 429.",
		},
		{
			Rule: "h2-enhance-your-calm", Title: "the server takes the client for an attacker",
			Summary:   "{host} ended {url}{via} with {code}{debug}",
			Because:   "too many requests, resets or pings in a short time for this server's taste",
			Fix:       []string{"GODEBUG=cmdgonetlimit=2 go mod download   # fewer requests at once", without},
			Meaning:   "A limit against floods was reached.",
			Proof:     "RST_STREAM or GOAWAY with ENHANCE_YOUR_CALM from the peer.",
			LookAlike: "http-rate-limited: the same said by status 429.",
		},
		{
			Rule: "h2-http11-required", Title: "the server wants HTTP/1.1",
			Summary:   "{host} agreed on HTTP/2 and then wants HTTP/1.1 for {url}{via} ({code})",
			Because:   "what is asked for needs HTTP/1.1 there (client certificates, NTLM); go does not go back to it by itself",
			Fix:       []string{without, again},
			Meaning:   "The protocol that the TLS handshake agreed on does not do.",
			Proof:     "RST_STREAM or GOAWAY with HTTP_1_1_REQUIRED from the peer.",
			LookAlike: "h2-stream-error: another code.",
		},
	}
}
