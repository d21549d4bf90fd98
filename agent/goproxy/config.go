package goproxy

import (
	"net/url"
	"strings"

	"golang.org/x/mod/module"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// Config is what the settings of the go command say about where modules come
// from.
type Config struct {
	// List is GOPROXY; empty when it is not known.
	List []Entry
	// Err is why the go command refuses the list.
	Err error
	// noProxy are the patterns of modules that are fetched directly.
	noProxy string
	// sumName and sumURL are the checksum database's name and the URL at which
	// it is asked without a proxy; empty when not known or off.
	sumName string
	sumURL  *url.URL
}

// ConfigOf reads the settings that the command saw; env may be nil.
func ConfigOf(env *trace.Environment) *Config {
	c := &Config{}
	if env == nil {
		return c
	}
	get := func(name string) string { return env.GoEnv[name].Value }
	if v := get("GOPROXY"); v != "" {
		c.List, c.Err = ParseList(v)
	}
	// GONOPROXY defaults to GOPRIVATE; any value of its own hides GOPRIVATE
	// ($GOROOT/src/cmd/go/internal/cfg/cfg.go).
	if c.noProxy = get("GONOPROXY"); c.noProxy == "" {
		c.noProxy = get("GOPRIVATE")
	}
	c.sumName, c.sumURL = sumDB(get("GOSUMDB"))
	return c
}

// sumDB reads GOSUMDB, "name", "name+hash+key" or either followed by a URL, as
// dbDial in $GOROOT/src/cmd/go/internal/modfetch/sumdb.go does.
func sumDB(value string) (name string, base *url.URL) {
	if value == "sum.golang.google.cn" { // the go command's own alias
		value = "sum.golang.org https://sum.golang.google.cn"
	}
	fields := strings.Fields(value)
	if len(fields) == 0 || len(fields) > 2 || fields[0] == Off {
		return "", nil
	}
	name, _, _ = strings.Cut(fields[0], "+")
	at := "https://" + name
	if len(fields) == 2 {
		at = fields[1]
	}
	base, err := url.Parse(at)
	if err != nil {
		return name, nil
	}
	return name, base
}

// SumDBHost returns the host at which the checksum database is asked without a
// proxy, or "" when it is not known or off.
func (c *Config) SumDBHost() string {
	if c.sumURL == nil {
		return ""
	}
	return strings.ToLower(c.sumURL.Hostname())
}

// Private reports whether GONOPROXY (or GOPRIVATE) keeps the module from the
// module proxies.
func (c *Config) Private(path string) bool {
	return c.noProxy != "" && module.MatchPrefixPatterns(c.noProxy, path)
}

// listFor returns the entries that the go command tries for a module.
func (c *Config) listFor(path string) []Entry {
	if path != "" && c.Private(path) {
		return []Entry{{URL: Direct}}
	}
	return c.List
}

// entryOf returns the index of the entry whose base the URL begins with; the
// longest base wins. It is -1 if there is none.
func (c *Config) entryOf(u *url.URL) int {
	best, length := -1, -1
	for i, e := range c.List {
		scheme, host, prefix, ok := e.base()
		if !ok || scheme != u.Scheme || !sameAuthority(scheme, host, strings.ToLower(u.Host)) || len(prefix) <= length {
			continue
		}
		if strings.HasPrefix(u.Path, prefix+"/") {
			best, length = i, len(prefix)
		}
	}
	return best
}

// sameAuthority compares host[:port], with the scheme's own port left out or not.
func sameAuthority(scheme, a, b string) bool {
	port := ":443"
	if scheme == "http" {
		port = ":80"
	}
	return strings.TrimSuffix(a, port) == strings.TrimSuffix(b, port)
}
