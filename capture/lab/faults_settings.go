package lab

import "github.com/miekg/dns"

// settingsFaults lists what the client's own settings break.
func settingsFaults() []Fault {
	return append(proxySettings(), goSettings()...)
}

// noNamesOutside is a network whose resolver does not know the module proxy:
// the way out is the proxy, which resolves names itself.
func noNamesOutside(s *Setup) {
	s.Via, s.Resolver = HTTPProxy, Resolver{Rcode: dns.RcodeNameError, Names: []string{GoProxyHost}}
}

// proxySettings lists the faults of the *_PROXY variables.
func proxySettings() []Fault {
	unknown := []string{ResolverHost + ": NXDOMAIN"}
	return []Fault{
		{Name: "all-proxy-ignored", Rule: "all-proxy-ignored", Hop: "config", About: "the proxy is in ALL_PROXY, which go does not read",
			Setup: func(s *Setup) { noNamesOutside(s); s.ProxyVariables = []string{"ALL_PROXY"} }, Says: "no such host", Proof: unknown},
		{Name: "https-proxy-missing", Rule: "https-proxy-missing", Hop: "config", About: "the proxy is in HTTP_PROXY only, which is not for https URLs",
			Setup: func(s *Setup) { noNamesOutside(s); s.ProxyVariables = []string{"HTTP_PROXY", "http_proxy"} }, Says: "no such host", Proof: unknown},
		{Name: "proxy-url-broken", Rule: "proxy-url-broken", Hop: "config", About: "the proxy's password has a percent sign in it, so that go passes over the whole variable",
			Setup: func(s *Setup) { noNamesOutside(s); s.Env = []string{"HTTPS_PROXY=http://lab:100%safe@proxy.test:3128"} }, Says: "no such host", Proof: unknown},
		{Name: "proxy-url-hash", Rule: "proxy-url-broken", Hop: "config", About: "the proxy's password has a # in it, so that go looks for a proxy called http",
			Setup: func(s *Setup) { noNamesOutside(s); s.Env = []string{"HTTPS_PROXY=http://lab:num#1@proxy.test:3128"} }, Says: "lookup http", Proof: unknown},
		{Name: "proxy-case-conflict", Rule: "proxy-case-conflict", Hop: "config", About: "HTTPS_PROXY is out of date, https_proxy, which curl reads, is right",
			Setup: func(s *Setup) {
				s.Via, s.Env = HTTPProxy, []string{"HTTPS_PROXY=http://proxy.test:8080", "https_proxy=http://proxy.test:3128"}
			}, Says: "proxyconnect tcp: dial tcp", Proof: []string{"servers: RST"}},
		{Name: "no-proxy-mismatch", Rule: "no-proxy-mismatch", Hop: "config", About: "NO_PROXY has blanks in place of commas, and the proxy refuses the internal host",
			Setup: func(s *Setup) {
				s.Via, s.Env = HTTPProxy, []string{"NO_PROXY=localhost goproxy.test cdn.test"}
				s.At(ProxyHost).Answer = OnHost(GoProxyHost, Status(403))
			}, Says: ": Forbidden", Proof: []string{ProxyHost + ": 403"}},
		{Name: "no-proxy-dot", Rule: "no-proxy-mismatch", Hop: "config", About: "NO_PROXY=.goproxy.test is for hosts below that name only, and the proxy can't reach the internal host",
			Setup: func(s *Setup) {
				s.Via, s.Env = HTTPProxy, []string{"NO_PROXY=localhost,.goproxy.test"}
				s.At(ProxyHost).Answer = OnHost(GoProxyHost, Status(502))
			}, Says: ": Bad Gateway", Proof: []string{ProxyHost + ": 502"}},
		{Name: "socks4-unsupported", Rule: "socks4-unsupported", Hop: "config", About: "the proxy variable says socks4, which go does not speak",
			Setup: func(s *Setup) { s.Via, s.Env = SOCKS5, []string{"HTTPS_PROXY=socks4://proxy.test:1080"} }, Says: `Get "https://goproxy.test/`,
			Proof: []string{ProxyHost + ": request"}},
	}
}

