package words

// englishModules is about modules and toolchains.
func englishModules() []Sentence {
	again := "curl -sv {url}"
	return []Sentence{
		{
			Rule: "http-not-found", Title: "not found",
			Summary:   "{host} does not have {module}: {status} {text} for {url}{server_said}",
			Because:   "no such module or version there, or it is private and this server can't see it",
			Fix:       []string{"go list -m -versions {path}   # which versions are there?", "go env -w GOPRIVATE={path}   # if the module is private: it is then fetched from version control", again},
			Meaning:   "The last entry that was asked does not have the file.",
			Proof:     "404 or 410, and no other candidate or entry that had it.",
			LookAlike: "A 404 for a prefix of the module path, or before another entry that has the module, is normal and is not reported.",
		},
		{
			Rule: "url-not-found", Title: "no such file",
			Summary:   "{host} answered {status} {text} for {url}{via}{server_said}",
			Because:   "nothing is at that URL, or it is hidden from this client; no file of a module has such a URL",
			Fix:       []string{again},
			Meaning:   "A request that has to do with no module was answered so.",
			Proof:     "404 or 410 for a URL that is not in the form of the GOPROXY protocol.",
			LookAlike: "http-not-found: a module's file.",
		},
		{
			Rule: "git-not-found", Title: "no such repository",
			Summary:   "{host} answered {status} {text} to git for {repository}{via}{server_said}",
			Because:   "the path is misspelled or was moved, or the repository is private and the server hides it from those it does not know",
			Fix:       []string{"git ls-remote {repository}   # does git itself get in?", "git config --show-origin --get-regexp insteadof   # is the URL rewritten?"},
			Meaning:   "The git server has no repository there, for this client.",
			Proof:     "404 or 410 for git's info/refs or upload-pack request.",
			LookAlike: "git-auth-prompt: 401. import-path-404: the path was asked where its repository is.",
		},
		{
			Rule: "goproxy-off", Title: "fetching is turned off",
			Summary:   "GOPROXY=off forbids {command} to fetch anything",
			Because:   "with off go uses what is in its module cache or the vendor directory, and stops at the first module that is in neither: \"module lookup disabled by GOPROXY=off\"",
			Fix:       []string{"go env -w GOPROXY='https://MODULE-PROXY,direct'", "go env GOPROXY GOFLAGS"},
			Meaning:   "The setting keeps the go command from the network.",
			Proof:     "The value of GOPROXY, a failed command, and no request for a module.",
			LookAlike: "A compile error with all modules in the cache: then the setting did no harm, and this is a possibility only.",
		},
		{
			Rule: "toolchain-not-available", Title: "the toolchain is not there",
			Summary:   "{host} does not have the Go toolchain {module}: {status} {text}",
			Because:   "GOTOOLCHAIN, or a go or toolchain line in go.mod or go.work, asks for a release that this module proxy does not serve",
			Fix:       []string{"go env GOTOOLCHAIN; grep -E '^(go|toolchain) ' go.mod", "GOTOOLCHAIN=local go version   # go on with the installed release, if it is new enough", again},
			Meaning:   "The go command wants to become another release first, and can't get it.",
			Proof:     "404 or 410 for golang.org/toolchain.",
			LookAlike: "http-not-found: an ordinary module.",
		},
	}
}

// englishVersionControl is about discovery and git.
func englishVersionControl() []Sentence {
	private := "go env -w GOPRIVATE={host}   # if its modules are private: neither module proxies nor the checksum database are asked for them"
	return []Sentence{
		{
			Rule: "import-path-404", Title: "the import path leads nowhere",
			Summary:   "{host} answered {status} {text} to the discovery of {module}",
			Because:   "the path is misspelled, or it is on a server that shows it to known users only",
			Fix:       []string{"curl -s 'https://{module}?go-get=1' | grep go-import", "echo 'machine {authority} login USER password TOKEN' >> ~/.netrc && chmod 600 ~/.netrc   # if {host} shows it to known users only", private},
			Meaning:   "go asked the path itself where its repository is.",
			Proof:     "404 or 410 for the ?go-get=1 request.",
			LookAlike: "http-not-found: a module proxy was asked.",
		},
		{
			Rule: "unknown-revision", Title: "no such revision",
			Summary: "{module} has no revision {revision}, according to {host}{server_said}",
			Because: "the repository was found, and there is no such tag, branch or commit in it: the version is misspelled, its tag was not pushed, or the module is in a subdirectory (whose tags are DIRECTORY/v1.2.3)",
			Fix: []string{
				"go list -m -versions {module}   # which versions are there?",
				"git ls-remote --tags {repository}   # which tags? A version's tag is the version, with its v",
				"GOPROXY=direct go list -m -versions {module}   # a tag that is new may not be known to a module proxy yet",
			},
			Meaning:   "Everything on the way works; what was asked for does not exist.",
			Proof:     "git listed the tags and branches (exit code 0, each request answered), and go read none of them; or a module proxy's 404 that says \"unknown revision\".",
			LookAlike: "import-path-404: the repository itself was not found. git-auth-prompt: it wants credentials. http-not-found: the 404 gives no such reason.",
		},
		{
			Rule: "git-ca-differs", Title: "git does not trust what go trusts",
			Summary: "git does not trust the certificate of {host} (issued by {issuer}), unlike go itself{accepted}",
			Because: "git has its own list of authorities and looks at neither SSL_CERT_FILE nor SSL_CERT_DIR",
			Fix: []string{
				"export GIT_SSL_CAINFO={bundle}",
				"git config --global http.sslCAInfo {bundle}   # the same, for good",
				"git ls-remote {repository}   # \"server certificate verification failed\" is gone when it is right",
			},
			Meaning:   "go and the git that it starts disagree about the same server.",
			Proof:     "git's alert, or its end of the connection right after the certificate and a failed exit; and a request of go's own inside TLS with the same authority.",
			LookAlike: "tls-unknown-ca: go does not trust it either.",
		},
		{
			Rule: "git-auth-prompt", Title: "git needs credentials",
			Summary:   "{host} answered {status} {text} to git for {module}: it wants credentials, and git must not prompt",
			Because:   "the repository is private, and git has no credentials for {host}; go turns prompts off",
			Fix:       []string{"git ls-remote https://{module}   # does git itself get in?", "git config --global url.'git@{host}:'.insteadOf 'https://{host}/'", private},
			Meaning:   "Version control asks who is calling.",
			Proof:     "401 for git's info/refs or upload-pack request.",
			LookAlike: "http-unauthorized: a module proxy asks.",
		},
		{
			Rule: "git-hang", Title: "git waits for ever",
			Summary:   "{host} took git's request for {module}{via} and did not answer for {seconds} s{brief}",
			Because:   "the git server, or a proxy between, does not answer; neither go nor git has a time limit",
			Fix:       []string{"git config --global http.lowSpeedLimit 1000; git config --global http.lowSpeedTime 30", "git config --show-origin --get-all http.proxy   # git has its own idea of the proxy"},
			Meaning:   "The silence is git's, not go's.",
			Proof:     "A request of git without an answer on an open connection.",
			LookAlike: "hang-no-response: the request is go's own.",
		},
	}
}

