package goproxy

import (
	"testing"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

func config(goproxy, gosumdb string) *Config {
	return ConfigOf(&trace.Environment{GoEnv: map[string]trace.Setting{
		"GOPROXY": {Value: goproxy}, "GOSUMDB": {Value: gosumdb},
	}})
}

func TestPurpose(t *testing.T) {
	known := config("https://p.test/base/go,direct", "sum.test+hash+key")
	withURL := config("https://p.test", "sum.test+hash+key https://mirror.test/db")
	none := ConfigOf(nil)
	for _, c := range []struct {
		config                   *Config
		method, url              string
		purpose, module, version string
	}{
		{known, "GET", "https://p.test/base/go/mod.test/hello/@v/list", "list", "mod.test/hello", ""},
		{known, "GET", "https://p.test:443/base/go/mod.test/hello/@v/v1.0.0.info", "info", "mod.test/hello", "v1.0.0"},
		{known, "GET", "https://p.test/base/go/github.com/!burnt!sushi/toml/@v/v1.3.2.zip", "zip", "github.com/BurntSushi/toml", "v1.3.2"},
		{known, "GET", "https://p.test/base/go/github.com/%21burnt%21sushi/toml/@v/v1.3.2.mod", "mod", "github.com/BurntSushi/toml", "v1.3.2"},
		{known, "GET", "https://p.test/base/go/mod.test/hello/@latest", "latest", "mod.test/hello", ""},
		{known, "GET", "https://p.test/base/go/mod.test/hello/v2/@v/v2.0.0-20200101000000-abcdefabcdef.mod", "mod", "mod.test/hello/v2", "v2.0.0-20200101000000-abcdefabcdef"},
		{known, "GET", "https://p.test/base/go/golang.org/toolchain/@v/v0.0.1-go1.99.0.linux-amd64.zip", "toolchain", "golang.org/toolchain", "v0.0.1-go1.99.0.linux-amd64"},
		{known, "GET", "https://p.test/base/go/sumdb/sum.test/supported", "sumdb-supported", "", ""},
		{known, "GET", "https://p.test/base/go/sumdb/sum.test/lookup/mod.test/!hello@v1.0.0", "sumdb-lookup", "mod.test/Hello", "v1.0.0"},
		{known, "GET", "https://p.test/base/go/sumdb/sum.test/db/tile/8/0/x001/234.p/5", "sumdb-tile", "", ""},
		{known, "GET", "https://sum.test/lookup/mod.test/hello@v1.0.0", "sumdb-lookup", "mod.test/hello", "v1.0.0"},
		{known, "GET", "https://sum.test/tile/8/1/000", "sumdb-tile", "", ""},
		{withURL, "GET", "https://mirror.test/db/lookup/mod.test/hello@v1.0.0", "sumdb-lookup", "mod.test/hello", "v1.0.0"},
		{none, "GET", "https://any.test/lookup/mod.test/hello@v1.0.0", "sumdb-lookup", "mod.test/hello", "v1.0.0"},
		{none, "GET", "https://any.test/api/go/mod.test/hello/@v/list", "list", "mod.test/hello", ""},
		{none, "GET", "https://any.test/mod.test/hello/@v/v1.0.0.mod", "mod", "mod.test/hello", "v1.0.0"},
		{known, "GET", "https://mod.test/hello?go-get=1", "go-import", "mod.test/hello", ""},
		{known, "GET", "https://git.test/lib.git/info/refs?service=git-upload-pack", "git-refs", "git.test/lib", ""},
		{known, "POST", "https://git.test/lib.git/git-upload-pack", "git-pack", "git.test/lib", ""},
		{known, "GET", "https://git.test/lib.git/git-upload-pack", "other", "", ""},
		{known, "CONNECT", "p.test:443", "connect", "", ""},
		{known, "GET", "https://cdn.test/0123/abc?X-Signature=x", "other", "", ""},
		{known, "GET", "https://p.test/base/go/mod.test/hello/@v/v1.0.0.ziphash", "other", "", ""},
		{known, "GET", "https://p.test/base/go/@v/list", "other", "", ""},
		{none, "GET", "https://any.test/@v/list", "other", "", ""},
		{none, "GET", "/@v/", "other", "", ""},
		{none, "GET", "%zz", "other", "", ""},
	} {
		p, m, v := c.config.classify(c.method, c.url)
		if p != c.purpose || m != c.module || v != c.version {
			t.Errorf("%s %s: %s %q %q, want %s %q %q", c.method, c.url, p, m, v, c.purpose, c.module, c.version)
		}
	}
}

func TestPrivate(t *testing.T) {
	env := func(noproxy, private string) *Config {
		return ConfigOf(&trace.Environment{GoEnv: map[string]trace.Setting{"GONOPROXY": {Value: noproxy}, "GOPRIVATE": {Value: private}}})
	}
	for _, c := range []struct {
		config *Config
		path   string
		want   bool
	}{
		{env("", "corp.test/*"), "corp.test/a/b", true},
		{env("", "corp.test/*"), "corp.test.evil/a", false},
		{env("none", "corp.test/*"), "corp.test/a", false}, // a value of its own hides GOPRIVATE
		{env("a.test,b.test", ""), "b.test/x", true},
		{env("", ""), "a.test", false},
	} {
		if got := c.config.Private(c.path); got != c.want {
			t.Errorf("Private(%q) with %+v = %v", c.path, c.config, got)
		}
	}
}

func TestSumDBHost(t *testing.T) {
	for value, want := range map[string]string{
		"sum.golang.org":                "sum.golang.org",
		"sum.golang.google.cn":          "sum.golang.google.cn",
		"sum.test+hash+key":             "sum.test",
		"sum.test+hash+key http://x:81": "x",
		"off":                           "",
		"":                              "",
		"a b c":                         "",
	} {
		if got := config("", value).SumDBHost(); got != want {
			t.Errorf("GOSUMDB=%q: host %q, want %q", value, got, want)
		}
	}
}

func TestRepositories(t *testing.T) {
	for _, c := range []struct {
		page string
		want []repository
	}{
		{`<meta name="go-import" content="git.test/lib git https://git.test/lib.git">`, []repository{{"git.test/lib", "git", "https://git.test/lib.git"}}},
		{`<META content='a git https://b' name=go-import />`, []repository{{"a", "git", "https://b"}}},
		{`<meta name="go-import-not" content="a git https://b">`, nil},
		{`<meta name="go-import" content="a git">`, nil},
		{`<meta name="go-import" content="a git https://b`, nil}, // cut
		{`<html>`, nil},
	} {
		got := repositories([]byte(c.page), "")
		if len(got) != len(c.want) || len(got) > 0 && got[0] != c.want[0] {
			t.Errorf("%s: %v, want %v", c.page, got, c.want)
		}
	}
}

func FuzzPurpose(f *testing.F) {
	for _, s := range []string{
		"https://p.test/base/go/mod.test/hello/@v/v1.0.0.info", "https://sum.test/lookup/a.b/c@v1", "/sumdb//lookup/@",
		"https://x/sumdb/a/tile/8/0/000", "https://h/p?go-get=1", "https://h/a.git/info/refs?service=git-upload-pack", "//@v/.zip", "https://p.test/base/go//@latest",
	} {
		f.Add("GET", s)
	}
	c := config("https://p.test/base/go,http://q.test:81|direct", "sum.test+h+k https://sum.test/x")
	purposes := map[string]bool{}
	for _, p := range []string{"list", "info", "mod", "zip", "latest", "sumdb-supported", "sumdb-lookup", "sumdb-tile", "go-import", "git-refs", "git-pack", "toolchain", "connect", "other"} {
		purposes[p] = true
	}
	f.Fuzz(func(t *testing.T, method, url string) {
		p, m, _ := c.classify(method, url)
		if !purposes[p] {
			t.Errorf("%s %q: purpose %q", method, url, p)
		}
		if p == trace.PurposeZip && m == "" {
			t.Errorf("%s %q: a file of no module", method, url)
		}
		// The whole way a request goes must survive any URL.
		tr := &trace.Trace{Requests: []*trace.Request{
			{ID: 1, Method: method, URL: url, Status: 302, ResponseHeaders: []trace.Header{{Name: "location", Value: url}}},
			{ID: 2, Method: method, URL: url, Status: 404},
		}}
		Explain(tr)
	})
}

func FuzzRepositories(f *testing.F) {
	f.Add([]byte(`<meta name="go-import" content="git.test/lib git https://git.test/lib.git">`), "")
	f.Add([]byte{0x1f, 0x8b, 8, 0}, "gzip")
	f.Fuzz(func(t *testing.T, page []byte, encoding string) {
		for _, r := range repositories(page, encoding) {
			if r.root == "" || r.vcs == "" || r.url == "" {
				t.Errorf("%+v", r)
			}
		}
	})
}
