package words

// englishGoSettings is about settings with which go ends.
func englishGoSettings() []Sentence {
	changed := "go env -changed"
	return []Sentence{
		{
			Rule: "goproxy-syntax", Title: "GOPROXY can't be read as a list",
			Summary:   "{command} can't use GOPROXY={value}: {problem}",
			Because:   "entries are URLs with , or | between them, and the words direct and off in lower case",
			Fix:       []string{"go env -w GOPROXY='{right}'", changed},
			Meaning:   "The list of module proxies is written in a way that go refuses, or reads otherwise than it was meant.",
			Proof:     "The value, read by go's rules, and not one request about a module.",
			LookAlike: "goproxy-off: the list is right and says off. dns-nxdomain: an entry's host is misspelled.",
		},
		{
			Rule: "goflags-insecure", Title: "GOFLAGS has -insecure",
			Summary:   "GOFLAGS has {flag}, which go get no longer knows; {command} ended for it before it asked anybody",
			Because:   "the flag was removed in Go 1.17; GOINSECURE names the hosts for which a direct fetch may do without TLS, and has no effect on module proxies",
			Fix:       []string{"go env -u GOFLAGS   # or take the flag out of it", changed},
			Meaning:   "A setting of an older release is still there.",
			Proof:     "The flag in GOFLAGS, a failed command, no request.",
			LookAlike: "goproxy-syntax: another setting, the same silence on the wire.",
		},
		{
			Rule: "netlimit-zero", Title: "GODEBUG allows no network",
			Summary:   "GODEBUG={value} keeps go from the network: {command} may open 0 connections at a time",
			Because:   "cmdgonetlimit is the number of requests that go makes at once, and 0 is none",
			Fix:       []string{"unset GODEBUG   # or take cmdgonetlimit out of it", "env | grep GODEBUG"},
			Meaning:   "go was told to stay off the network by a setting for its own tests.",
			Proof:     "cmdgonetlimit=0 in GODEBUG, a failed command, no request.",
			LookAlike: "goproxy-off: GOPROXY says so.",
		},
		{
			Rule: "credentials-on-http", Title: "a password for a URL without TLS",
			Summary:   "go sends no credentials over plain http, so the entry {entry} of GOPROXY was not asked",
			Because:   "anybody on the way could read them; the entry has a user and password and begins with http://",
			Fix:       []string{"go env -w GOPROXY={right}", "go env GOPROXY"},
			Meaning:   "go refuses the entry before it dials.",
			Proof:     "An http:// entry with credentials in the list and no request to its host.",
			LookAlike: "http-unauthorized: the host was asked and wants credentials.",
		},
		{
			Rule: "sumdb-bad-key", Title: "GOSUMDB is not a database that go knows",
			Summary:   "GOSUMDB={value} can't be used: {problem}",
			Because:   "it has to be a name that go has the key of, or NAME+HASH+KEY exactly as the database's operator gives it, and a URL after a blank if wanted",
			Fix:       []string{"go env -u GOSUMDB   # the default again", "go env -changed GOSUMDB"},
			Meaning:   "The module was fetched, and its checksum can't be looked up for want of a key.",
			Proof:     "The key read as go reads it, files served, no request to a checksum database.",
			LookAlike: "sumdb-unreachable: the database was asked.",
		},
		{
			Rule: "missing-go-sum", Title: "go.sum lacks lines",
			Summary:   "{command} was not allowed to fetch what go.sum has no line for: {modules}",
			Because:   "without -mod=mod go changes neither go.mod nor go.sum, and takes nothing that go.sum does not vouch for",
			Fix:       []string{"go mod tidy   # adds what is missing, and drops what is not needed", "go mod download && git diff go.sum   # only the sums of what go.mod has", "git log -1 --stat -- go.mod go.sum   # was one committed without the other?"},
			Meaning:   "go.mod and go.sum do not fit together; nothing was asked of the network.",
			Proof:     "Requirements of go.mod without a line in go.sum, a failed command that compiled nothing, no request.",
			LookAlike: "checksum-mismatch: there is a line, and it is another sum.",
		},
	}
}