// goSettings lists the faults of the go command's own settings.
func goSettings() []Fault {
	env := func(variables ...string) func(*Setup) { return func(s *Setup) { s.Env = variables } }
	return []Fault{
		{Name: "goproxy-syntax", Rule: "goproxy-syntax", Hop: "config", About: "GOPROXY has a semicolon between its entries",
			Setup: func(s *Setup) { s.GOPROXY = "https://" + GoProxyHost + ";direct" }, Says: "goproxy.test;direct"},
		{Name: "goproxy-word", Rule: "goproxy-syntax", Hop: "config", About: "GOPROXY=Direct: go knows the word in lower case only",
			Setup: func(s *Setup) { s.GOPROXY = "Direct" }, Says: "invalid proxy URL missing scheme: Direct"},
		{Name: "goflags-insecure", Rule: "goflags-insecure", Hop: "config", About: "GOFLAGS has -insecure, a flag of older releases",
			Setup: env("GOFLAGS=-mod=mod -insecure"), Says: "-insecure"},
		{Name: "netlimit-zero", Rule: "netlimit-zero", Hop: "config", About: "GODEBUG allows go no network",
			Setup: env("GODEBUG=cmdgonetlimit=0"), Says: "network disabled by"},
		{Name: "credentials-on-http", Rule: "credentials-on-http", Hop: "config", About: "the module proxy's URL has a password and no TLS",
			Setup: func(s *Setup) { s.GOPROXY = "http://lab:secret@" + GoProxyHost }, Says: "refusing to pass credentials to insecure URL"},
		{Name: "sumdb-bad-key", Rule: "sumdb-bad-key", Hop: "config", About: "GOSUMDB has a key that is none",
			Setup: env("GOSUMDB=sum.test+1bbf52ac+AQna"), Says: "invalid GOSUMDB", Proof: fetched()},
		{Name: "missing-go-sum", Rule: "missing-go-sum", Hop: "config", About: "go.mod was committed without go.sum, and go build may not change it",
			Setup: func(s *Setup) {
				s.Env, s.Files = []string{"GOFLAGS="}, map[string]string{
					"go.mod":  "module example.test/client\n\ngo 1.21\n\nrequire mod.test/hello v1.0.0\n",
					"main.go": "package main\n\nimport \"mod.test/hello\"\n\nfunc main() { println(hello.Hello()) }\n",
				}
			}, Command: []string{"go", "build", "."}, Says: "missing go.sum entry"},
		{Name: "govcs-denied", Rule: "govcs-denied", Hop: "config", About: "GOVCS does not allow git for the module",
			Setup:   func(s *Setup) { s.GOPROXY, s.Env = "direct", []string{"GOVCS=private:all,public:off"} },
			Command: getFromGit(), Says: "GOVCS disallows using git", Proof: []string{GitHost + ": 200"}},
		{Name: "git-missing", Rule: "git-missing", Hop: "host", About: "PATH has no git",
			Setup:   func(s *Setup) { s.GOPROXY, s.NoGit = "direct", true },
			Command: getFromGit(), Says: "executable file not found", Proof: []string{GitHost + ": 200"}},
		{Name: "toolchain-local-too-old", Rule: "toolchain-local-too-old", Hop: "config", About: "the module requires one that wants a newer Go, and GOTOOLCHAIN=local keeps go from fetching it",
			Command: []string{"go", "get", "mod.test/forward@v1.0.0"}, Says: "requires go >= 1.99", Proof: fetched()},
		{Name: "toolchain-needs-sumdb", Rule: "toolchain-needs-sumdb", Hop: "config", About: "a toolchain was fetched that GOSUMDB=off leaves unverified",
			Setup: env("GOTOOLCHAIN="+futureGo, "GOSUMDB=off"), Says: "checksum database disabled by GOSUMDB=off",
			Proof: []string{GoProxyHost + ": 302", CDNHost + ": 200"}},
		{Name: "goproxy-env-shadow", Rule: "goproxy-env-shadow", Hop: "config", About: "a GOPROXY of the environment hides the one of go env -w",
			Setup: func(s *Setup) {
				s.GOPROXY, s.Stored = "https://"+MirrorHost, "GOPROXY=https://"+GoProxyHost+"\n"
				s.At(MirrorHost).Port = Closed
			}, Says: "connection refused", Proof: []string{"servers: RST"}},
		{Name: "gonoproxy-forces-direct", Rule: "gonoproxy-forces-direct", Hop: "config", About: "GONOPROXY keeps go from the module proxy that has the module",
			Setup: env("GONOPROXY=mod.test"), Says: "unrecognized import path", Proof: []string{ResolverHost + ": NXDOMAIN"}},
		{Name: "private-via-public-proxy", Rule: "private-via-public-proxy", Hop: "config", About: "a private module, and no GOPRIVATE: the module proxy does not know it, git wants credentials",
			Setup: func(s *Setup) {
				s.GOPROXY = "https://" + GoProxyHost + ",direct"
				s.At(GoProxyHost).Answer, s.At(GitHost).Answer = OnPath("/"+GitHost+"/", Status(404)), OnPath("/lib.git", Status(401))
			}, Command: getFromGit(), Says: "terminal prompts disabled", Proof: []string{GoProxyHost + ": 404", GitHost + ": 401"}},
		{Name: "sumdb-shadowed-by-dead-first", Rule: "sumdb-shadowed-by-dead-first", Hop: "config", About: "the first module proxy is dead, the second does not relay the checksum database, and nobody is asked",
			Setup: func(s *Setup) {
				s.GOPROXY, s.NoSumDBRelay = "https://"+MirrorHost+"|https://"+GoProxyHost, true
				s.At(MirrorHost).Port = Closed
			}, Says: "verifying", Proof: []string{"servers: RST", GoProxyHost + ": 404"}},
	}
}

