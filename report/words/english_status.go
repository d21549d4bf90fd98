package words

// englishStatus is about answers that are errors.
func englishStatus() []Sentence {
	again := "curl -sv {url}"
	pipe := "go env -w GOPROXY='THIS-ENTRY|https://OTHER-MODULE-PROXY'   # after \",\" go goes on only after 404 and 410"
	return []Sentence{
		{
			Rule: "http-unauthorized", Title: "credentials needed",
			Summary:   "{host} answered {status} {text} for {url}{via}: it wants credentials",
			Because:   "go takes them from the URL, from netrc, or from GOAUTH; over https it asks twice",
			Fix:       []string{"echo 'machine {host} login USER password TOKEN' >> ~/.netrc && chmod 600 ~/.netrc   # with :PORT after the host if the URL has one", again, "go env GOAUTH"},
			Meaning:   "The origin asks who is calling.",
			Proof:     "Status 401 from the origin.",
			LookAlike: "proxy-407: the HTTP proxy asks.",
		},
		{
			Rule: "http-forbidden", Title: "forbidden by the origin",
			Summary:   "{host} answered {status} {text} for {url}{via}",
			Because:   "the server's policy refuses this module or this client, and 403 is no reason for go to try the next entry after a comma",
			Fix:       []string{again, pipe},
			Meaning:   "The web server that was meant answered, and said no.",
			Proof:     "A 4xx status in the answer to the request itself.",
			LookAlike: "proxy-403: the HTTP proxy refused CONNECT; go prints no number then.",
		},
		{
			Rule: "http-rate-limited", Title: "too many requests",
			Summary:   "{host} answered {status} {text} for {url}{via}: too many requests",
			Because:   "a limit per client was reached; go does not wait and does not repeat",
			Fix:       []string{"wait, then try again with fewer at once: GODEBUG=cmdgonetlimit=2 go mod download", pipe},
			Meaning:   "The server asks for patience, which go does not have.",
			Proof:     "Status 429.",
			LookAlike: "http-server-error: 503 may mean the same.",
		},
		{
			Rule: "http-server-error", Title: "the server failed",
			Summary:   "{host} answered {status} {text} for {url}{via}",
			Because:   "the server, or the one behind it, failed; go does not repeat, and after a comma does not go on",
			Fix:       []string{again, pipe},
			Meaning:   "The origin's own fault.",
			Proof:     "A 5xx status in the answer to the request itself.",
			LookAlike: "proxy-5xx: the HTTP proxy answered CONNECT so.",
		},
	}
}
