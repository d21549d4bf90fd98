package diagnose

import (
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// set changes a setting of the go command.
func (s *story) set(name, value string) *story {
	s.t.Environment.GoEnv[name] = trace.Setting{Value: value, Origin: "environment"}
	return s
}

// proxies sets *_PROXY variables, in pairs of name and value.
func (s *story) proxies(pairs ...string) *story {
	for i := 0; i+1 < len(pairs); i += 2 {
		s.t.Environment.Proxy[pairs[i]] = pairs[i+1]
	}
	return s
}

// by gives the last connection, with its lookups and requests, to a process.
func (s *story) by(pid uint32, c *trace.Connection) {
	c.PID = pid
	for _, l := range s.t.Lookups[len(s.t.Lookups)-2:] {
		l.PID = pid
	}
	for _, r := range s.t.Requests {
		if r.Connection == c.ID {
			r.PID = pid
		}
	}
}

// page gives the answer to a request a body.
func page(r *trace.Request, body string) *trace.Request {
	r.Body = []byte(body)
	return r
}

// variableExamples are about *_PROXY variables.
func variableExamples() []example {
	const to = "http://proxy.test:3128"
	return []example{
		{"ALL_PROXY only", func(s *story) { s.proxies("ALL_PROXY", to).lookup("a.test", "NXDOMAIN") }, "all-proxy-ignored", "config"},
		{"ALL_PROXY only, and a dropped SYN", func(s *story) {
			s.proxies("all_proxy", to).failed("a.test", "443", "S0", "", "").Retransmits = 4
		}, "all-proxy-ignored", "config"},
		{"ALL_PROXY, and the direct way works", func(s *story) { s.proxies("ALL_PROXY", to).get("a.test", info, 200); s.exit(0) }, "", ""},
		{"ALL_PROXY and HTTPS_PROXY", func(s *story) { s.proxies("ALL_PROXY", to, "HTTPS_PROXY", to).tunnel("a.test:443", 403) }, "proxy-403", "http-proxy:proxy.test"},
		{"ALL_PROXY, and a refusal on loopback", func(s *story) {
			s.proxies("ALL_PROXY", to).failed("a.test", "443", "REJ", "ECONNREFUSED", "").Remote = "127.0.0.1:443"
		}, "tcp-refused", "vcs:127.0.0.1"},
		{"HTTP_PROXY only", func(s *story) { s.proxies("HTTP_PROXY", to).lookup("a.test", "NXDOMAIN") }, "https-proxy-missing", "config"},
		{"HTTP_PROXY only, a plain http module proxy", func(s *story) {
			s.goproxy("http://a.test").proxies("HTTP_PROXY", to, "NO_PROXY", "a.test").failed("a.test", "80", "REJ", "ECONNREFUSED", "")
		}, "tcp-refused", "goproxy:a.test"},
		{"a percent sign in the password", func(s *story) { s.proxies("HTTPS_PROXY", "http://u:5%zz@proxy.test:3128").lookup("a.test", "NXDOMAIN") }, "proxy-url-broken", "config"},
		{"a # in the password", func(s *story) { s.proxies("HTTPS_PROXY", "http://u:p#q@proxy.test:3128").lookup("http", "NXDOMAIN") }, "proxy-url-broken", "config"},
		{"a percent sign that is encoded", func(s *story) { s.proxies("HTTPS_PROXY", "http://u:5%25@proxy.test:3128").tunnel("a.test:443", 403) }, "proxy-403", "http-proxy:proxy.test"},
		{"two spellings, one dead", func(s *story) {
			s.viaProxy().proxies("https_proxy", "http://other.test:3128").failed("proxy.test", "3128", "REJ", "", "")
		}, "proxy-case-conflict", "config"},
		{"two spellings, the same", func(s *story) {
			s.proxies("HTTPS_PROXY", to, "https_proxy", to).failed("proxy.test", "3128", "REJ", "", "")
		}, "proxy-unreachable", "http-proxy:proxy.test"},
		{"blanks in NO_PROXY", func(s *story) { s.viaProxy().proxies("NO_PROXY", "localhost a.test").tunnel("a.test:443", 403) }, "no-proxy-mismatch", "config"},
		{"a leading dot in no_proxy", func(s *story) { s.viaProxy().proxies("no_proxy", ".a.test").tunnel("a.test:443", 502) }, "no-proxy-mismatch", "config"},
		{"a network for a name in NO_PROXY", func(s *story) {
			s.viaProxy().proxies("NO_PROXY", "10.0.0.0/8").lookup("a.test", "10.0.0.1")
			s.tunnel("a.test:443", 502)
		}, "no-proxy-mismatch", "config"},
		{"NO_PROXY about others", func(s *story) {
			s.viaProxy().proxies("NO_PROXY", "corp.test,.b.test, aa.test").tunnel("a.test:443", 403)
		}, "proxy-403", "http-proxy:proxy.test"},
		{"socks4", func(s *story) {
			c := s.proxies("HTTPS_PROXY", "socks4://proxy.test:1080").dial("proxy.test", "1080")
			s.request(c, "CONNECT", "a.test:443", 0)
			s.ended(c, "remote", "closed")
		}, "socks4-unsupported", "config"},
	}
}

// settingExamples are about settings with which go ends.
func settingExamples() []example {
	return []example{
		{"a semicolon in GOPROXY", func(s *story) { s.goproxy("https://a.test;direct") }, "goproxy-syntax", "config"},
		{"Direct", func(s *story) { s.goproxy("Direct") }, "goproxy-syntax", "config"},
		{"a broken entry after one that serves", func(s *story) { s.goproxy("https://a.test,Direct").get("a.test", info, 500) }, "http-server-error", "goproxy:a.test"},
		{"-insecure", func(s *story) { s.set("GOFLAGS", "-v -insecure=true") }, "goflags-insecure", "config"},
		{"cmdgonetlimit=0", func(s *story) { s.t.Environment.TLS = map[string]string{"GODEBUG": "tlsmlkem=0,cmdgonetlimit=0"} }, "netlimit-zero", "config"},
		{"cmdgonetlimit=2", func(s *story) {
			s.t.Environment.TLS = map[string]string{"GODEBUG": "cmdgonetlimit=2"}
			s.get("a.test", info, 500)
		}, "http-server-error", "goproxy:a.test"},
		{"a password over http", func(s *story) { s.goproxy("http://u:secret@a.test") }, "credentials-on-http", "config"},
		{"a password over http for an entry that was not needed", func(s *story) {
			s.goproxy("https://b.test,http://u:secret@a.test").get("b.test", info, 200)
			s.exit(0)
		}, "", ""},
		{"go.sum lacks a line", func(s *story) {
			s.t.Command.Argv, s.t.Environment.Unsummed = []string{"go", "build", "./..."}, []string{"mod.test/hello@v1.0.0"}
		}, "missing-go-sum", "config"},
		{"go.sum lacks a line of what is not used, and a compile error", func(s *story) {
			s.t.Command.Argv, s.t.Environment.Unsummed = []string{"go", "build", "./..."}, []string{"mod.test/hello@v1.0.0"}
			s.t.Processes = append(s.t.Processes, &trace.Process{PID: 9, Exe: "/usr/local/go/pkg/tool/linux_amd64/compile", Argv: []string{"compile", "-o", "x"}})
		}, "", ""},
		{"GOPROXY=off, and a compile error", func(s *story) {
			s.goproxy("off").t.Command.Argv = []string{"go", "build", "./..."}
			s.t.Processes = append(s.t.Processes, &trace.Process{PID: 9, Exe: "/usr/local/go/pkg/tool/linux_amd64/compile", Argv: []string{"compile", "-o", "x"}})
		}, "", ""},
		{"go.sum lacks a line that go get adds", func(s *story) {
			s.t.Environment.Unsummed = []string{"mod.test/hello@v1.0.0"}
			s.get("a.test", info, 500)
		}, "http-server-error", "goproxy:a.test"},
		{"go.sum lacks a line, and the command may add it", func(s *story) {
			s.t.Command.Argv, s.t.Environment.Unsummed = []string{"go", "build", "-mod=mod"}, []string{"mod.test/hello@v1.0.0"}
		}, "", ""},
		{"no key in GOSUMDB", func(s *story) {
			s.set("GOSUMDB", "sum.test").get("a.test", "/mod.test/hello/@v/v1.0.0.mod", 200)
		}, "sumdb-bad-key", "config"},
		{"GOSUMDB=off", func(s *story) { s.set("GOSUMDB", "off").get("a.test", "/mod.test/hello/@v/v1.0.0.mod", 500) }, "http-server-error", "goproxy:a.test"},
		{"a toolchain without the database", func(s *story) {
			s.set("GOSUMDB", "off").get("a.test", "/golang.org/toolchain/@v/v0.0.1-go1.99.0.linux-amd64.zip", 200)
		}, "toolchain-needs-sumdb", "config"},
		{"a go.mod from the future", func(s *story) {
			s.t.Environment.GoVersion = "go1.26.8"
			page(s.set("GOTOOLCHAIN", "local").get("a.test", "/mod.test/hello/@v/v1.0.0.mod", 200), "module mod.test/hello\n\ngo 1.99\n")
		}, "toolchain-local-too-old", "config"},
		{"a go.mod of today", func(s *story) {
			s.t.Environment.GoVersion = "go1.26.8"
			page(s.set("GOTOOLCHAIN", "local").get("a.test", "/mod.test/hello/@v/v1.0.0.mod", 200), "module mod.test/hello\n\ngo 1.26.8\n")
			s.get("a.test", zip, 500)
		}, "http-server-error", "goproxy:a.test"},
		{"the environment hides go env -w", func(s *story) {
			s.t.Environment.GoEnv["GOPROXY"] = trace.Setting{Value: "https://a.test", Origin: "environment", Shadows: "https://b.test"}
			s.get("a.test", info, 500)
		}, "goproxy-env-shadow", "config"},
		{"the environment hides go env -w, and the version does not exist", func(s *story) {
			s.t.Environment.GoEnv["GOPROXY"] = trace.Setting{Value: "https://a.test", Origin: "environment", Shadows: "https://b.test"}
			s.get("a.test", info, 404)
		}, "http-not-found", "goproxy:a.test"},
		{"the environment hides the same entry", func(s *story) {
			s.t.Environment.GoEnv["GOPROXY"] = trace.Setting{Value: "https://a.test", Origin: "environment", Shadows: "https://a.test,direct"}
			s.get("a.test", info, 500)
		}, "http-server-error", "goproxy:a.test"},
		{"a dead entry hides that there is no relay", func(s *story) {
			s.goproxy("https://a.test|https://b.test").failed("a.test", "443", "REJ", "ECONNREFUSED", "")
			s.get("b.test", info, 200)
			s.get("b.test", "/sumdb/sum.test/supported", 404)
		}, "sumdb-shadowed-by-dead-first", "config"},
	}
}

// directExamples are about the way past the module proxies.
func directExamples() []example {
	const tag = `<meta name="go-import" content="git.test/lib git https://git.test/lib.git">`
	discovered := func(s *story) { page(s.goproxy("direct").get("git.test", "/lib?go-get=1", 200), tag) }
	return []example{
		{"no git in PATH", func(s *story) {
			s.t.Processes, s.t.Environment.Programs = s.t.Processes[:1], map[string]string{"git": ""}
			discovered(s)
		}, "git-missing", "host"},
		{"git in PATH, and GOVCS against it", func(s *story) {
			s.t.Processes, s.t.Environment.Programs = s.t.Processes[:1], map[string]string{"git": "/usr/bin/git"}
			discovered(s.set("GOVCS", "git.test:hg,*:all"))
		}, "govcs-denied", "config"},
		{"GOVCS for others", func(s *story) {
			s.t.Processes = s.t.Processes[:1]
			discovered(s.set("GOVCS", "hg.test:hg"))
			s.exit(0)
		}, "", ""},
		{"GONOPROXY, and the host does not exist", func(s *story) { s.set("GONOPROXY", "mod.test").lookup("mod.test", "NXDOMAIN") }, "gonoproxy-forces-direct", "config"},
		{"GOPROXY=direct, and the host does not exist", func(s *story) { s.goproxy("direct").set("GONOPROXY", "mod.test").lookup("mod.test", "NXDOMAIN") }, "dns-nxdomain", "resolver"},
		{"401 after the module proxy's 404", func(s *story) {
			s.goproxy("https://a.test,direct").get("a.test", "/git.test/lib/@v/v1.0.0.info", 404)
			page(s.get("git.test", "/lib?go-get=1", 200), tag)
			s.get("git.test", "/lib.git/info/refs?service=git-upload-pack", 401)
		}, "private-via-public-proxy", "config"},
		{"the same with GOPRIVATE", func(s *story) {
			page(s.goproxy("direct").set("GOPRIVATE", "git.test").get("git.test", "/lib?go-get=1", 200), tag)
			s.get("git.test", "/lib.git/info/refs?service=git-upload-pack", 401)
		}, "git-auth-prompt", "vcs:git.test"},
		{"no way to the module's host after a 404", func(s *story) {
			s.goproxy("https://a.test,direct").get("a.test", "/git.test/lib/@v/v1.0.0.info", 404)
			s.failed("git.test", "443", "REJ", "ECONNREFUSED", "")
		}, "discovery-blocked", "vcs:git.test"},
		{"a portal in place of the discovery", func(s *story) {
			s.t.Processes = s.t.Processes[:1]
			page(s.goproxy("direct").get("git.test", "/lib?go-get=1", 200), "<title>Log in</title>")
		}, "import-path-html", "vcs:git.test"},
		{"git at a proxy of its own", func(s *story) {
			s.t.Processes[1].Argv = []string{"git", "remote-https", "origin", "https://git.test/lib.git"}
			discovered(s)
			s.by(8, s.failed("proxy.test", "3128", "REJ", "ECONNREFUSED", ""))
		}, "git-proxy-differs", "config"},
		{"the proxy refuses git", func(s *story) {
			s.viaProxy()
			discovered(s)
			s.by(8, s.tunnel("git.test:443", 407, "Proxy-Authenticate", "Basic realm=x"))
		}, "git-proxy-refused", "http-proxy:proxy.test"},
		{"ssh is blocked", func(s *story) {
			s.t.Processes = append(s.t.Processes, &trace.Process{PID: 9, Exe: "/usr/bin/ssh", Argv: []string{"ssh", "git@git.test"}})
			discovered(s)
			s.by(9, s.failed("git.test", "22", "REJ", "ECONNREFUSED", ""))
		}, "ssh-blocked", "vcs:git.test"},
	}
}
