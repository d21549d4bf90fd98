package goproxy

import (
	"net/url"

	"golang.org/x/net/http/httpproxy"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// ProxyVariables are the *_PROXY variables as the go command reads them, once
// for each process: upper case goes before lower case, ALL_PROXY does not count
// (golang.org/x/net/http/httpproxy).
type ProxyVariables struct {
	// HTTPS, HTTP and NoProxy are the names of the variables in force; empty
	// where none is set.
	HTTPS, HTTP, NoProxy string

	values map[string]string
	choose func(*url.URL) (*url.URL, error)
}

// ProxyVariablesOf reads the variables that the command saw; env may be nil.
func ProxyVariablesOf(env *trace.Environment) *ProxyVariables {
	p := &ProxyVariables{values: map[string]string{}}
	if env != nil {
		p.values = env.Proxy
	}
	p.HTTPS, p.HTTP, p.NoProxy = p.first("HTTPS_PROXY", "https_proxy"), p.first("HTTP_PROXY", "http_proxy"), p.first("NO_PROXY", "no_proxy")
	c := httpproxy.Config{HTTPProxy: p.values[p.HTTP], HTTPSProxy: p.values[p.HTTPS], NoProxy: p.values[p.NoProxy]}
	p.choose = c.ProxyFunc()
	return p
}

// first returns the first of the names that has a value; empty without one.
func (p *ProxyVariables) first(names ...string) string {
	for _, name := range names {
		if p.values[name] != "" {
			return name
		}
	}
	return ""
}

// Value returns what a variable is set to; empty for the name "".
func (p *ProxyVariables) Value(name string) string { return p.values[name] }

// For returns the proxy that go asks for a URL; nil if it goes there directly,
// or if the variable cannot be read, which go passes over in silence.
func (p *ProxyVariables) For(raw string) *url.URL {
	u, err := url.Parse(raw)
	if err != nil {
		return nil
	}
	proxy, err := p.choose(u)
	if err != nil {
		return nil
	}
	return proxy
}
