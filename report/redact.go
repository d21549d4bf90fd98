package report

import (
	"cmp"
	"encoding/base64"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/gopx-trace/gopx-trace/agent/trace"
)

// Mask stands where a secret was.
const Mask = "***"

// placeholder is the userinfo that our own advice writes for the reader to fill in.
const placeholder = "USER:PASSWORD"

// headerField prefixes a header's name where rewrite names the field of a
// header value.
const headerField = "header:"

// Redact returns a copy of the trace without secrets: credentials in headers,
// URLs, settings and arguments are replaced by [Mask], and so is every other
// place where one of the same secrets stands again.
func Redact(t *trace.Trace) *trace.Trace {
	r := newRedactor()
	once := rewrite(t, r.field)
	echoes := r.echoes()
	return rewrite(once, func(_, s string) string { return echoes.Replace(s) })
}

// redactor masks secrets and remembers them.
type redactor struct {
	found map[string]bool
	// Places in running text where a secret can stand, each with two groups:
	// what comes before it, and the secret.
	userinfo, parameter, scheme *regexp.Regexp
}

func newRedactor() *redactor {
	return &redactor{
		found: map[string]bool{},
		// The last @ before the path ends the userinfo (RFC 3986, section 3.2).
		userinfo:  regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)([^/?#\s"'<>|]*)@`),
		parameter: regexp.MustCompile(`(?i)([?&;][\w.-]*(?:token|secret|signature|sig|passw(?:or)?d|pwd|credential|api[_-]?key|access[_-]?key|auth|session|code)[\w.-]*=)([^&#\s"'<>;,|]+)`),
		scheme:    regexp.MustCompile(`(?i)\b((?:bearer|basic|negotiate|ntlm|token)\s+)([A-Za-z0-9+/._~=-]{8,})`),
	}
}

// shortestEcho is the length from which a secret found in one place is
// replaced wherever it stands; shorter ones would tear words apart.
const shortestEcho = 6

// echoes replaces the secrets that were found, longest first.
func (r *redactor) echoes() *strings.Replacer {
	var list []string
	for s := range r.found {
		if len(s) >= shortestEcho && s != Mask {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b string) int {
		return cmp.Or(len(b)-len(a), strings.Compare(a, b))
	})
	var pairs []string
	for _, s := range list {
		pairs = append(pairs, s, Mask)
	}
	return strings.NewReplacer(pairs...)
}

// field masks what is secret in one string.
func (r *redactor) field(name, s string) string {
	if h, ok := strings.CutPrefix(name, headerField); ok && secretHeader(h) {
		return r.credentials(s)
	}
	return r.text(s)
}

// secretHeader tells whether the value of that header is a credential.
func secretHeader(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case "authorization", "proxy-authorization", "cookie", "set-cookie", "set-cookie2",
		"authentication-info", "proxy-authentication-info":
		return true
	}
	for _, part := range []string{"token", "secret", "api-key", "apikey", "password", "session"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// credentials keeps the scheme of "Basic dXNlcjpwYXNz" and masks the rest.
func (r *redactor) credentials(s string) string {
	scheme, rest, ok := strings.Cut(s, " ")
	if !ok || strings.ContainsAny(scheme, "=;,") {
		r.note(s)
		return Mask
	}
	r.note(rest)
	if raw, err := base64.StdEncoding.DecodeString(rest); err == nil {
		_, password, _ := strings.Cut(string(raw), ":")
		r.note(password)
	}
	return scheme + " " + Mask
}

// note remembers a secret and the ways in which it may be written.
func (r *redactor) note(s string) {
	if s == "" {
		return
	}
	r.found[s] = true
	if u, err := url.PathUnescape(s); err == nil {
		r.found[u] = true
	}
	r.found[url.QueryEscape(s)] = true
	r.found[url.PathEscape(s)] = true
}

// text masks userinfo and secret parameters of URLs, and credentials that
// follow the name of their scheme, anywhere in s.
func (r *redactor) text(s string) string {
	if !strings.ContainsAny(s, "@= ") {
		return s
	}
	s = r.userinfo.ReplaceAllStringFunc(s, func(m string) string {
		g := r.userinfo.FindStringSubmatch(m)
		if g[2] == placeholder {
			return m
		}
		r.note(g[2])
		if _, password, ok := strings.Cut(g[2], ":"); ok {
			r.note(password)
		}
		return g[1] + Mask + "@"
	})
	s = r.parameter.ReplaceAllStringFunc(s, func(m string) string {
		g := r.parameter.FindStringSubmatch(m)
		r.note(g[2])
		return g[1] + Mask
	})
	return r.scheme.ReplaceAllStringFunc(s, func(m string) string {
		g := r.scheme.FindStringSubmatch(m)
		if !looksRandom(g[2]) {
			return m
		}
		r.note(g[2])
		return g[1] + Mask
	})
}

// looksRandom keeps words of a sentence ("basic authentication") from being
// taken for a credential.
func looksRandom(s string) bool {
	return strings.ContainsAny(s, "0123456789=") || strings.ToLower(s[1:]) != s[1:]
}