// englishSums is about the checksum database.
func englishSums() []Sentence {
	again := "curl -sv {url}"
	return []Sentence{
		{
			Rule: "sumdb-unreachable", Title: "the checksum database can't be reached",
			Summary:   "the checksum database {host} can't be reached ({reason})",
			Because:   "go asks it directly where no module proxy of the list relays it, or where GOSUMDB gives its URL; that way is closed",
			Fix:       []string{"curl -sv https://{host}/latest", "use a module proxy that relays the database (it answers 200 to /sumdb/{host}/supported)", "go env -w GONOSUMDB=PATH-PREFIX   # for private modules only"},
			Meaning:   "The module was fetched; only its checksum could not be verified.",
			Proof:     "A failed lookup or connection to the database's own host.",
			LookAlike: "sumdb-relay-broken: the database is asked through the module proxy.",
		},
		{
			Rule: "sumdb-relay-broken", Title: "the module proxy's relay of the checksum database is broken",
			Summary:   "{host} answered {status} {text} when asked for the checksum database ({url})",
			Because:   "a module proxy must answer 200 there, or 404 or 410 if it does not relay; anything else ends the command",
			Fix:       []string{again, "the module proxy has to answer 404 to /sumdb/NAME/supported if it does not relay", "go env GOSUMDB   # \"name+key https://host\" asks the database itself"},
			Meaning:   "go takes the answer as: the database is out of order.",
			Proof:     "An error status for a path below /sumdb/.",
			LookAlike: "sumdb-unreachable: the database itself is asked.",
		},
		{
			Rule: "sumdb-html", Title: "a web page in place of the checksum database's answer",
			Summary:   "{host} answered with a web page, status 200, in place of the checksum record {url}{via}",
			Because:   "a login or block page of a portal or filter; go prints \"malformed record data\"",
			Fix:       []string{again, "log in to the portal with a browser, or have {host} exempted from it"},
			Meaning:   "The database's answer was replaced; its signature protects from worse.",
			Proof:     "Content-Type text/html, or a body that begins with <, for a lookup or a tile.",
			LookAlike: "html-200: a module's own file.",
		},
		{
			Rule: "sumdb-404-private", Title: "the checksum database does not know the module",
			Summary:   "the checksum database, asked at {host}, does not know {module}: {status} {text}{server_said}",
			Because:   "it can see public modules only; a private one must not be looked up there",
			Fix:       []string{"go env -w GONOSUMDB={path}   # or GOPRIVATE, if no module proxy may be asked either", again},
			Meaning:   "A module proxy has the module, the public database has no record of it.",
			Proof:     "404 or 410 for /lookup/.",
			LookAlike: "http-not-found: the module itself.",
		},
		{
			Rule: "sumdb-hang", Title: "the checksum database does not answer",
			Summary:   "{host} took the request for the checksum database ({url}){via} and did not answer for {seconds} s{brief}",
			Because:   "the module was fetched already; go waits for its checksum, without a time limit",
			Fix:       []string{again + " --max-time 30", "go env GOSUMDB GOPROXY   # a module proxy that relays the database is asked in its place"},
			Meaning:   "The silence comes after the download.",
			Proof:     "A request for supported, lookup or tile without an answer on an open connection.",
			LookAlike: "hang-no-response: the module itself.",
		},
	}
}