// englishGoVersions is about settings of the toolchain and of version control.
func englishGoVersions() []Sentence {
	return []Sentence{
		{
			Rule: "toolchain-needs-sumdb", Title: "a toolchain has to be verified",
			Summary:   "{module} was downloaded from {host} and not taken: GOSUMDB=off, and go runs no toolchain that the checksum database does not vouch for",
			Because:   "for toolchains there is no way around the database, neither GONOSUMDB nor go.sum",
			Fix:       []string{"go env -u GOSUMDB", "go env -w GOTOOLCHAIN=local   # stay with the installed release", "go env -changed GOSUMDB"},
			Meaning:   "Another Go release was wanted and fetched, and then thrown away.",
			Proof:     "The toolchain's zip served whole, GOSUMDB=off, no lookup after it.",
			LookAlike: "toolchain-not-available: it was not served.",
		},
		{
			Rule: "toolchain-local-too-old", Title: "the module wants a newer Go",
			Summary:   "{module} wants {wants}, this is {running}, and GOTOOLCHAIN=local keeps go from fetching another",
			Because:   "a module's go line is the least release that it can be used with",
			Fix:       []string{"go env -w GOTOOLCHAIN=auto   # let go fetch what it needs, if the module proxy has toolchains", "go version   # and install a newer release, or take an older version of the module"},
			Meaning:   "Nothing is wrong on the way; the installed Go is too old.",
			Proof:     "The go line of the go.mod that was served, the version of the go command, and GOTOOLCHAIN.",
			LookAlike: "toolchain-not-available: it was asked for.",
		},
		{
			Rule: "govcs-denied", Title: "GOVCS does not allow it",
			Summary:   "GOVCS={value} does not let go run {vcs} for {module}, a {kind} path",
			Because:   "GOVCS says which version control systems may be used for which paths; a path is private if GOPRIVATE has it",
			Fix:       []string{"go env -w GOVCS='{path}:{vcs},public:git|hg,private:all'", "go env GOVCS GOPRIVATE"},
			Meaning:   "The repository was found and go is not allowed to ask it.",
			Proof:     "The go-import tag that was served, GOVCS read by go's rules, and no version control process.",
			LookAlike: "git-missing: it may run and is not there.",
		},
		{
			Rule: "git-missing", Title: "there is no git",
			Summary:   "{module} has to be fetched with git, and PATH has none",
			Because:   "outside of module proxies go runs git; small images often come without it",
			Fix:       []string{"apt-get install git   # or apk add git, dnf install git", "go env GOPROXY   # a module proxy makes git unnecessary for public modules"},
			Meaning:   "The program that go needs is not installed.",
			Proof:     "A go-import tag that names git, no executable git in PATH, no git process.",
			LookAlike: "govcs-denied: git may not be run.",
		},
	}
}

// englishGoEntries is about lists and patterns that lead elsewhere.
func englishGoEntries() []Sentence {
	return []Sentence{
		{
			Rule: "goproxy-env-shadow", Title: "the environment hides what go env -w stored",
			Summary:   "go used GOPROXY={value} of the environment, where the fetch failed at {entry}; go env -w has stored {stored}, to no effect",
			Because:   "a variable of the environment goes before the file that go env -w writes",
			Fix:       []string{"unset GOPROXY   # and look for it in the shell's startup files or the CI's settings", "go env -changed GOPROXY"},
			Meaning:   "Two values are set, and the wrong one is in force.",
			Proof:     "Both values, and a fetch that failed at an entry which the stored list does not have.",
			LookAlike: "dead-first-with-comma: one list, and its order is the trouble.",
		},
		{
			Rule: "gonoproxy-forces-direct", Title: "a pattern keeps the module from the module proxy",
			Summary:   "{variable}={value} makes go ask {host} itself for {module}, which fails ({reason}); {entry} was not asked",
			Because:   "for a path that the pattern matches no module proxy is asked, whatever GOPROXY says",
			Fix:       []string{"go env -w GONOPROXY=none   # ask module proxies for private paths too; GONOSUMDB goes on to keep them from the checksum database", "go env GOPRIVATE GONOPROXY"},
			Meaning:   "The module is asked for at its own host only, which is not served or not reachable from here.",
			Proof:     "The pattern matches the path, the path's host failed, no request to a module proxy for it.",
			LookAlike: "discovery-blocked: a module proxy was asked first.",
		},
		{
			Rule: "private-via-public-proxy", Title: "a private module, and no GOPRIVATE",
			Summary:   "{module} looks private: {proxy} does not know it ({status}), {host} wants credentials ({answer}), and GOPRIVATE does not name it",
			Because:   "public module proxies see public repositories only; without GOPRIVATE their operators even learn the path's name",
			Fix:       []string{"go env -w GOPRIVATE={host}", "git ls-remote https://{module}   # does git itself get in? If not: a credential helper, ~/.netrc, or ssh by insteadOf"},
			Meaning:   "go asks in public for what is private.",
			Proof:     "404 or 410 of a module proxy, then 401 or 403 of the module's own host.",
			LookAlike: "git-auth-prompt: no module proxy was asked before. import-path-404: the host does not know the path either.",
		},
		{
			Rule: "sumdb-shadowed-by-dead-first", Title: "the dead entry hides that the other has no relay",
			Summary:   "nobody was asked for checksums: {entry} is dead ({reason}), {other} does not relay the checksum database, and go keeps the first error",
			Because:   "go asks the database itself only after every entry answered 404 for it, or where the list ends with direct",
			Fix:       []string{"go env -w GOPROXY='{list}'   # direct at the end lets go ask the database itself", "go env GOPROXY GOSUMDB"},
			Meaning:   "The module came from the second entry, its checksum can't be verified because of the first.",
			Proof:     "A failed dial to an entry with | after it, 404 for /supported of another, no lookup.",
			LookAlike: "sumdb-unreachable: the database itself was asked.",
		},
		{
			Rule: "discovery-blocked", Title: "not at the module proxy, and its own host can't be reached",
			Summary:   "{proxy} does not have {module} ({status}), so go asked {host} itself, which can't be reached ({reason})",
			Because:   "go went on to direct after the 404 and prints the second error only; where the network is left through a module proxy, {host} is often closed",
			Fix:       []string{"go list -m -versions {module}   # is path and version right? The 404 came first", "curl -sv -o /dev/null 'https://{host}/?go-get=1'", "go env GOPROXY   # without direct at the end the 404 is what go shows"},
			Meaning:   "The module is not where go looked first, and the second way is closed.",
			Proof:     "404 or 410 of a module proxy for the path, then a failed lookup or dial of the path's own host.",
			LookAlike: "tcp-refused, dns-nxdomain: nobody was asked before. http-not-found: the list ends at the module proxy.",
		},
	}
}