// gitSettings sets configuration variables of git.
func gitSettings(pairs ...string) []string {
	env := []string{"GIT_CONFIG_COUNT=" + string(rune('0'+len(pairs)/2))}
	for i := 0; i+1 < len(pairs); i += 2 {
		n := string(rune('0' + i/2))
		env = append(env, "GIT_CONFIG_KEY_"+n+"="+pairs[i], "GIT_CONFIG_VALUE_"+n+"="+pairs[i+1])
	}
	return env
}

// gitWays lists the faults of the way to a module's own host.
func gitWays() []Fault {
	return []Fault{
		{Name: "discovery-blocked", Rule: "discovery-blocked", Hop: atGit, About: "the module proxy does not have the module, and the module's own host can't be reached",
			Setup: func(s *Setup) {
				s.GOPROXY = "https://" + GoProxyHost + ",direct"
				s.At(GoProxyHost).Answer, s.At(GitHost).Port = OnPath("/"+GitHost+"/", Status(404)), Closed
			}, Command: getFromGit(), Says: "unrecognized import path", Proof: []string{GoProxyHost + ": 404", "servers: RST"}},
		{Name: "import-path-html", Rule: "import-path-html", Hop: atGit, About: "a portal's page answers the discovery",
			Setup:   func(s *Setup) { s.GOPROXY, s.At(GitHost).Answer = "direct", Page("text/html", portal) },
			Command: getFromGit(), Says: "no go-import meta tags", Proof: []string{GitHost + ": 200"}},
		{Name: "git-proxy-differs", Rule: "git-proxy-differs", Hop: "config", About: "git's http.proxy names a proxy that is down, go uses none",
			Setup:   func(s *Setup) { s.GOPROXY, s.Env = "direct", gitSettings("http.proxy", "http://"+ProxyHost+":3128") },
			Command: getFromGit(), Says: "Failed to connect", Proof: []string{GitHost + ": 200", "servers: RST"}},
		{Name: "git-proxy-refused", Rule: "git-proxy-refused", Hop: atProxy, About: "git's http.proxy lacks the credentials that go's variable has",
			Setup: func(s *Setup) {
				s.GOPROXY, s.Via, s.Auth, s.Env = "direct", HTTPProxy, true, gitSettings("http.proxy", "http://"+ProxyHost+":3128")
			}, Command: getFromGit(), Says: "407", Proof: []string{GitHost + ": 200", ProxyHost + ": 407"}},
		{Name: "ssh-blocked", Rule: "ssh-blocked", Hop: atGit, About: "git is told to use ssh, and port 22 is closed",
			Setup: func(s *Setup) {
				s.GOPROXY, s.Env = "direct", gitSettings("url.ssh://git@"+GitHost+"/.insteadOf", "https://"+GitHost+"/")
			}, Command: getFromGit(), Says: "port 22: Connection refused", Proof: []string{GitHost + ": 200", "servers: RST"}},
	}
}
