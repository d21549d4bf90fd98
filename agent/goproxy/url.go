package goproxy

import (
	"net/url"
	"strings"
)

// Host returns the host of a URL without its port, in lower case; empty if it
// has none or does not parse.
func Host(raw string) string {
	u, err := parseURL(raw)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// parseURL is [url.Parse], and costs nothing for what nearly all URLs of module
// files look like: http or https, a name, maybe a port, and a path in which
// nothing is escaped. Every request's URL is parsed several times.
func parseURL(raw string) (url.URL, error) {
	if u, ok := plainURL(raw); ok {
		return u, nil
	}
	u, err := url.Parse(raw)
	if err != nil {
		return url.URL{}, err
	}
	return *u, nil
}

// plainURL parses such a URL; false if it is none.
func plainURL(raw string) (u url.URL, ok bool) {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok || scheme != "https" && scheme != "http" {
		return u, false
	}
	n := strings.IndexByte(rest, '/')
	if n < 0 {
		n = len(rest)
	}
	host, path := rest[:n], rest[n:]
	if !plainHost(host) {
		return u, false
	}
	for i := range len(path) {
		// What url.URL.EscapedPath does not change (RFC 3986, section 3.3).
		if c := path[i]; !alphanumeric(c) && strings.IndexByte("/@.-_~$&+,:;=", c) < 0 {
			return u, false
		}
	}
	return url.URL{Scheme: scheme, Host: host, Path: path}, true
}

// plainHost reports whether a is a name or an IPv4 address, with or without a
// port.
func plainHost(a string) bool {
	name, port, ok := strings.Cut(a, ":")
	if name == "" || ok && (port == "" || strings.Trim(port, "0123456789") != "") {
		return false
	}
	for i := range len(name) {
		if c := name[i]; !alphanumeric(c) && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}
