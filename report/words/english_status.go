package words

// englishStatus is about answers that are errors.
func englishStatus() []Sentence {
	again := "curl -sv {url}"
	pipe := "go env -w GOPROXY='{entry}|https://OTHER-MODULE-PROXY'   # after \",\" go goes on only after 404 and 410"
	return []Sentence{
		{
			Rule: "http-unauthorized", Title: "credentials needed",
			Summary:   "{host} answered {status} {text} for {url}{via}: it wants credentials",
			Because:   "go takes them from the URL, from netrc, or from GOAUTH; over https it asks twice",
			Fix:       []string{"echo 'machine {authority} login USER password TOKEN' >> ~/.netrc && chmod 600 ~/.netrc", again, "go env GOAUTH"},
			Meaning:   "The origin asks who is calling.",
			Proof:     "Status 401 from the origin.",
			LookAlike: "proxy-407: the HTTP proxy asks.",
		},
		{
			Rule: "http-forbidden", Title: "forbidden by the origin",
			Summary:   "{host} answered {status} {text} for {url}{via}",
			Because:   "the server's policy refuses this module or this client, and {status} is no reason for go to try the next entry after a comma",
			Fix:       []string{again, pipe},
			Meaning:   "The web server that was meant answered, and said no.",
			Proof:     "A 4xx status in the answer to the request itself.",
			LookAlike: "proxy-403: the HTTP proxy refused CONNECT; go prints no number then.",
		},
		{
			Rule: "http-rate-limited", Title: "too many requests",
			Summary:   "{host} answered {status} {text} for {url}{via}",
			Because:   "a limit for each client was reached; go does not wait until it is lifted, and after a comma does not go on",
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

// englishBodies is about answers with a 2xx status that go can't use.
func englishBodies() []Sentence {
	look := "curl -sL {url} | head -c 300   # what is it?"
	login := "log in to the portal with a browser, or have {host} exempted from it"
	portal := "a login or block page of a portal or filter was put in the place of the file"
	return []Sentence{
		{
			Rule: "html-200", Title: "a web page in place of version information",
			Summary:   "{host} answered with a web page, status 200, in place of {url}{via}",
			Because:   portal + "; go prints \"invalid character '<'\"",
			Fix:       []string{look, login},
			Meaning:   "The status says yes, the content is not what was asked for.",
			Proof:     "Content-Type text/html, or a body that begins with <, for .info or @latest.",
			LookAlike: "html-as-zip and the others: the same for another file.",
		},
		{
			Rule: "html-as-list", Title: "a web page in place of the version list",
			Summary:   "{host} answered with a web page, status 200, in place of the version list {url}{via}",
			Because:   portal + "; go takes it for a list without versions",
			Fix:       []string{look, login},
			Meaning:   "go says that there are no matching versions, or asks for the latest one instead.",
			Proof:     "Content-Type text/html, or a body that begins with <, for @v/list.",
			LookAlike: "An empty list is legal.",
		},
		{
			Rule: "html-as-mod-poisons-cache", Title: "a web page in place of a go.mod file",
			Summary:   "{host} answered with a web page, status 200, in place of the go.mod file {url}{via}",
			Because:   portal + "; where no checksum is looked up, go even keeps the page in its module cache",
			Fix:       []string{look, login, "go clean -modcache   # so that the page does not stay in the cache"},
			Meaning:   "A checksum mismatch, or a broken cache entry.",
			Proof:     "Content-Type text/html, or a body that begins with <, for a .mod file.",
			LookAlike: "A checksum mismatch of a real go.mod file: its text is Go's.",
		},
		{
			Rule: "html-as-zip", Title: "a web page in place of a zip",
			Summary:   "{host} answered with a web page, status 200, in place of the zip {url}{via}",
			Because:   portal + "; go prints \"zip: not a valid zip file\" and no URL",
			Fix:       []string{look, login},
			Meaning:   "The archive is none.",
			Proof:     "Content-Type text/html, or a body that begins with <, for a .zip file.",
			LookAlike: "body-truncated: a zip that was cut.",
		},
		{
			Rule: "http-odd-2xx", Title: "a 2xx status that is not 200",
			Summary:   "{host} answered {status} {text} for {url}{via}; go takes 200 alone",
			Because:   "a broken cache, or a server that answers 204 for a file it does not have",
			Fix:       []string{"curl -sI {url}"},
			Meaning:   "The request succeeded in a way that go has no use for.",
			Proof:     "A status from 201 to 299.",
			LookAlike: "empty-200: status 200 without a body.",
		},
		{
			Rule: "empty-200", Title: "an empty file",
			Summary:   "{host} answered 200 with an empty body for {url}{via}",
			Because:   "a broken cache between, or a server that lost the file",
			Fix:       []string{"curl -sv {url} | wc -c", "have the cache in front of {host} purged"},
			Meaning:   "There is an answer and nothing in it.",
			Proof:     "A complete answer with no body byte.",
			LookAlike: "body-truncated: more bytes were announced. An empty version list is legal.",
		},
	}
}