// englishVersionControlSettings is about git's own ways.
func englishVersionControlSettings() []Sentence {
	show := "git config --show-origin --get-regexp 'http.*proxy'"
	return []Sentence{
		{
			Rule: "git-proxy-differs", Title: "git uses another proxy than go",
			Summary:   "git tried to reach {repository} through {proxy}, a proxy that go does not use, and failed ({reason})",
			Because:   "git's http.proxy, or one for the URL, goes before the *_PROXY variables; go knows the variables only",
			Fix:       []string{show, "git config --global --unset http.proxy   # if go's way works", "git ls-remote {repository}"},
			Meaning:   "go reached the module's host and the git that it started went elsewhere.",
			Proof:     "A failed connection of git to a host that is neither the repository's nor a proxy of the *_PROXY variables.",
			LookAlike: "proxy-unreachable: go uses the same proxy.",
		},
		{
			Rule: "git-proxy-refused", Title: "the proxy refuses git",
			Summary:   "the proxy {endpoint} answered {status} {text} to git's CONNECT {target}",
			Because:   "git takes the proxy and its credentials from http.proxy first; go takes those of HTTPS_PROXY",
			Fix:       []string{show, "git config --global http.proxy {proxy}   # with the credentials that HTTPS_PROXY has", "git ls-remote {repository}"},
			Meaning:   "The refused tunnel is git's, not go's.",
			Proof:     "A status of 400 or above in reply to a CONNECT of a git process.",
			LookAlike: "proxy-407, proxy-403: go's own CONNECT.",
		},
		{
			Rule: "ssh-blocked", Title: "ssh can't reach the git host",
			Summary:   "ssh could not reach {host} port {port}: {reason}",
			Because:   "git was told to use ssh for this repository, port {port} is often closed, and no *_PROXY variable is for ssh",
			Fix:       []string{"git config --show-origin --get-regexp 'url.*insteadof'   # who sends git to ssh? Without that line git goes over https", "ssh -v -o ConnectTimeout=5 -p {port} git@{host}", "git config --global url.https://{host}/.insteadOf ssh://git@{host}/   # if none does: over https instead"},
			Meaning:   "The way that git takes is not the way that go took.",
			Proof:     "A failed connection of an ssh process.",
			LookAlike: "git-proxy-differs: git over https. tcp-refused: go's own connection.",
		},
		{
			Rule: "import-path-html", Title: "a page without go-import in place of the discovery",
			Summary:   "{host} answered the discovery of {module}{via} with a page that has no go-import tag",
			Because:   "a login or block page, or a web server that knows nothing of Go: the tag names the repository",
			Fix:       []string{"curl -s 'https://{module}?go-get=1' | head -n 20   # whose page is that?", "go env -w GOPRIVATE={host}   # if its modules are private, and git gets in", "git config --global url.ssh://git@{host}/.insteadOf https://{host}/"},
			Meaning:   "go asked the path itself where its repository is, and was not told.",
			Proof:     "200 for ?go-get=1 with a whole body that has no go-import in it.",
			LookAlike: "import-path-404: the host knows no such page. html-200: a module proxy's answer.",
		},
	}
}
