package goproxy

import (
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

func TestProxyVariables(t *testing.T) {
	for _, c := range []struct {
		name  string
		env   map[string]string
		https string // the variable in force
		url   string
		want  string // the proxy's host:port
	}{
		{"upper case goes first", map[string]string{"HTTPS_PROXY": "http://a.test:1", "https_proxy": "http://b.test:2"}, "HTTPS_PROXY", "https://x.test/", "a.test:1"},
		{"an empty one does not", map[string]string{"HTTPS_PROXY": "", "https_proxy": "http://b.test:2"}, "https_proxy", "https://x.test/", "b.test:2"},
		{"HTTP_PROXY is for http", map[string]string{"HTTP_PROXY": "http://a.test:1"}, "", "https://x.test/", ""},
		{"and for nothing else", map[string]string{"HTTP_PROXY": "http://a.test:1"}, "", "http://x.test/", "a.test:1"},
		{"ALL_PROXY does not count", map[string]string{"ALL_PROXY": "http://a.test:1"}, "", "https://x.test/", ""},
		{"NO_PROXY with a comma", map[string]string{"HTTPS_PROXY": "http://a.test:1", "NO_PROXY": "y.test,x.test"}, "HTTPS_PROXY", "https://x.test/", ""},
		{"NO_PROXY with a blank", map[string]string{"HTTPS_PROXY": "http://a.test:1", "NO_PROXY": "y.test x.test"}, "HTTPS_PROXY", "https://x.test/", "a.test:1"},
		{"NO_PROXY with a leading dot", map[string]string{"HTTPS_PROXY": "http://a.test:1", "NO_PROXY": ".x.test"}, "HTTPS_PROXY", "https://x.test/", "a.test:1"},
		{"a value that can't be read", map[string]string{"HTTPS_PROXY": "http://u:5%zz@a.test:1"}, "HTTPS_PROXY", "https://x.test/", ""},
		{"a URL that can't be read", map[string]string{"HTTPS_PROXY": "http://a.test:1"}, "HTTPS_PROXY", "https://%zz/", ""},
	} {
		p := ProxyVariablesOf(&trace.Environment{Proxy: c.env})
		got := ""
		if u := p.For(c.url); u != nil {
			got = u.Host
		}
		if p.HTTPS != c.https || got != c.want {
			t.Errorf("%s: %q by %q, want %q by %q", c.name, got, p.HTTPS, c.want, c.https)
		}
	}
	if p := ProxyVariablesOf(nil); p.HTTPS != "" || p.Value("HTTPS_PROXY") != "" || p.For("https://x.test/") != nil {
		t.Error("no environment has a proxy")
	}
}

func TestVCSAllowed(t *testing.T) {
	for _, c := range []struct {
		govcs, private, path, vcs string
		want, wantPrivate         bool
	}{
		{"", "", "git.test/lib", "git", true, false},
		{"", "", "git.test/lib", "bzr", false, false},
		{"", "git.test", "git.test/lib", "bzr", true, true},
		{"public:off", "", "git.test/lib", "git", false, false},
		{"git.test:git,public:off", "", "git.test/lib", "git", true, false},
		{"git.test:hg|svn,*:all", "", "git.test/lib", "git", false, false},
		{" private : git , public : off", "*.test", "git.test/lib", "git", true, true},
		{"nonsense", "", "git.test/lib", "git", true, false},
	} {
		allowed, private := VCSAllowed(c.govcs, c.private, c.path, c.vcs)
		if allowed != c.want || private != c.wantPrivate {
			t.Errorf("GOVCS=%q GOPRIVATE=%q: %s for %s allowed %v, private %v", c.govcs, c.private, c.vcs, c.path, allowed, private)
		}
	}
}

func TestVCS(t *testing.T) {
	const page = `<meta name="go-import" content="git.test/lib hg https://hg.test/lib">`
	for path, want := range map[string]string{"git.test/lib": "hg", "git.test/lib/v2": "hg", "git.test/library": "", "git.test": ""} {
		if got := VCS([]byte(page), path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
